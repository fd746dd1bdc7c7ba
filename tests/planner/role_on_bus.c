/* role_on_bus.c - a broker and one role as processes. */
#include "tests/planner/role_on_bus.h"

#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/clock.h"

enum { ASK_MS = 10000, WAIT_MS = 60000 };

static void make(const char *parent, const char *name, char out[64])
{
    const struct passwd *nobody = getpwnam("nobody");

    assert_true(snprintf(out, 64, "%s/%s", parent, name) < 64);
    assert_int_equal(mkdir(out, 0750), 0);
    if (geteuid() != 0)
        return;
    assert_non_null(nobody);
    assert_int_equal(chown(out, nobody->pw_uid, nobody->pw_gid), 0);
}

static pid_t start_program(const char *program)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    return child;
}

static int end(pid_t *child, int signal)
{
    int status = -1;

    if (*child <= 0)
        return -1;
    assert_int_equal(kill(*child, signal), 0);
    assert_int_equal(waitpid(*child, &status, 0), *child);
    *child = 0;
    return status;
}

static void load_settings(struct role_on_bus *self)
{
    const struct setting_group group = {&settings_of_bus, &self->bus};
    char *argv[] = {"test", NULL};
    struct fault fault = {0};

    setenv("ISEKAI_DATA", self->data, 1);
    setenv("ISEKAI_RUN", self->run, 1);
    setenv("ISEKAI_USER", "nobody", 1);
    if (settings_load(&group, 1, "test", 1, argv, &fault) != SETTINGS_LOADED)
        fail_msg("%s", fault.reason);
}

void role_begin(struct role_on_bus *self, const char *broker_program, const char *role_program,
                const char *directory)
{
    struct fault fault = {0};
    char made[64];

    memset(self, 0, sizeof *self);
    strcpy(self->place, "/tmp/isekai-role-XXXXXX");
    assert_non_null(mkdtemp(self->place));
    assert_int_equal(chmod(self->place, 0755), 0);
    make(self->place, "data", self->data);
    make(self->place, "run", self->run);
    make(self->run, "bus", made);
    if (directory)
        make(self->data, directory, made);
    load_settings(self);
    self->role_program = role_program;
    self->broker = start_program(broker_program);
    role_start(self);
    self->arena = arena_new(1u << 28);
    self->client = bus_client_new(&self->bus, &fault);
    if (!self->client)
        fail_msg("%s", fault.reason);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

void role_end(struct role_on_bus *self)
{
    bus_client_free(self->client);
    (void)end(&self->role, SIGTERM);
    (void)end(&self->broker, SIGTERM);
    arena_free(self->arena);
    (void)nftw(self->place, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int role_stop(struct role_on_bus *self, int signal)
{
    return end(&self->role, signal);
}

void role_start(struct role_on_bus *self)
{
    self->role = start_program(self->role_program);
}

bool role_ask(struct role_on_bus *self, const struct method *method, const void *request,
              void *reply, struct fault *fault)
{
    const struct ask ask = {.method = method, .deadline_ms = clock_now_ms() + ASK_MS};

    return bus_client_ask(self->client, &ask, request, self->arena, reply, fault);
}

void role_ask_until(struct role_on_bus *self, const struct method *method, const void *request,
                    void *reply)
{
    int64_t deadline_ms = clock_now_ms() + WAIT_MS;
    struct fault fault = {0};

    while (!role_ask(self, method, request, reply, &fault))
        if (clock_now_ms() > deadline_ms)
            fail_msg("%s: %s", method->name, fault.reason);
}
