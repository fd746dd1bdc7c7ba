/* bus_test - the store as a process, on a real broker, beside a real audit-like actor.
 *
 * Method: isekai-broker and isekai-store are started as programs in directories of their own; a
 * child of this test serves audit.append and tells each event that it did not know through a
 * pipe. The store is killed with SIGKILL while a client changes apps: what was acknowledged must be
 * there, and its event recorded, once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/actor.h"
#include "bus/client.h"
#include "bus/clock.h"

enum { WAIT_MS = 30000, ASK_MS = 5000, EVENTS_MAX = 1000 };

struct town {
    char place[32], data[64], run[64];
    struct bus_settings bus;
    pid_t broker, store, audit;
    struct bus_client *client;
    struct arena *arena;
    int go, told;               /* to the audit child: begin; from it: an event's number */
    int times_told[EVENTS_MAX];
};

/* ---- the audit log of this test ---- */

struct known { int tell; pthread_mutex_t mutex; bool numbers[EVENTS_MAX]; };

static bool append(struct call *call, const void *request_, void *reply_, struct fault *fault)
{
    const struct append_request *request = request_;
    struct checkpoint *reply = reply_;
    struct known *known = call_self(call);
    static const char zeros[32];

    pthread_mutex_lock(&known->mutex);
    for (uint32_t i = 0; i < request->events.count; i++) {
        char id[65];
        int number = -1;
        (void) text_to_string(request->events.at[i].event_id, id, sizeof id);
        if (sscanf(id, "event-%d", &number) != 1 || number < 0 || number >= EVENTS_MAX)
            _exit(1);
        if (known->numbers[number])
            continue;
        known->numbers[number] = true;
        if (write(known->tell, &number, sizeof number) != sizeof number)
            _exit(1);
    }
    pthread_mutex_unlock(&known->mutex);
    *reply = (struct checkpoint){.root = {zeros, 32}, .chain = {zeros, 32}, .at = 1};
    return request->events.count > 0 || fault_set(fault, FAULT_malformed, "no events");
}

/* Forked before anybody has threads; serves when told to. */
static void serve_audit(const struct town *town, int go, int tell)
{
    static struct known known = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    const struct actor_method method = {&method_audit_append, append};
    const struct actor actor = {.name = "audit", .methods = &method, .method_count = 1,
                                .self = &known, .threads = {2}};
    struct fault fault = {0};

    char octet;

    known.tell = tell;
    if (read(go, &octet, 1) != 1)
        _exit(0);
    _exit(actor_run(&actor, &town->bus, &fault) ? 0 : 1);
}

/* ---- processes ---- */

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

/* As root the roles become a system user; it needs its directories. */
static void give_away(const char *path)
{
    const struct passwd *nobody = getpwnam("nobody");

    if (geteuid() != 0)
        return;
    assert_non_null(nobody);
    assert_int_equal(chown(path, nobody->pw_uid, nobody->pw_gid), 0);
}

static void make(const char *path)
{
    assert_int_equal(mkdir(path, 0750), 0);
    give_away(path);
}

static void fork_audit(struct town *town)
{
    int go[2], told[2];

    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    town->audit = fork();
    assert_true(town->audit >= 0);
    if (town->audit == 0) {
        close(go[1]);
        serve_audit(town, go[0], told[1]);
    }
    close(go[0]);
    close(told[1]);
    town->go = go[1];
    town->told = told[0];
}

static int open_town(void **state)
{
    struct town *town = calloc(1, sizeof *town);
    struct fault fault = {0};
    char path[96];

    strcpy(town->place, "/tmp/isekai-st-XXXXXX");
    assert_non_null(mkdtemp(town->place));
    assert_int_equal(chmod(town->place, 0755), 0);
    (void) snprintf(town->data, sizeof town->data, "%s/data", town->place);
    (void) snprintf(town->run, sizeof town->run, "%s/run", town->place);
    make(town->data);
    make(town->run);
    (void) snprintf(path, sizeof path, "%s/bus", town->run);
    make(path);
    (void) snprintf(path, sizeof path, "%s/store", town->data);
    make(path);
    setenv("ISEKAI_DATA", town->data, 1);
    setenv("ISEKAI_RUN", town->run, 1);
    setenv("ISEKAI_USER", "nobody", 1);
    const struct setting_group group = {&settings_of_bus, &town->bus};
    char *argv[] = {"bus_test", NULL};
    assert_int_equal(settings_load(&group, 1, "test", 1, argv, &fault), SETTINGS_LOADED);
    town->arena = arena_new(67108864);
    fork_audit(town);
    town->broker = start_program(BROKER_PROGRAM);
    town->store = start_program(STORE_PROGRAM);
    *state = town;
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void) about;
    (void) kind;
    (void) walk;
    return remove(path);
}

static int close_town(void **state)
{
    struct town *town = *state;

    bus_client_free(town->client);
    close(town->go);
    close(town->told);
    (void) end(&town->audit, SIGTERM);
    (void) end(&town->store, SIGTERM);
    (void) end(&town->broker, SIGTERM);
    arena_free(town->arena);
    (void) nftw(town->place, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(town);
    return 0;
}

static void begin_asking(struct town *town)
{
    struct fault fault = {0};

    town->client = bus_client_new(&town->bus, &fault);
    assert_non_null(town->client);
}

static void start_audit(struct town *town)
{
    assert_int_equal(write(town->go, "g", 1), 1);
}

/* ---- asking ---- */

static bool ask(struct town *town, const struct method *method, const void *request, void *reply,
                struct fault *fault)
{
    const struct ask ask = {.method = method, .deadline_ms = clock_now_ms() + ASK_MS};

    return bus_client_ask(town->client, &ask, request, town->arena, reply, fault);
}

static void probe_until_up(struct town *town)
{
    int64_t deadline_ms = clock_now_ms() + WAIT_MS;
    struct nothing nothing = {0};
    struct fault fault = {0};

    while (!ask(town, &method_store_probe, &nothing, &nothing, &fault))
        if (clock_now_ms() > deadline_ms)
            fail_msg("the store does not come up: %s", fault.reason);
}

static bool finish_one(struct town *town, int number, struct fault *fault)
{
    char key[32], id[32];
    struct begin_reply begun;
    struct operation_result finished;

    (void) snprintf(key, sizeof key, "app-%d", number);
    (void) snprintf(id, sizeof id, "event-%d", number);
    const struct begin_request begin = {
        .operation_id = text_from(key), .app_id = text_from(key),
        .kind = operation_kind_execute, .digest = {"0123456789abcdef0123456789abcdef", 32},
        .owner = TEXT_OF("apps.test"), .lease_ms = 5000, .user = TEXT_OF("ann"),
    };
    const struct audit_event event = {.event_id = text_from(id), .at = 1, .kind = TEXT_OF("test")};
    const struct finish_request finish = {.operation_id = begin.operation_id,
                                          .owner = begin.owner, .status = app_status_stopped,
                                          .events = {&event, 1}};
    return ask(town, &method_store_begin, &begin, &begun, fault) &&
           ask(town, &method_store_finish, &finish, &finished, fault);
}

static void hear_one(struct town *town, int64_t deadline_ms)
{
    struct pollfd wait = {.fd = town->told, .events = POLLIN};
    int number = -1;

    assert_int_equal(poll(&wait, 1, (int)clock_left_ms(deadline_ms)), 1);
    assert_int_equal(read(town->told, &number, sizeof number), sizeof number);
    town->times_told[number]++;
}

static void wait_until_told(struct town *town, int number)
{
    int64_t deadline_ms = clock_now_ms() + WAIT_MS;

    while (town->times_told[number] == 0)
        hear_one(town, deadline_ms);
    assert_int_equal(town->times_told[number], 1);
}

/* Kill the store and start it anew, while the caller goes on asking. */
static void *kill_and_restart(void *town_)
{
    struct town *town = town_;

    (void) end(&town->store, SIGKILL);
    town->store = start_program(STORE_PROGRAM);
    return NULL;
}

/* ---- tests ---- */

/* The log comes late; the store is killed again and again; nothing acknowledged is lost. */
static void no_acknowledged_change_without_its_record(void **state)
{
    enum { KILLS = 6, EACH = 25 };
    struct town *town = *state;
    static bool acknowledged[KILLS * EACH];
    int count = 0;

    begin_asking(town);
    probe_until_up(town);
    for (int number = 0; number < KILLS * EACH; number++) {
        bool kills = number % EACH == EACH / 2;
        struct fault fault = {0};
        pthread_t killer;
        if (number == EACH)
            start_audit(town);
        if (kills)
            assert_int_equal(pthread_create(&killer, NULL, kill_and_restart, town), 0);
        acknowledged[number] = finish_one(town, number, &fault);
        count += acknowledged[number];
        if (kills)
            pthread_join(killer, NULL);
    }
    probe_until_up(town);
    assert_true(count > KILLS * EACH / 2);
    for (int number = 0; number < KILLS * EACH; number++) {
        char key[32];
        struct app app;
        struct fault fault = {0};
        if (!acknowledged[number])
            continue;
        (void) snprintf(key, sizeof key, "app-%d", number);
        if (!ask(town, &method_store_get, &(struct app_ref){.app_id = text_from(key)}, &app,
                 &fault))
            fail_msg("%s was acknowledged and is gone: %s", key, fault.reason);
        wait_until_told(town, number);
    }
    assert_int_equal(end(&town->store, SIGTERM), 0);
}

/* S74: what is asked strictly from outside is refused in words; what is inside is answered. */
static void methods_answer_over_the_bus(void **state)
{
    struct town *town = *state;
    struct list_reply list;
    struct app app;
    struct fault fault = {0};

    begin_asking(town);
    probe_until_up(town);
    for (int number = 0; number < 3; number++)
        assert_true(finish_one(town, number, &fault));
    assert_true(ask(town, &method_store_list, &(struct list_request){.limit = 2}, &list, &fault));
    assert_int_equal(list.total, 3);
    assert_int_equal(list.apps.count, 2);
    assert_non_null(list.next_cursor.at);
    assert_false(ask(town, &method_store_get, &(struct app_ref){.app_id = TEXT_OF("none")}, &app,
                     &fault));
    assert_int_equal(fault.kind, FAULT_app_not_found);
    assert_false(ask(town, &method_store_list,
                     &(struct list_request){.limit = 2, .cursor = TEXT_OF("junk")}, &list,
                     &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
}

static void a_second_process_refuses_to_start(void **state)
{
    struct town *town = *state;
    char said[512] = "";
    int pipes[2], status;

    begin_asking(town);
    probe_until_up(town);
    assert_int_equal(pipe(pipes), 0);
    pid_t second = fork();
    if (second == 0) {
        dup2(pipes[1], STDERR_FILENO);
        execl(STORE_PROGRAM, STORE_PROGRAM, (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    assert_int_equal(waitpid(second, &status, 0), second);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SYSTEM);
    assert_true(read(pipes[0], said, sizeof said - 1) > 0);
    close(pipes[0]);
    assert_non_null(strstr(said, "another store process uses"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_town, close_town)
    const struct CMUnitTest tests[] = {
        TEST(methods_answer_over_the_bus),
        TEST(a_second_process_refuses_to_start),
        TEST(no_acknowledged_change_without_its_record),
    };

    return cmocka_run_group_tests_name("store on the bus", tests, NULL, NULL);
}
