/* run_notes.c - ends of runs, on disk until the store knows; see run_notes.h. */
#include "actors/sandbox/run_notes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/sandbox/tree.h"
#include "bus/owned.h"

#define NOTES "runs"

enum { ARENA_OCTETS = 4 * RUN_NOTE_OCTETS_MAX };

void ended_say(const struct ended_run *ended, struct text node, struct ended_words *words,
               struct ended_request *out)
{
    words->end = ended->end;
    words->end.hits = hits_say(&ended->hits, &words->hits);
    *out = (struct ended_request){
        .run_id = text_from(ended->run_id),
        .app_id = text_from(ended->app_id),
        .status = ended->status,
        .error = *ended->text ? text_from(ended->text) : (struct text){0},
        .end = &words->end,
        .is_record = ended->is_record,
        .version = ended->version,
        .node = node,
        .level = *ended->level ? text_from(ended->level) : (struct text){0},
    };
}

static int open_notes(int app, bool make)
{
    if (make && mkdirat(app, NOTES, 0700) < 0 && errno != EEXIST)
        return -1;
    return openat(app, NOTES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool put(int notes, const char *name, struct text octets, struct fault *fault)
{
    char fresh[RUN_NOTE_SIZE + 4];

    (void) snprintf(fresh, sizeof fresh, "%s.new", name);
    OWNED(fd) int fd = openat(notes, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                              0600);
    if (fd < 0 || write(fd, octets.at, octets.size) != (ssize_t)octets.size ||
        renameat(notes, fresh, notes, name) < 0)
        return tree_fault(fault, "write down a run");
    return true;
}

bool run_note_write(int app, const struct ended_run *ended, struct fault *fault)
{
    OWNED(fd) int notes = open_notes(app, /* make= */ true);
    msgpack_sbuffer octets = {0};
    struct ended_words words;
    struct ended_request request;

    if (notes < 0)
        return tree_fault(fault, "make " NOTES);
    ended_say(ended, (struct text){0}, &words, &request);
    bool is_written = message_encode(&ended_request_message, &request, &octets, fault) &&
                      put(notes, ended->note, (struct text){octets.data, (uint32_t)octets.size},
                          fault);
    msgpack_sbuffer_destroy(&octets);
    return is_written;
}

void run_note_remove(int app, const char *note)
{
    OWNED(fd) int notes = open_notes(app, /* make= */ false);

    if (notes >= 0)
        (void) unlinkat(notes, note, 0);
}

static bool hear(const struct ended_request *said, const char *note, struct ended_run *out)
{
    *out = (struct ended_run){.status = said->status, .is_record = said->is_record,
                              .version = said->version, .end = *said->end};
    if (said->end->hits)
        hits_hear(&out->hits, said->end->hits);
    out->end.hits = NULL;
    if (said->error.at && !text_to_string(said->error, out->text, sizeof out->text))
        return false;
    if (said->level.at && !text_to_string(said->level, out->level, sizeof out->level))
        return false;
    (void) snprintf(out->note, sizeof out->note, "%s", note);
    return text_is_app_id(said->app_id) &&
           text_to_string(said->app_id, out->app_id, sizeof out->app_id) &&
           text_to_string(said->run_id, out->run_id, sizeof out->run_id);
}

static bool read_note(int notes, const char *name, struct ended_run *out)
{
    OWNED(fd) int fd = openat(notes, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char octets[RUN_NOTE_OCTETS_MAX];
    ssize_t size = fd >= 0 ? read(fd, octets, sizeof octets) : -1;
    struct arena *arena = arena_new(ARENA_OCTETS);
    struct ended_request said;
    struct fault ignored;

    bool is_read = arena && size > 0 && strlen(name) < RUN_NOTE_SIZE &&
                   message_decode(&ended_request_message, (struct text){octets, (uint32_t)size},
                                  LENIENT, arena, &said, NULL, &ignored) &&
                   hear(&said, name, out);
    arena_free(arena);
    return is_read;
}

void run_notes_read(int app, void (*each)(void *self, const struct ended_run *ended), void *self)
{
    int notes = open_notes(app, /* make= */ false);
    DIR *dir = notes >= 0 ? fdopendir(notes) : NULL;
    struct dirent *entry;
    struct ended_run ended;

    if (!dir) {
        fd_drop(&notes);
        return;
    }
    for (int count = 0; count < RUN_NOTES_MAX && (entry = readdir(dir));) {
        if (*entry->d_name == '.')
            continue;
        count++;
        if (read_note(notes, entry->d_name, &ended))
            each(self, &ended);
        else
            (void) unlinkat(notes, entry->d_name, 0);
    }
    (void) closedir(dir);
}
