/* hosted.c - an app as the supervisor knows it: its port, its socket, its log. */
#include "actors/sandbox/supervisor_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/owned.h"

enum { PORT_LAST = 65535, HOSTED_MAX = 100000 };

struct hosted *hosted_find(struct supervisor *self, const char *app_id)
{
    for (struct hosted *hosted = self->hosted; hosted; hosted = hosted->next)
        if (strcmp(hosted->app_id, app_id) == 0)
            return hosted;
    return NULL;
}

/* The app's own port of before while it is free, else the lowest free one. */
static bool is_port_free(const struct supervisor *self, uint16_t port)
{
    for (const struct hosted *hosted = self->hosted; hosted; hosted = hosted->next)
        if (hosted->cages > 0 && hosted->port == port)
            return false;
    return true;
}

static bool give_port(struct supervisor *self, struct hosted *hosted, struct fault *fault)
{
    if (hosted->port && is_port_free(self, hosted->port))
        return true;
    for (uint32_t port = PORT_FIRST; port <= PORT_LAST; port++) {
        if (!is_port_free(self, (uint16_t)port))
            continue;
        hosted->port = (uint16_t)port;
        return true;
    }
    return fault_set(fault, FAULT_capacity, "no port is free");
}

void hosted_free(struct hosted *hosted)
{
    free(hosted->grants);
    free(hosted->attempts);
    free(hosted);
}

/* Memory of apps that run no more is bounded: the oldest is forgotten. */
static void forget_oldest(struct supervisor *self)
{
    struct hosted **oldest = NULL;
    size_t count = 0;

    for (struct hosted **at = &self->hosted; *at; at = &(*at)->next) {
        count++;
        if ((*at)->cages == 0 && (*at)->door.fd < 0)
            oldest = at;
    }
    if (count < HOSTED_MAX || !oldest)
        return;
    struct hosted *gone = *oldest;
    *oldest = gone->next;
    hosted_free(gone);
}

static struct hosted *add(struct supervisor *self, const char *app_id, struct fault *fault)
{
    struct hosted *hosted = calloc(1, sizeof *hosted);

    if (!hosted) {
        (void) fault_set(fault, FAULT_internal, "no memory for an app");
        return NULL;
    }
    forget_oldest(self);
    (void) snprintf(hosted->app_id, sizeof hosted->app_id, "%s", app_id);
    hosted->directory = -1;
    hosted->door.fd = -1;
    hosted->log.file = hosted->log.dir = -1;
    hosted->next = self->hosted;
    self->hosted = hosted;
    return hosted;
}

static bool take_up(struct supervisor *self, struct hosted *hosted, struct fault *fault)
{
    hosted->directory = workspace_app(self->parts.workspace, hosted->app_id, false, fault);
    if (hosted->directory < 0)
        return false;
    if (!give_port(self, hosted, fault) ||
        !app_log_open(&hosted->log, hosted->directory, self->parts.log_bytes_max, fault)) {
        fd_drop(&hosted->directory);
        return false;
    }
    return true;
}

struct hosted *hosted_know(struct supervisor *self, const char *app_id, struct fault *fault)
{
    struct hosted *hosted = hosted_find(self, app_id);

    return hosted ? hosted : add(self, app_id, fault);
}

struct hosted *hosted_hold(struct supervisor *self, const char *app_id, struct fault *fault)
{
    struct hosted *hosted = hosted_find(self, app_id);

    if (!hosted && !(hosted = add(self, app_id, fault)))
        return NULL;
    if (hosted->cages == 0 && !take_up(self, hosted, fault))
        return NULL;
    hosted->cages++;
    return hosted;
}

void hosted_release(struct supervisor *self, struct hosted *hosted)
{
    if (--hosted->cages > 0)
        return;
    app_log_close(&hosted->log);
    fd_drop(&hosted->directory);
    if (!hosted->door_kept)
        door_close(&hosted->door, &self->doors);
}

bool hosted_open_door(struct supervisor *self, struct hosted *hosted, struct fault *fault)
{
    char name[APP_LABEL_SIZE + sizeof ".sock"];

    hosted->door_kept = false;
    if (hosted->door.fd >= 0)
        return true;
    text_app_label(text_from(hosted->app_id), name);
    (void) strncat(name, ".sock", sizeof name - strlen(name) - 1);
    return door_open(&hosted->door, &self->doors, name, fault);
}

void hosted_note_stopped(struct supervisor *self, const char *app_id, bool keep_door)
{
    struct fault ignored;
    struct hosted *hosted = hosted_find(self, app_id);

    if (!hosted && !(hosted = add(self, app_id, &ignored)))
        return;
    if (!keep_door && hosted->door.fd >= 0) {
        hosted->door_kept = false;
        door_close(&hosted->door, &self->doors);
    }
    hosted->last.is_known = true;
    (void) snprintf(hosted->last.app_id, sizeof hosted->last.app_id, "%s", app_id);
}
