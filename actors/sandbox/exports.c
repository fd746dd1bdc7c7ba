/* exports.c - archives that are ready and wait to be read; see exports.h. */
#include "actors/sandbox/exports.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/sandbox/workspace.h"
#include "bus/clock.h"
#include "bus/owned.h"

enum { USER_SIZE = 512, ID_OCTETS = 16 };

enum place_state { PLACE_FREE, PLACE_TAKEN, PLACE_READY };

struct export {
    enum place_state state;
    char id[EXPORT_ID_SIZE], app_id[APP_ID_SIZE], user[USER_SIZE];
    int file;
    int64_t idle_until_ms, until_ms;
};

struct exports {
    pthread_mutex_t lock;
    struct export places[EXPORTS_MAX];
};

struct exports *exports_new(void)
{
    struct exports *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    for (int i = 0; i < EXPORTS_MAX; i++)
        self->places[i].file = -1;
    return self;
}

/* With the lock held. */
static void clear(struct export *place)
{
    fd_drop(&place->file);
    *place = (struct export){.state = PLACE_FREE, .file = -1};
}

static void clear_old(struct exports *self)
{
    int64_t now_ms = clock_now_ms();

    for (int i = 0; i < EXPORTS_MAX; i++) {
        struct export *place = &self->places[i];
        if (place->state == PLACE_READY &&
            (now_ms >= place->idle_until_ms || now_ms >= place->until_ms))
            clear(place);
    }
}

static struct export *find(struct exports *self, const struct export_key *key)
{
    for (int i = 0; i < EXPORTS_MAX; i++) {
        struct export *place = &self->places[i];
        if (place->state == PLACE_READY && text_is(key->export_id, place->id) &&
            text_is(key->app_id, place->app_id) && text_is(key->user, place->user))
            return place;
    }
    return NULL;
}

void exports_free(struct exports *self)
{
    if (!self)
        return;
    for (int i = 0; i < EXPORTS_MAX; i++)
        clear(&self->places[i]);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* A free place for this user, with the lock held; NULL: none. */
static struct export *find_free(struct exports *self, struct text user)
{
    struct export *first = NULL;
    int free_places = 0;
    bool has_one = false;

    for (int i = EXPORTS_MAX - 1; i >= 0; i--) {
        struct export *place = &self->places[i];
        if (place->state != PLACE_FREE) {
            has_one |= text_is(user, place->user);
            continue;
        }
        free_places++;
        first = place;
    }
    return free_places > 1 || !has_one ? first : NULL;
}

struct export *exports_take(struct exports *self, struct text user, struct fault *fault)
{
    pthread_mutex_lock(&self->lock);
    clear_old(self);
    struct export *taken = find_free(self, user);
    if (taken) {
        taken->state = PLACE_TAKEN;
        (void) text_to_string(user, taken->user, sizeof taken->user);
    }
    pthread_mutex_unlock(&self->lock);
    if (!taken)
        (void) fault_set(fault, FAULT_capacity, "%d exports are under way; try again when one has "
                         "been read", EXPORTS_MAX);
    return taken;
}

void exports_give(struct exports *self, struct export *place)
{
    pthread_mutex_lock(&self->lock);
    clear(place);
    pthread_mutex_unlock(&self->lock);
}

void exports_keep(struct exports *self, struct export *place, const struct export_key *key,
                  int file, char id[EXPORT_ID_SIZE])
{
    unsigned char octets[ID_OCTETS];
    int64_t now_ms = clock_now_ms();

    randombytes_buf(octets, sizeof octets);
    (void) sodium_bin2hex(id, EXPORT_ID_SIZE, octets, sizeof octets);
    pthread_mutex_lock(&self->lock);
    *place = (struct export){.state = PLACE_READY, .file = file,
                             .idle_until_ms = now_ms + EXPORT_IDLE_MS,
                             .until_ms = now_ms + EXPORT_MS_MAX};
    (void) snprintf(place->id, sizeof place->id, "%s", id);
    (void) text_to_string(key->app_id, place->app_id, sizeof place->app_id);
    (void) text_to_string(key->user, place->user, sizeof place->user);
    pthread_mutex_unlock(&self->lock);
}

/* A descriptor of the reader's own: the archive may go while it is read. */
static int open_archive(struct exports *self, const struct export_key *key)
{
    pthread_mutex_lock(&self->lock);
    clear_old(self);
    struct export *place = find(self, key);
    int file = place ? fcntl(place->file, F_DUPFD_CLOEXEC, 3) : -1;
    if (place)
        place->idle_until_ms = clock_now_ms() + EXPORT_IDLE_MS;
    pthread_mutex_unlock(&self->lock);
    return file;
}

bool exports_read(struct exports *self, const struct export_key *key, uint64_t offset,
                  struct arena *arena, struct text *out, struct fault *fault)
{
    OWNED(fd) int file = open_archive(self, key);
    char *octets = arena_take(arena, EXPORT_PIECE_OCTETS);
    size_t size = 0;

    if (file < 0)
        return fault_set(fault, FAULT_export_not_found, "no such archive");
    if (!octets)
        return fault_set(fault, FAULT_internal, "no memory for a piece of an archive");
    while (size < EXPORT_PIECE_OCTETS && offset <= INT64_MAX - EXPORT_PIECE_OCTETS) {
        ssize_t more = pread(file, octets + size, EXPORT_PIECE_OCTETS - size,
                             (off_t)(offset + size));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return fault_set(fault, FAULT_internal, "read an archive: %s", strerror(errno));
        if (more == 0)
            break;
        size += (size_t)more;
    }
    *out = (struct text){octets, size};
    return true;
}

void exports_end(struct exports *self, const struct export_key *key)
{
    pthread_mutex_lock(&self->lock);
    struct export *place = find(self, key);
    if (place)
        clear(place);
    pthread_mutex_unlock(&self->lock);
}

void exports_forget(struct exports *self, const char *app_id)
{
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < EXPORTS_MAX; i++)
        if (self->places[i].state == PLACE_READY &&
            strcmp(self->places[i].app_id, app_id) == 0)
            clear(&self->places[i]);
    pthread_mutex_unlock(&self->lock);
}

void exports_tick(struct exports *self)
{
    pthread_mutex_lock(&self->lock);
    clear_old(self);
    pthread_mutex_unlock(&self->lock);
}
