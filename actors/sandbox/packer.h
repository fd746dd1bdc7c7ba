/* packer.h - writing an archive, tar.gz or zip, into a file: the only file behind this header knows
 * libarchive.
 *
 * Regular files and directories alone go in, of nobody in particular, readable by all.
 *
 * Owns:     a packer owns libarchive's state until packer_free(); the file is the caller's.
 * Borrows:  the file's descriptor for the packer's life; paths, contents and descriptors during
 *           the call. Paths are UTF-8.
 * Units:    octets of the archive; times are milliseconds since 1970.
 * Fails as: too_large (the archive is more than octets_max), disk_full, internal.
 * Threads:  a packer belongs to one.
 */
#ifndef ISEKAI_SANDBOX_PACKER_H
#define ISEKAI_SANDBOX_PACKER_H

#include <sys/stat.h>

#include "schemas/fault.h"
#include "schemas/text.h"

enum packer_format { PACKER_TAR_GZ, PACKER_ZIP };

struct packer;

struct packer *packer_new(int file, enum packer_format format, uint64_t octets_max,
                          struct fault *fault);         /* NULL on failure */
void packer_free(struct packer *self);                  /* NULL is welcome; the file stays as it is */

bool packer_add(struct packer *self, const char *path, struct text content, int64_t at_ms,
                struct fault *fault);
bool packer_add_directory(struct packer *self, const char *path, int64_t at_ms,
                          struct fault *fault);
/* What `about` says it is: a file that has become shorter ends with zeros, and what has been added to
 * it is not read. */
bool packer_add_file(struct packer *self, const char *path, int fd, const struct stat *about,
                     struct fault *fault);
/* Write what is left; *octets is the whole archive's size. */
bool packer_end(struct packer *self, uint64_t *octets, struct fault *fault);

#endif
