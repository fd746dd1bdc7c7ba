/* library_files.c - from a directory to a template's files and features. */
#include "actors/planner/library_files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>

#include "actors/planner/slots.h"
#include "bus/owned.h"

struct target { struct library *library; struct template *template; struct text *about; };

static bool read_content(struct library *library, int fd, size_t size, struct text *out,
                         struct fault *fault)
{
    char *content = arena_take(library->arena, size + 1);
    size_t filled = 0;

    if (!content)
        return fault_set(fault, FAULT_internal, "over %d octets in all", LIBRARY_OCTETS_MAX);
    while (filled < size) {
        ssize_t got = read(fd, content + filled, size - filled);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return fault_set(fault, FAULT_internal, "cannot be read");
        filled += got > 0 ? (size_t)got : 0;
    }
    *out = (struct text){content, size};
    if (text_code_points(*out) == SIZE_MAX)
        return fault_set(fault, FAULT_internal, "is not valid UTF-8");
    return true;
}

static bool read_file(struct library *library, const char *path, struct text *out,
                      struct fault *fault)
{
    struct stat about;
    OWNED(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fstat(fd, &about) < 0)
        return fault_set(fault, FAULT_internal, "%s", strerror(errno));
    if (!S_ISREG(about.st_mode))
        return fault_set(fault, FAULT_internal, "is no regular file");
    if (about.st_size > FILE_CONTENT_OCTETS_MAX)
        return fault_set(fault, FAULT_internal, "is over %d octets", FILE_CONTENT_OCTETS_MAX);
    return read_content(library, fd, (size_t)about.st_size, out, fault);
}

bool template_add_file(struct template *template, struct file file, struct fault *fault)
{
    if (template->file_count == FILES_MAX)
        return fault_set(fault, FAULT_internal, "is one file too many");
    template->files[template->file_count++] = file;
    return true;
}

bool template_add_snippet(struct template *template, enum feature feature,
                          struct snippet snippet, struct fault *fault)
{
    struct template_feature *can = &template->can[feature];

    if (can->snippet_count == SNIPPETS_MAX)
        return fault_set(fault, FAULT_internal, "is one slot too many");
    can->snippets[can->snippet_count++] = snippet;
    return true;
}

static bool add_file(const struct target *target, const char *name, struct text content,
                     struct fault *fault)
{
    struct text path = arena_text(target->library->arena, text_from(name));

    if (!path.at || !text_is_file_path(path))
        return fault_set(fault, FAULT_internal, "has a path that apps may not have");
    return template_add_file(target->template, (struct file){.path = path, .content = content},
                             fault);
}

/* In HTML the first id, elsewhere the first line: what a person who edits it leaves as it is. */
static struct text marker_of(struct text content)
{
    const char *id = memmem(content.at, content.size, " id=\"", 5);
    const char *line = memchr(content.at, '\n', content.size);
    const char *end = id && text_trimmed(content).at[0] == '<'
                          ? memchr(id + 5, '"', content.size - (size_t)(id + 5 - content.at))
                          : NULL;

    if (end)
        return (struct text){id, (size_t)(end + 1 - id)};
    return text_trimmed((struct text){content.at, line ? (size_t)(line - content.at)
                                                       : content.size});
}

static bool find_feature(struct text directory, enum feature *feature)
{
    for (int i = 0; i < FEATURES; i++)
        if (text_is(directory, feature_directory((enum feature)i))) {
            *feature = (enum feature)i;
            return true;
        }
    return false;
}

/* name is "dark-mode/style". */
static bool add_snippet(const struct target *target, const char *name, struct text content,
                        struct fault *fault)
{
    const char *slash = strchr(name, '/');
    enum feature feature;
    struct text slot = arena_text(target->library->arena, text_from(slash ? slash + 1 : ""));

    if (!slash || !find_feature((struct text){name, (size_t)(slash - name)}, &feature))
        return fault_set(fault, FAULT_internal, "is of no known feature");
    if (!slot.at || !slot_is_name(slot))
        return fault_set(fault, FAULT_internal, "is not named like a slot");
    if (text_trimmed(content).size == 0 || content.at[content.size - 1] != '\n')
        return fault_set(fault, FAULT_internal, "must end with a line end");
    if (memmem(content.at, content.size, "{{", 2))
        return fault_set(fault, FAULT_internal, "holds a placeholder");
    return template_add_snippet(target->template, feature,
                                (struct snippet){slot, content, marker_of(content)}, fault);
}

static bool take_file(const struct target *target, const char *path, const char *name,
                      struct fault *fault)
{
    struct text content;

    if (!read_file(target->library, path, &content, fault))
        return false;
    if (target->about && strcmp(name, "template.json") == 0) {
        *target->about = content;
        return true;
    }
    if (strncmp(name, "files/", 6) == 0)
        return add_file(target, name + 6, content, fault);
    if (strncmp(name, "features/", 9) == 0)
        return add_snippet(target, name + 9, content, fault);
    return fault_set(fault, FAULT_internal, "is not part of a template");
}

static int by_name(const FTSENT **left, const FTSENT **right)
{
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

static bool take_entry(const struct target *target, const FTSENT *entry, size_t root_size,
                       struct fault *fault)
{
    switch (entry->fts_info) {
    case FTS_D:
    case FTS_DP:
        return true;
    case FTS_F:
        return take_file(target, entry->fts_path, entry->fts_path + root_size + 1, fault) ||
               fault_while(fault, "'%s'", entry->fts_path + root_size + 1);
    default:
        return fault_set(fault, FAULT_internal, "'%s': %s", entry->fts_path,
                         entry->fts_errno ? strerror(entry->fts_errno) : "is no regular file");
    }
}

bool template_read_files(struct library *library, const char *path, struct template *out,
                         struct text *about, struct fault *fault)
{
    struct target target = {library, out, about};
    char *const roots[] = {(char *)(uintptr_t)path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    bool read = walk || fault_set(fault, FAULT_internal, "'%s': %s", path, strerror(errno));
    FTSENT *entry;

    while (read && (entry = fts_read(walk)))
        read = take_entry(&target, entry, strlen(path), fault);
    if (walk)
        fts_close(walk);
    if (read && about && !about->at)
        return fault_set(fault, FAULT_internal, "has no template.json");
    return read;
}
