/* export.c - isekai export: an archive of an app, written whole or not at all. What is there is never
 * written over: the archive grows under a name of its own and is given FILE's when it is complete.
 *
 *   isekai export ID [-o FILE]         FILE ends in .tar.gz or .zip; ID-vN.tar.gz when it is not named
 */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/owned.h"
#include "bus/settings.h"
#include "cli/session.h"

enum { PIECE_MS = 5000, EXPORT_ID_SIZE = 129 };

static const char words[] = "ID [-o FILE]";

struct target {
    char file[PATH_MAX], part[PATH_MAX];
    int fd;
};

static void complain(const char *what)
{
    fprintf(stderr, "isekai export: '%s': %s\n", what, strerror(errno));
}

/* -o FILE behind the app's id, taken out of argv. */
static bool take_file(int *argc, char **argv, const char **out)
{
    *out = NULL;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "-o") != 0)
            continue;
        if (*out || i + 1 == *argc)
            return false;
        *out = argv[i + 1];
        for (int j = i; j + 2 <= *argc; j++)
            argv[j] = argv[j + 2];
        *argc -= 2;
        i--;
    }
    return true;
}

static bool ends_in(const char *name, const char *ending)
{
    size_t size = strlen(name), most = strlen(ending);

    return size > most && strcmp(name + size - most, ending) == 0;
}

/* ---- the file ---- */

static bool is_free(const char *name)
{
    struct stat about;

    if (lstat(name, &about) < 0 && errno == ENOENT)
        return true;
    fprintf(stderr, "isekai export: '%s' is there already; choose another name with -o FILE\n", name);
    return false;
}

static bool target_open(struct target *self, const char *name)
{
    if (snprintf(self->file, sizeof self->file, "%s", name) >= (int)sizeof self->file ||
        snprintf(self->part, sizeof self->part, "%s.XXXXXX", name) >= (int)sizeof self->part) {
        errno = ENAMETOOLONG;
        complain(name);
        return false;
    }
    if (!is_free(name))
        return false;
    self->fd = mkostemp(self->part, O_CLOEXEC);
    if (self->fd < 0)
        complain(self->part);
    return self->fd >= 0;
}

static bool target_write(struct target *self, struct text octets)
{
    while (octets.size > 0) {
        ssize_t written = write(self->fd, octets.at, octets.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            complain(self->part);
            return false;
        }
        octets.at += written;
        octets.size -= (size_t)written;
    }
    return true;
}

/* A name that another has taken meanwhile stays his. */
static bool target_finish(struct target *self)
{
    if (fsync(self->fd) < 0) {
        complain(self->part);
        return false;
    }
    if (renameat2(AT_FDCWD, self->part, AT_FDCWD, self->file, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EINVAL && link(self->part, self->file) == 0)   /* a file system without that */
        return unlink(self->part) == 0;
    complain(self->file);
    return false;
}

/* ---- the archive ---- */

static bool read_pieces(struct session *session, const char *export_id, uint64_t octets,
                        struct target *target)
{
    struct export_piece_request request = {.app_id = text_from(session->word),
                                           .export_id = text_from(export_id)};
    struct export_piece piece;

    while (request.offset < octets) {
        if (!session_forget(session) ||
            !session_ask(session, &method_apps_export_read, NULL, PIECE_MS, &request, &piece))
            return false;
        if (piece.octets.size == 0) {
            fprintf(stderr, "isekai export: the archive ends early; try again\n");
            return false;
        }
        if (!target_write(target, piece.octets))
            return false;
        request.offset += piece.octets.size;
    }
    return true;
}

static bool download(struct session *session, const char *export_id, uint64_t octets,
                     const char *name)
{
    struct target target = {.fd = -1};
    bool done = false;

    if (target_open(&target, name)) {
        done = read_pieces(session, export_id, octets, &target) && target_finish(&target);
        if (done)
            printf("%s  %" PRIu64 " octets\n", name, octets);
        else
            (void) unlink(target.part);
    }
    fd_drop(&target.fd);
    return done;
}

static bool export_app(struct session *session, const char *file)
{
    bool is_zip = file && ends_in(file, ".zip");
    const struct export_request request = {
        .app_id = text_from(session->word), .format = text_from(is_zip ? "zip" : "tar.gz")};
    struct export_reply reply;
    struct nothing nothing;
    char export_id[EXPORT_ID_SIZE], name[PATH_MAX];

    if ((file && !is_free(file)) ||
        !session_ask(session, &method_apps_export, NULL, lane_deadline_ms(LANE_LONG), &request,
                     &reply))
        return false;
    if (!text_to_string(reply.export_id, export_id, sizeof export_id) ||
        !text_to_string(reply.file_name, name, sizeof name) || strchr(name, '/')) {
        fprintf(stderr, "isekai export: an answer that is none\n");
        return false;
    }
    bool done = download(session, export_id, reply.octets, file ? file : name);
    const struct export_ref end = {.app_id = text_from(session->word),
                                   .export_id = text_from(export_id)};
    if (session->arena)
        (void) session_ask(session, &method_apps_export_end, NULL, PIECE_MS, &end, &nothing);
    return done;
}

int command_export(int argc, char **argv)
{
    struct session session;
    const char *file;
    int code;

    if (!take_file(&argc, argv, &file) ||
        (file && !ends_in(file, ".tar.gz") && !ends_in(file, ".zip"))) {
        fprintf(stderr, "usage: isekai export %s [--setting=value ...]\n"
                "FILE ends in .tar.gz or .zip.\n", words);
        return EXIT_MISUSED;
    }
    if (!session_open(&session, words, "Write an archive of an app: code, data and app.json. FILE "
                      "ends in .tar.gz or .zip.", argc, argv, &code))
        return code;
    code = export_app(&session, file) ? EXIT_SUCCESS : EXIT_SYSTEM;
    session_close(&session);
    return code;
}
