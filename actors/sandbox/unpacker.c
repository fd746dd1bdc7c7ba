/* unpacker.c - reading an archive with libarchive; see unpacker.h. */
#include "actors/sandbox/unpacker.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "bus/owned.h"

enum { PIECE_OCTETS = 65536 };

struct unpacking {
    int to;
    struct archive *archive;
    uint64_t octets_left;
    uint32_t entries_left;
    char piece[PIECE_OCTETS];
};

static bool is_broken(struct fault *fault)
{
    return fault_set(fault, FAULT_malformed, "an archive that is broken or holds what it must not");
}

/* Relative, of plain names; a slash behind a directory's is cut off. */
static bool read_path(struct archive_entry *entry, char out[PATH_MAX])
{
    const char *path = archive_entry_pathname(entry);
    size_t size = path ? strlen(path) : 0;

    if (size > 0 && path[size - 1] == '/')
        size--;
    if (size == 0 || size >= PATH_MAX)
        return false;
    (void) snprintf(out, PATH_MAX, "%.*s", (int)size, path);
    for (const char *at = out;; at++) {
        size_t name = strcspn(at, "/");
        if (name == 0 || (name == 1 && *at == '.') || (name == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += name;
        if (!*at)
            return true;
    }
}

static int open_parent(const struct unpacking *self, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];

    (void) snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1,
                    slash ? path : ".");
    *name = slash ? slash + 1 : path;
    return tree_open_directory(self->to, parent);
}

static bool write_octets(int fd, const char *at, size_t size, struct fault *fault)
{
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return tree_fault(fault, "write a file");
        at += written;
        size -= (size_t)written;
    }
    return true;
}

static bool fill(struct unpacking *self, int fd, struct fault *fault)
{
    for (;;) {
        la_ssize_t size = archive_read_data(self->archive, self->piece, sizeof self->piece);
        if (size < 0)
            return is_broken(fault);
        if (size == 0)
            return true;
        if ((uint64_t)size > self->octets_left)
            return fault_set(fault, FAULT_too_large, "the archive holds too many octets");
        self->octets_left -= (uint64_t)size;
        if (!write_octets(fd, self->piece, (size_t)size, fault))
            return false;
    }
}

static bool make_file(struct unpacking *self, struct archive_entry *entry, int parent,
                      const char *name, struct fault *fault)
{
    const struct timespec times[2] = {{archive_entry_mtime(entry), 0},
                                      {archive_entry_mtime(entry), 0}};
    OWNED(fd) int fd = openat(parent, name,
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                              0600 | (archive_entry_perm(entry) & 0100));

    if (fd < 0 && errno == EEXIST)
        return is_broken(fault);
    if (fd < 0)
        return tree_fault(fault, "create a file");
    return fill(self, fd, fault) && (futimens(fd, times) == 0 || tree_fault(fault, "futimens"));
}

static bool make_entry(struct unpacking *self, struct archive_entry *entry, struct fault *fault)
{
    char path[PATH_MAX];
    const char *name;
    bool is_file = archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry);

    if (self->entries_left-- == 0)
        return fault_set(fault, FAULT_too_large, "the archive holds too many files");
    if (!read_path(entry, path) || (!is_file && archive_entry_filetype(entry) != AE_IFDIR))
        return is_broken(fault);
    OWNED(fd) int parent = open_parent(self, path, &name);
    if (parent < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? is_broken(fault) : tree_fault(fault, "open a directory");
    if (is_file)
        return make_file(self, entry, parent, name, fault);
    if (mkdirat(parent, name, 0700) == 0)
        return true;
    return errno == EEXIST ? is_broken(fault) : tree_fault(fault, "mkdir");
}

static bool read_entries(struct unpacking *self, struct text archive, struct fault *fault)
{
    struct archive_entry *entry;
    int code;

    if (archive_read_support_format_tar(self->archive) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(self->archive) != ARCHIVE_OK ||
        archive_read_open_memory(self->archive, archive.at, archive.size) != ARCHIVE_OK)
        return is_broken(fault);
    while ((code = archive_read_next_header(self->archive, &entry)) == ARCHIVE_OK ||
           code == ARCHIVE_WARN)
        if (!make_entry(self, entry, fault))
            return false;
    return code == ARCHIVE_EOF || is_broken(fault);
}

bool unpack(int to, struct text archive, const struct tree_bounds *bounds, struct fault *fault)
{
    struct unpacking self = {.to = to, .archive = archive_read_new(),
                             .octets_left = bounds->octets_max,
                             .entries_left = bounds->entries_max};
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    bool done = false;

    if (self.archive && utf8) {
        locale_t before = uselocale(utf8);
        done = read_entries(&self, archive, fault);
        (void) uselocale(before);
    } else {
        (void) fault_set(fault, FAULT_internal, "no memory for an archive");
    }
    if (self.archive)
        (void) archive_read_free(self.archive);
    if (utf8)
        freelocale(utf8);
    return done;
}
