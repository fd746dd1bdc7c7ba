/* preview_watch.c - what serves behind the labels that pages listen to. */
#include "gateway/preview_watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus/clock.h"

struct watched {
    char label[APP_LABEL_SIZE];
    uint32_t listeners;         /* 0: free */
    int64_t look_at_ms;
    bool is_asking;             /* one of the listeners is at it */
    struct serving serving;
};

struct preview_watch {
    pthread_mutex_t lock;       /* all below */
    struct watched watched[LISTENERS_MAX];
};

struct preview_watch *preview_watch_new(struct fault *fault)
{
    struct preview_watch *self = calloc(1, sizeof *self);

    if (self)
        pthread_mutex_init(&self->lock, NULL);
    else
        (void) fault_set(fault, FAULT_internal, "no memory to watch previews");
    return self;
}

void preview_watch_free(struct preview_watch *self)
{
    if (!self)
        return;
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static struct watched *find(struct preview_watch *self, const char *label)
{
    for (int i = 0; i < LISTENERS_MAX; i++)
        if (self->watched[i].listeners > 0 && strcmp(self->watched[i].label, label) == 0)
            return &self->watched[i];
    return NULL;
}

/* The label's row, or a new one; NULL: there are listeners of LISTENERS_MAX apps. */
static struct watched *find_or_add(struct preview_watch *self, const char *label)
{
    struct watched *row = find(self, label);

    for (int i = 0; i < LISTENERS_MAX && !row; i++) {
        if (self->watched[i].listeners > 0)
            continue;
        row = &self->watched[i];
        *row = (struct watched){.listeners = 0};
        (void) snprintf(row->label, sizeof row->label, "%s", label);
    }
    return row;
}

bool preview_watch_enter(struct preview_watch *self, const char *label, struct fault *fault)
{
    pthread_mutex_lock(&self->lock);
    struct watched *row = find_or_add(self, label);
    bool is_in = row && row->listeners < APP_LISTENERS_MAX;
    if (is_in)
        row->listeners++;
    pthread_mutex_unlock(&self->lock);
    if (is_in)
        return true;
    if (row)
        (void) fault_set(fault, FAULT_overloaded, "more than %d pages of the app listen",
                         APP_LISTENERS_MAX);
    else
        (void) fault_set(fault, FAULT_overloaded, "pages of more than %d apps listen",
                         LISTENERS_MAX);
    return fault_retry_after(fault, 5000);
}

void preview_watch_leave(struct preview_watch *self, const char *label)
{
    pthread_mutex_lock(&self->lock);
    struct watched *row = find(self, label);
    if (row)
        row->listeners--;
    pthread_mutex_unlock(&self->lock);
}

/* Is it this thread's turn to ask? *seen is what is known. */
static bool begin_look(struct preview_watch *self, const char *label, struct serving *seen)
{
    pthread_mutex_lock(&self->lock);
    struct watched *row = find(self, label);
    bool is_mine = row && !row->is_asking && clock_now_ms() >= row->look_at_ms;
    if (is_mine)
        row->is_asking = true;
    if (row)
        *seen = row->serving;
    pthread_mutex_unlock(&self->lock);
    return is_mine;
}

static void end_look(struct preview_watch *self, const char *label, const struct serving *seen)
{
    pthread_mutex_lock(&self->lock);
    struct watched *row = find(self, label);    /* its asker has not left */
    if (row) {
        row->serving = *seen;
        row->is_asking = false;
        row->look_at_ms = clock_now_ms() + WATCH_LOOK_MS;
    }
    pthread_mutex_unlock(&self->lock);
}

struct serving preview_watch_look(struct preview_watch *self, struct exchange *exchange)
{
    struct serving seen = {.is_known = false};
    struct fault ignored = {.kind = FAULT_NONE};

    if (!begin_look(self, exchange->label, &seen))
        return seen;
    if (preview_find(exchange, true, &ignored)) {
        const struct preview_app *app = exchange->app;

        seen = (struct serving){.version = app->version, .is_known = true, .exists = app->exists,
                                .can_be_seen = preview_may_run(app, &ignored)};
    }
    end_look(self, exchange->label, &seen);     /* without an answer what was known stays */
    return seen;
}
