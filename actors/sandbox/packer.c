/* packer.c - writing an archive with libarchive; see packer.h.
 *
 * libarchive reads names in the thread's locale, so each call has one that is UTF-8.
 */
#include "actors/sandbox/packer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_OCTETS = 65536, DIRECTORY_MODE = 0755, FILE_MODE = 0644 };

struct packer {
    int file;
    struct archive *archive;
    locale_t utf8;
    uint64_t octets, octets_max;
    bool is_too_large, is_given_up;
    int error;                      /* of the last write, or 0 */
    char piece[PIECE_OCTETS];
};

/* ---- failing ---- */

static bool fail(const struct packer *self, struct fault *fault)
{
    if (self->is_too_large)
        return fault_set(fault, FAULT_too_large, "the archive is more than %llu octets",
                         (unsigned long long)self->octets_max);
    if (self->error == ENOSPC || self->error == EDQUOT)
        return fault_set(fault, FAULT_disk_full, "no room for an archive");
    if (self->error)
        return fault_set(fault, FAULT_internal, "write an archive: %s", strerror(self->error));
    return fault_set(fault, FAULT_internal, "archive: %s",
                     archive_error_string(self->archive) ? archive_error_string(self->archive)
                                                         : "no memory");
}

static bool is_over(const struct packer *self)
{
    return self->is_too_large || self->error || self->is_given_up;
}

static bool is_done(const struct packer *self, int code)
{
    return (code == ARCHIVE_OK || code == ARCHIVE_WARN) && !is_over(self);
}

/* ---- the file ---- */

/* What failed takes the rest and drops it: an archive that is told of an error is never closed, and then
 * libarchive keeps what its compressor holds. */
static la_ssize_t write_out(struct archive *archive, void *self_, const void *octets, size_t size)
{
    struct packer *self = self_;
    ssize_t written = 0;

    (void) archive;
    if (!is_over(self) && size > self->octets_max - self->octets)
        self->is_too_large = true;
    if (is_over(self))
        return (la_ssize_t)size;
    do
        written = write(self->file, octets, size);
    while (written < 0 && errno == EINTR);
    if (written < 0) {
        self->error = errno;
        return (la_ssize_t)size;
    }
    self->octets += (uint64_t)written;
    return written;
}

static bool open_archive(struct packer *self, enum packer_format format)
{
    struct archive *archive = self->archive;
    int chosen = format == PACKER_ZIP ? archive_write_set_format_zip(archive)
                                      : archive_write_set_format_pax_restricted(archive);

    if (!is_done(self, chosen) ||
        (format == PACKER_TAR_GZ && !is_done(self, archive_write_add_filter_gzip(archive))))
        return false;
    return archive_write_set_bytes_in_last_block(archive, 1) == ARCHIVE_OK &&
           is_done(self, archive_write_open(archive, self, NULL, write_out, NULL));
}

struct packer *packer_new(int file, enum packer_format format, uint64_t octets_max,
                          struct fault *fault)
{
    struct packer *self = calloc(1, sizeof *self);

    if (!self) {
        (void) fault_set(fault, FAULT_internal, "no memory for an archive");
        return NULL;
    }
    self->file = file;
    self->octets_max = octets_max;
    self->archive = archive_write_new();
    self->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (self->archive && self->utf8 && open_archive(self, format))
        return self;
    if (self->archive)
        (void) fail(self, fault);
    else
        (void) fault_set(fault, FAULT_internal, "no memory for an archive");
    packer_free(self);
    return NULL;
}

void packer_free(struct packer *self)
{
    if (!self)
        return;
    self->is_given_up = true;                   /* nothing more is written */
    if (self->archive)
        (void) archive_write_free(self->archive);
    if (self->utf8)
        freelocale(self->utf8);
    free(self);
}

/* ---- entries ---- */

struct head { const char *path; mode_t mode; uint64_t octets; int64_t at_ms; };

static bool begin_entry(struct packer *self, const struct head *head, struct fault *fault)
{
    struct archive_entry *entry = archive_entry_new();

    if (!entry)
        return fault_set(fault, FAULT_internal, "no memory for an archive");
    locale_t before = uselocale(self->utf8);
    archive_entry_set_pathname(entry, head->path);
    archive_entry_set_mode(entry, head->mode);
    archive_entry_set_size(entry, (la_int64_t)head->octets);
    archive_entry_set_mtime(entry, head->at_ms / 1000, head->at_ms % 1000 * 1000000);
    int code = archive_write_header(self->archive, entry);
    (void) uselocale(before);
    archive_entry_free(entry);
    return is_done(self, code) || fail(self, fault);
}

static bool put(struct packer *self, const char *octets, size_t size, struct fault *fault)
{
    while (size > 0) {
        la_ssize_t written = archive_write_data(self->archive, octets, size);
        if (written <= 0 || is_over(self))
            return fail(self, fault);
        octets += written;
        size -= (size_t)written;
    }
    return true;
}

bool packer_add(struct packer *self, const char *path, struct text content, int64_t at_ms,
                struct fault *fault)
{
    const struct head head = {path, S_IFREG | FILE_MODE, content.size, at_ms};

    return begin_entry(self, &head, fault) && put(self, content.at, content.size, fault);
}

bool packer_add_directory(struct packer *self, const char *path, int64_t at_ms,
                          struct fault *fault)
{
    const struct head head = {path, S_IFDIR | DIRECTORY_MODE, 0, at_ms};

    return begin_entry(self, &head, fault);
}

bool packer_add_file(struct packer *self, const char *path, int fd, const struct stat *about,
                     struct fault *fault)
{
    const struct head head = {path, S_IFREG | FILE_MODE | (about->st_mode & 0100 ? 0111 : 0),
                              (uint64_t)about->st_size, (int64_t)about->st_mtim.tv_sec * 1000};
    uint64_t left = head.octets;

    if (!begin_entry(self, &head, fault))
        return false;
    while (left > 0) {
        size_t most = left < PIECE_OCTETS ? (size_t)left : PIECE_OCTETS;
        ssize_t size = read(fd, self->piece, most);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return fault_set(fault, FAULT_internal, "read a file to pack: %s", strerror(errno));
        if (size == 0) {
            memset(self->piece, 0, most);
            size = (ssize_t)most;
        }
        if (!put(self, self->piece, (size_t)size, fault))
            return false;
        left -= (uint64_t)size;
    }
    return true;
}

bool packer_end(struct packer *self, uint64_t *octets, struct fault *fault)
{
    if (!is_done(self, archive_write_close(self->archive)))
        return fail(self, fault);
    *octets = self->octets;
    return true;
}
