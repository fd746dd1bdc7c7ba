/* studio.c - the studio page, and the script of previews: a few files, read into memory before privileges go. */
#include "gateway/studio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bus/owned.h"

static const struct studio_file files[] = {
    {"/", "index.html", "text/html; charset=utf-8", {NULL, 0}},
    {"/studio.js", "studio.js", "text/javascript; charset=utf-8", {NULL, 0}},
    {"/studio.css", "studio.css", "text/css; charset=utf-8", {NULL, 0}},
    {"/favicon.ico", "icon.svg", "image/svg+xml", {NULL, 0}},
    {"/.isekai/reload.js", "reload.js", "text/javascript; charset=utf-8", {NULL, 0}},
};
enum { FILES = sizeof files / sizeof *files };

struct studio { struct studio_file files[FILES]; };

static bool read_whole(int fd, const char *name, struct text *out, struct fault *fault)
{
    struct stat about;

    if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode) ||
        about.st_size > STUDIO_FILE_OCTETS_MAX)
        return fault_set(fault, FAULT_not_found, "studio: '%s' is no file of at most %d octets",
                         name, STUDIO_FILE_OCTETS_MAX);
    size_t size = (size_t)about.st_size;
    char *octets = malloc(size + 1);
    size_t got = 0;

    while (octets && got < size) {
        ssize_t more = read(fd, octets + got, size - got);
        if (more <= 0)
            break;
        got += (size_t)more;
    }
    if (!octets || got < size) {
        free(octets);
        return fault_set(fault, FAULT_internal, "studio: cannot read '%s'", name);
    }
    *out = (struct text){octets, size};
    return true;
}

static bool read_files(struct studio *self, int directory, struct fault *fault)
{
    for (int i = 0; i < FILES; i++) {
        OWNED(fd) int fd = openat(directory, files[i].name, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            return fault_set(fault, FAULT_not_found, "studio: '%s': %s", files[i].name,
                             strerror(errno));
        self->files[i] = files[i];
        if (!read_whole(fd, files[i].name, &self->files[i].octets, fault))
            return false;
    }
    return true;
}

struct studio *studio_new(const char *const *directories, struct fault *fault)
{
    struct studio *self = calloc(1, sizeof *self);

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for the studio");
        return NULL;
    }
    for (; *directories; directories++) {
        OWNED(fd) int directory = open(*directories, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (directory < 0)
            continue;
        if (read_files(self, directory, fault))
            return self;
        studio_free(self);
        return NULL;
    }
    (void) fault_set(fault, FAULT_not_found, "the studio's files are in none of their places");
    studio_free(self);
    return NULL;
}

void studio_free(struct studio *self)
{
    if (!self)
        return;
    for (int i = 0; i < FILES; i++)
        free((void *)(uintptr_t)self->files[i].octets.at);
    free(self);
}

const struct studio_file *studio_find(const struct studio *self, struct text path)
{
    for (int i = 0; i < FILES; i++)
        if (text_is(path, self->files[i].path))
            return &self->files[i];
    return NULL;
}
