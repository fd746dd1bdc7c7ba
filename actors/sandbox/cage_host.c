/* cage_host.c - what every cage of this host shares; see cage_host.h. */
#include "actors/sandbox/cage_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/reach.h"
#include "actors/sandbox/runtime.h"
#include "actors/sandbox/tree.h"
#include "bus/beside.h"
#include "bus/landlock.h"
#include "bus/owned.h"

enum { PIECE_OCTETS = 65536 };

/* ---- the scripts that run in cages are part of this program ---- */

#define SCRIPT(name, path)                              \
    extern const char name##_begin[], name##_end[];     \
    __asm__(".pushsection .rodata\n"                    \
            ".global " #name "_begin, " #name "_end\n"  \
            #name "_begin:\n"                           \
            ".incbin \"" path "\"\n"                    \
            #name "_end:\n"                             \
            ".byte 0\n"                                 \
            ".popsection\n");
SCRIPT(static_js, ISEKAI_STATIC_JS)
SCRIPT(egress_js, ISEKAI_EGRESS_JS)
SCRIPT(warm_js, ISEKAI_WARM_JS)

/* ---- finding programs ---- */

static bool is_program(const char *path)
{
    OWNED(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char magic[4];

    return fd >= 0 && access(path, X_OK) == 0 && read(fd, magic, sizeof magic) == sizeof magic &&
           memcmp(magic, "\x7f" "ELF", sizeof magic) == 0;
}

bool cage_host_program(const char *name, char out[PATH_MAX])
{
    const char *list = getenv("PATH");
    char path[PATH_MAX];

    for (const char *at = list ? list : "/usr/bin:/bin"; *at;) {
        size_t size = strcspn(at, ":");
        int length = snprintf(path, sizeof path, "%.*s/%s", (int)size, at, name);
        if (*at == '/' && length < (int)sizeof path && is_program(path) && realpath(path, out))
            return true;
        at += size + (at[size] == ':');
    }
    return false;
}

static bool find_node(struct cage_host *out, const char *node_path, struct fault *fault)
{
    if (*node_path) {
        if (realpath(node_path, out->node) && is_program(out->node))
            return true;
        return fault_set(fault, FAULT_not_found, "SANDBOX_NODE_PATH '%s' is no program", node_path);
    }
    return cage_host_program("node", out->node) || cage_host_program("nodejs", out->node) ||
           fault_set(fault, FAULT_not_found, "node is not in PATH; install it with: apt-get "
                     "install nodejs, or set SANDBOX_NODE_PATH");
}

/* A node outside of /usr may keep libraries beside its bin directory. */
static void find_node_lib(struct cage_host *out)
{
    struct stat about;
    char *cut;

    (void) snprintf(out->node_lib, sizeof out->node_lib, "%s", out->node);
    for (int i = 0; i < 2 && (cut = strrchr(out->node_lib, '/')); i++)
        *cut = '\0';
    bool is_known = *out->node_lib == '\0' || strcmp(out->node_lib, "/usr") == 0;
    size_t size = strlen(out->node_lib);
    (void) snprintf(out->node_lib + size, sizeof out->node_lib - size, "/lib");
    if (is_known || stat(out->node_lib, &about) < 0 || !S_ISDIR(about.st_mode))
        *out->node_lib = '\0';
}

static void choose_caged_paths(struct cage_host *out)
{
    bool is_in_usr = strncmp(out->node, "/usr/", 5) == 0;

    (void) snprintf(out->caged_node, sizeof out->caged_node, "%s",
                    is_in_usr ? out->node : "/opt/node/bin/node");
    (void) snprintf(out->caged_lib, sizeof out->caged_lib, "%s",
                    is_in_usr ? out->node_lib : "/opt/node/lib");
}

bool cage_host_own_init(char out[PATH_MAX], struct fault *fault)
{
    return beside_program("isekai-init", out, fault) &&
           (is_program(out) || fault_set(fault, FAULT_not_found, "'%s' is missing", out));
}

/* ---- writing the shared files ---- */

static bool write_octets(int fd, const char *at, size_t size, struct fault *fault)
{
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0)
            return tree_fault(fault, "write the cage's files");
        at += written;
        size -= (size_t)written;
    }
    return true;
}

/* A new file each time: the old one may be in use by a cage that is still ending. */
static int create(int dir, const char *name, mode_t mode, struct fault *fault)
{
    (void) unlinkat(dir, name, 0);
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

    if (fd < 0 || fchmod(fd, mode) < 0) {
        (void) tree_fault(fault, name);
        fd_drop(&fd);
    }
    return fd;
}

static bool put(int dir, const char *name, const char *text, size_t size, struct fault *fault)
{
    OWNED(fd) int fd = create(dir, name, 0444, fault);

    return fd >= 0 && write_octets(fd, text, size, fault);
}

static bool copy_program(int dir, const char *name, const char *from, struct fault *fault)
{
    OWNED(fd) int source = open(from, O_RDONLY | O_CLOEXEC);
    OWNED(fd) int target = source >= 0 ? create(dir, name, 0555, fault) : -1;
    char piece[PIECE_OCTETS];
    ssize_t size;

    if (source < 0)
        return fault_set(fault, FAULT_not_found, "'%s': %s", from, strerror(errno));
    if (target < 0)
        return false;
    while ((size = read(source, piece, sizeof piece)) > 0)
        if (!write_octets(target, piece, (size_t)size, fault))
            return false;
    return size == 0 || tree_fault(fault, "read a program for cages");
}

static const struct { const char *name, *text; } etc_files[] = {
    {"passwd", "app:x:1000:1000:app:/app:/nonexistent\n"},
    {"group", "app:x:1000:\n"},
    {"hosts", "127.0.0.1 localhost\n"},
    {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
    {"resolv.conf", ""},
};

/* Without it ICU looks for the host's zone among all there are, at the first date that is written.
 * The zone's name is in the link; the file need not be there. */
static bool link_time_zone(int etc, struct fault *fault)
{
    return symlinkat("/usr/share/zoneinfo/Etc/UTC", etc, "localtime") == 0 || errno == EEXIST ||
           tree_fault(fault, "link 'localtime'");
}

bool cage_host_put(const struct cage_host *self, const char *directory, const char *name,
                   const char *text, struct fault *fault)
{
    OWNED(fd) int files = tree_make_directory(AT_FDCWD, self->files, 0755, fault);
    OWNED(fd) int dir = files >= 0 ? tree_make_directory(files, directory, 0755, fault) : -1;

    return dir >= 0 && put(dir, name, text, strlen(text), fault);
}

/* A program that was built and installed beside isekai-init. */
static bool copy_beside(int dir, const char *name, const char *init, struct fault *fault)
{
    const char *slash = strrchr(init, '/');
    char path[PATH_MAX + 16];

    (void) snprintf(path, sizeof path, "%.*sisekai-%s", slash ? (int)(slash + 1 - init) : 0, init,
                    name);
    return copy_program(dir, name, path, fault);
}

static bool write_files(const char *path, const char *init, struct fault *fault)
{
    OWNED(fd) int cage = tree_make_directory(AT_FDCWD, path, 0755, fault);
    OWNED(fd) int programs = cage >= 0 ? tree_make_directory(cage, "isekai", 0755, fault) : -1;
    OWNED(fd) int etc = programs >= 0 ? tree_make_directory(cage, "etc", 0755, fault) : -1;

    if (etc < 0)
        return false;
    for (size_t i = 0; i < sizeof etc_files / sizeof *etc_files; i++)
        if (!put(etc, etc_files[i].name, etc_files[i].text, strlen(etc_files[i].text), fault))
            return false;
    return link_time_zone(etc, fault) &&
           put(programs, "static.js", static_js_begin, (size_t)(static_js_end - static_js_begin),
               fault) &&
           put(programs, "egress.js", egress_js_begin, (size_t)(egress_js_end - egress_js_begin),
               fault) &&
           put(programs, "egress.sock", "", 0, fault) &&       /* a cage's own is mounted over it */
           put(programs, "warm.js", warm_js_begin, (size_t)(warm_js_end - warm_js_begin), fault) &&
           copy_program(programs, "init", init, fault) &&
           copy_beside(programs, "guest", init, fault) &&
           copy_beside(programs, "proof", init, fault) && copy_beside(cage, "egress", init, fault);
}

/* Behind Landlock nobody may mount, and so no runtime could begin. */
static unsigned find_landlock(const struct runtime *runtime)
{
    unsigned version = landlock_version();

    return version >= 2 && !runtime->command ? version : 0;
}

bool cage_host_find(struct cage_host *out, const struct runtime *runtime, const char *node_path,
                    const char *init, const char *directory, bool for_others, struct fault *fault)
{
    *out = (struct cage_host){.runtime = runtime};
    if (!cage_host_program("bwrap", out->bwrap))
        return fault_set(fault, FAULT_not_found, "bwrap is not in PATH; install it with: apt-get "
                         "install bubblewrap");
    if (!find_node(out, node_path, fault))
        return false;
    out->landlock = find_landlock(runtime);
    find_node_lib(out);
    choose_caged_paths(out);
    if (for_others && !reach_check(out->node, fault))
        return fault_while(fault, "node");
    if (snprintf(out->files, sizeof out->files, "%s/cage", directory) >= (int)sizeof out->files)
        return fault_set(fault, FAULT_internal, "the data directory's path is too long");
    return write_files(out->files, init, fault) && runtime->find(out, fault);
}
