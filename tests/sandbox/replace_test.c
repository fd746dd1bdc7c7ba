/* replace_test - a new version takes over from a running one, or does not.
 *
 * Method: replace running apps by good and bad versions while asking them all the time; the data
 * and the old version's answers tell what happened.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/sandbox/tree.h"
#include "bus/clock.h"
#include "bus/owned.h"
#include "tests/sandbox/rig.h"

/* Writes its version into a file of its data when it starts, and answers with the file. */
#define WRITER(version, more) \
    "const fs = require('fs'), f = process.env.DATA_DIR + '/log';" \
    "fs.appendFileSync(f, '" version ";');" more \
    SERVER_SAYING("'" version ": ' + fs.readFileSync(f)")

static int open_(void **state)
{
    static struct rig rig;

    rig_make(&rig);
    rig_open(&rig);
    *state = &rig;
    return 0;
}

static int drop(void **state)
{
    rig_remove(*state);
    return 0;
}

static bool says(struct rig *rig, const char *app_id, const char *what)
{
    return rig_ask(rig, app_id, "/") && strstr(rig->answer, what) != NULL;
}

static unsigned count_copies(struct rig *rig, const char *app_id)
{
    char path[2 * PATH_MAX];

    assert_true(sweeper_wait_clean(rig->sandbox.sweeper, clock_now_ms() + RIG_WAIT_MS));
    (void) snprintf(path, sizeof path, "%s/runtime/apps/%s", rig->data, app_id);
    return rig_count_entries(path);
}

static void test_new_version_takes_over(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "app", 1, WRITER("v1", "")));
    assert_true(says(rig, "app", "v1: v1;"));
    assert_true(rig_start(rig, "app", 2, WRITER("v2", "")));
    assert_int_equal(rig->state.version, 2);
    /* The trial wrote into its copy: the data saw each version once. */
    assert_true(says(rig, "app", "v2: v1;v2;"));
    /* versions, data, log, runs and one copy of the code */
    assert_int_equal(count_copies(rig, "app"), 5);
}

static void test_bad_version_leaves_the_old_alone(void **state)
{
    struct rig *rig = *state;

    assert_true(rig_start(rig, "app", 1, WRITER("v1", "")));
    assert_true(rig_get(rig, "app"));
    int64_t started_at = rig->state.started_at;
    assert_false(rig_start(rig, "app", 2, WRITER("v2", "console.log('oops'); process.exit(1);")));
    assert_int_equal(rig->fault.kind, FAULT_start_failed);
    assert_non_null(strstr(rig_failure_log(rig), "oops"));
    assert_null(strstr(rig_failure_log(rig), "version 1"));
    assert_true(says(rig, "app", "v1: v1;"));
    assert_true(rig_get(rig, "app"));
    assert_int_equal(rig->state.started_at, started_at);
    assert_int_equal(rig->state.version, 1);
    assert_int_equal(count_copies(rig, "app"), 5);
}

/* Version 2 passes its trial and breaks on the real data. */
static void test_old_version_comes_back(void **state)
{
    struct rig *rig = *state;
    struct ended_run ended;

    /* A socket in the data is not copied: only the real data has it. */
    assert_true(rig_start(rig, "app", 1, WRITER("v1",
        "fs.rmSync('/data/mark', {force: true});"
        "require('net').createServer().listen('/data/mark');")));
    assert_true(rig_get(rig, "app"));
    const char *run_id = arena_print(rig->arena, "%.*s", TEXT_ARGS(rig->state.run_id)).at;
    assert_false(rig_start(rig, "app", 2, WRITER("v2",
        "if (fs.existsSync('/data/mark')) { console.log('mark!'); process.exit(9); }")));
    assert_int_equal(rig->fault.kind, FAULT_start_failed);
    assert_string_equal(rig->fault.reason, "The app exited with code 9 before it answered.");
    assert_non_null(strstr(rig_failure_log(rig), "mark!"));
    assert_true(says(rig, "app", "v1: v1;v2;v1;"));
    assert_true(rig_get(rig, "app"));
    assert_int_equal(rig->state.version, 1);
    assert_true(text_is(rig->state.run_id, run_id));
    assert_false(rig_next_ended(rig, &ended));
}

/* The old one cannot come back either: its run is reported as ended. */
static void test_neither_comes_back(void **state)
{
    struct rig *rig = *state;
    struct ended_run ended;

    assert_true(rig_start(rig, "app", 1, WRITER("v1",
        "if (fs.existsSync('/data/ruined')) process.exit(4);"
        "require('net').createServer().listen('/data/mark');")));
    assert_false(rig_start(rig, "app", 2, WRITER("v2",
        "if (fs.existsSync('/data/mark')) { fs.writeFileSync('/data/ruined', '');"
        "process.exit(9); }")));
    assert_int_equal(rig->fault.kind, FAULT_start_failed);
    assert_true(rig_next_ended(rig, &ended));
    assert_string_equal(ended.run_id, "run-1");
    assert_int_equal(ended.status, app_status_error);
    assert_false(rig_socket_is_there(rig, "app"));
    assert_int_equal(rig_count_processes(rig), 0);
}

/* While version 2 is tried out: versions, data, log, runs, the old copy, and the two of the trial. */
static void *take_version_away(void *rig_)
{
    struct rig *rig = rig_;
    char app[2 * PATH_MAX], version[3 * PATH_MAX], away[3 * PATH_MAX];

    (void) snprintf(app, sizeof app, "%s/runtime/apps/app", rig->data);
    (void) snprintf(version, sizeof version, "%s/versions/2", app);
    (void) snprintf(away, sizeof away, "%s/versions/22", app);
    for (int i = 0; i < RIG_WAIT_MS && rig_count_entries(app) < 7; i++)
        (void) poll(NULL, 0, 1);
    (void) rename(version, away);
    return NULL;
}

/* Its code cannot be copied a second time, as on a full disk: the old run never ends. */
static void test_old_version_stays_until_the_new_code_is_there(void **state)
{
    struct rig *rig = *state;
    pthread_t thread;

    assert_true(rig_start(rig, "app", 1, WRITER("v1", "")));
    assert_true(rig_get(rig, "app"));
    int64_t started_at = rig->state.started_at;
    assert_int_equal(pthread_create(&thread, NULL, take_version_away, rig), 0);
    bool replaced = rig_start(rig, "app", 2,
                              "setTimeout(() => {" WRITER("v2", "") "}, 500);");
    pthread_join(thread, NULL);
    assert_false(replaced);
    assert_string_equal(rig->fault.reason, "open the version: No such file or directory");
    assert_true(says(rig, "app", "v1: v1;"));
    assert_true(rig_get(rig, "app"));
    assert_int_equal(rig->state.started_at, started_at);
    assert_int_equal(count_copies(rig, "app"), 5);
}

struct asker { struct rig *rig; atomic_bool stop; unsigned asked, failed; };

static void *ask_all_the_time(void *self_)
{
    struct asker *self = self_;
    static struct rig copy;             /* an answer buffer of its own */

    memcpy(copy.run, self->rig->run, sizeof copy.run);
    while (!atomic_load(&self->stop)) {
        self->asked++;
        self->failed += !rig_ask(&copy, "app", "/") || !strstr(copy.answer, "200 OK");
    }
    return NULL;
}

static void test_nobody_notices_a_replacement(void **state)
{
    struct rig *rig = *state;
    struct asker asker = {.rig = rig};
    pthread_t thread;

    assert_true(rig_start(rig, "app", 1, WRITER("v1", "")));
    assert_int_equal(pthread_create(&thread, NULL, ask_all_the_time, &asker), 0);
    bool replaced = rig_start(rig, "app", 2, WRITER("v2", "")) &&
                    rig_start(rig, "app", 3, WRITER("v3", ""));
    atomic_store(&asker.stop, true);
    pthread_join(thread, NULL);
    if (!replaced)
        print_error("%s\n", rig->fault.reason);
    assert_true(replaced);
    assert_true(asker.asked > 10);
    assert_int_equal(asker.failed, 0);
    assert_true(says(rig, "app", "v3: v1;v2;v3;"));
}

struct starter { struct rig *rig; bool started; struct fault fault; };

static void *start_slow(void *self_)
{
    struct starter *self = self_;
    const struct file file = {.path = TEXT_OF("server.js"),
                              .content = TEXT_OF("setInterval(() => 0, 1000);")};
    const struct start_request request = {.app_id = TEXT_OF("app"), .run_id = TEXT_OF("slow"),
                                          .version = 1, .files = {&file, 1}};
    struct arena *arena = arena_new(16 << 20);
    struct run_state reply;
    struct failure failure;

    self->started = sandbox_start(&self->rig->sandbox, &request, NULL, NULL, clock_now_ms() + 60000, arena,
                                  &reply, &failure, &self->fault);
    arena_free(arena);
    return NULL;
}

static bool is_starting(void *rig)
{
    return rig_count_processes(rig) > 0;
}

/* The newest change wins: a start that has not answered gives way at once. */
static void test_stop_ends_a_start(void **state)
{
    struct rig *rig = *state;
    struct starter starter = {.rig = rig};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, start_slow, &starter), 0);
    assert_true(rig_wait(is_starting, rig));
    int64_t begun = clock_now_ms();
    assert_true(rig_stop(rig, "app"));
    assert_true(clock_now_ms() - begun < 2500);
    pthread_join(thread, NULL);
    assert_false(starter.started);
    assert_int_equal(starter.fault.kind, FAULT_conflict);
    assert_int_equal(rig_count_processes(rig), 0);
}

static void test_remove_leaves_nothing(void **state)
{
    struct rig *rig = *state;
    char path[2 * PATH_MAX];

    assert_true(rig_start(rig, "app", 1, WRITER("v1", "")));
    assert_true(sandbox_remove(&rig->sandbox, TEXT_OF("app"), clock_now_ms() + 10000, &rig->fault));
    (void) snprintf(path, sizeof path, "%s/runtime/apps/app", rig->data);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rig_count_processes(rig), 0);
    assert_int_equal(rig_count_cgroups(rig), 0);
    assert_true(sweeper_wait_clean(rig->sandbox.sweeper, clock_now_ms() + RIG_WAIT_MS));
    assert_false(rig_get(rig, "app"));
    assert_int_equal(rig->fault.kind, FAULT_app_not_found);
    /* Again, and one that never was: nothing to do. */
    assert_true(sandbox_remove(&rig->sandbox, TEXT_OF("app"), clock_now_ms() + 10000, &rig->fault));
    /* Its data does not come back with its name. */
    assert_true(rig_start(rig, "app", 1, WRITER("v1", "")));
    assert_true(says(rig, "app", "v1: v1;"));
    assert_false(says(rig, "app", "v1;v1;"));
}

static void test_data_stays_and_app_copy_does_not(void **state)
{
    struct rig *rig = *state;
    const char *server = "const fs = require('fs'); const had = fs.existsSync('/app/mark');"
                         "fs.writeFileSync('/app/mark', ''); fs.appendFileSync('/data/n', '+');"
                         SERVER_SAYING("had + ' ' + fs.readFileSync('/data/n')");

    assert_true(rig_start(rig, "app", 1, server));
    assert_true(says(rig, "app", "false +"));
    assert_true(rig_stop(rig, "app"));
    assert_true(rig_start(rig, "app", 1, server));
    assert_true(says(rig, "app", "false ++"));
}

static void test_old_versions_are_pruned(void **state)
{
    struct rig *rig = *state;
    char path[2 * PATH_MAX];

    for (uint64_t version = 1; version <= 6; version++) {
        assert_true(rig_start(rig, "app", version, SERVER_SAYING("1")));
        assert_true(rig_stop(rig, "app"));
    }
    (void) snprintf(path, sizeof path, "%s/runtime/apps/app/versions", rig->data);
    assert_int_equal(rig_count_entries(path), VERSIONS_KEPT);
    (void) snprintf(path, sizeof path, "%s/runtime/apps/app/versions/6", rig->data);
    assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
#define REPLACE(test) cmocka_unit_test_setup_teardown(test, open_, drop)
    const struct CMUnitTest tests[] = {
        REPLACE(test_new_version_takes_over),
        REPLACE(test_bad_version_leaves_the_old_alone),
        REPLACE(test_old_version_comes_back),
        REPLACE(test_neither_comes_back),
        REPLACE(test_old_version_stays_until_the_new_code_is_there),
        REPLACE(test_nobody_notices_a_replacement),
        REPLACE(test_stop_ends_a_start),
        REPLACE(test_remove_leaves_nothing),
        REPLACE(test_data_stays_and_app_copy_does_not),
        REPLACE(test_old_versions_are_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
