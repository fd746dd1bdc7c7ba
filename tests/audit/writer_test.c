/* writer_test.c - many callers, one disk: each event once, nothing acknowledged is lost.
 *
 * Method: real files; a child that is killed with SIGKILL while it appends; a tmpfs of a few pages
 * that really is full (as root, in a mount namespace of its own).
 */
#include "tests/audit/fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/audit/audit.h"
#include "bus/clock.h"

enum { BIG = 1 << 20, WAIT_MS = 30000, THREADS = 8, EACH = 50 };

struct desk { struct place place; struct audit_log *log; struct writer *writer; };

static void desk_open(struct desk *desk, uint64_t segment_octets_max)
{
    struct fault fault = {0};

    desk->log = log_of(&desk->place, segment_octets_max);
    desk->writer = writer_new(desk->log, &fault);
    if (!desk->writer)
        fail_msg("%s", fault.reason);
}

static void desk_close(struct desk *desk)
{
    writer_free(desk->writer);
    audit_log_close(desk->log);
    desk->writer = NULL;
    desk->log = NULL;
}

static int make(void **state)
{
    static struct desk desk;

    place_make(&desk.place);
    *state = &desk;
    return 0;
}

static int put_away(void **state)
{
    struct desk *desk = *state;

    desk_close(desk);
    place_remove(&desk->place);
    return 0;
}

static bool add(struct writer *writer, const char *id, struct log_point *point, struct fault *fault)
{
    struct audit_event event = event_of(id);

    return writer_append(writer, &event, 1, clock_now_ms() + WAIT_MS, point, fault);
}

static void test_an_event_is_recorded_once(void **state)
{
    struct desk *desk = *state;
    struct audit_event twice[] = {event_of("b"), event_of("b"), event_of("a")};
    struct fault fault = {0};
    struct log_point point;

    desk_open(desk, BIG);
    assert_true(add(desk->writer, "a", &point, &fault));
    assert_int_equal(point.size, 1);
    assert_true(add(desk->writer, "a", &point, &fault));
    assert_int_equal(point.size, 1);
    assert_true(writer_append(desk->writer, twice, 3, clock_now_ms() + WAIT_MS, &point, &fault));
    assert_int_equal(point.size, 2);
    desk_close(desk);
    desk_open(desk, BIG);               /* the ids are learnt from the log again */
    assert_true(add(desk->writer, "b", &point, &fault));
    assert_int_equal(point.size, 2);
    assert_true(add(desk->writer, "c", &point, &fault));
    assert_int_equal(point.size, 3);
}

struct crowd { struct desk *desk; int number; bool failed; };

static void *append_many(void *self)
{
    struct crowd *crowd = self;
    struct fault fault = {0};
    struct log_point point;
    char id[32];

    for (int i = 0; i < EACH && !crowd->failed; i++) {
        /* Every id is sent by two of the threads. */
        snprintf(id, sizeof id, "%d-%d", crowd->number / 2, i);
        crowd->failed = !add(crowd->desk->writer, id, &point, &fault);
    }
    return NULL;
}

static void test_many_callers_at_once(void **state)
{
    struct desk *desk = *state;
    struct crowd crowd[THREADS];
    pthread_t threads[THREADS];
    struct fault fault = {0};
    uint64_t size;

    desk_open(desk, 4096);
    for (int i = 0; i < THREADS; i++) {
        crowd[i] = (struct crowd){desk, i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, &crowd[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(crowd[i].failed);
    }
    assert_int_equal(audit_log_point(desk->log).size, THREADS / 2 * EACH);
    desk_close(desk);
    assert_true(place_is_sound(&desk->place, &size, &fault));
    assert_int_equal(size, THREADS / 2 * EACH);
}

static void test_an_event_that_is_too_large(void **state)
{
    struct desk *desk = *state;
    struct audit_event event = event_of("big");
    struct fault fault = {0};
    struct log_point point;
    size_t size = ENTRY_OCTETS_MAX;
    unsigned char *detail = calloc(1, size + 10);

    /* {"a": "....."} written out: fixmap, fixstr, str32. */
    memcpy(detail, "\x81\xa1" "a\xdb\x00\x10\x00\x00", 8);
    memset(detail + 8, 'x', size);
    event.detail = (struct text){(const char *)detail, size + 8};
    desk_open(desk, BIG);
    assert_false(writer_append(desk->writer, &event, 1, clock_now_ms() + WAIT_MS, &point, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
    assert_true(add(desk->writer, "small", &point, &fault));
    free(detail);
}

/* ---- listing ---- */

static void list(struct desk *desk, struct audit_list_request request, struct arena **arena,
                 struct audit_list_reply *reply)
{
    struct fault fault = {0};

    *arena = arena_new(1 << 26);
    request.limit = request.limit ? request.limit : 50;
    memset(reply, 0, sizeof *reply);
    if (!audit_list_entries(desk->log, &request, clock_now_ms() + WAIT_MS, *arena, reply, &fault))
        fail_msg("%s", fault.reason);
}

static void expect_page(struct desk *desk, struct audit_list_request request, uint32_t count,
                        uint64_t first, uint64_t next)
{
    struct audit_list_reply reply;
    struct arena *arena;

    list(desk, request, &arena, &reply);
    assert_int_equal(reply.entries.count, count);
    assert_int_equal(reply.next, next);
    if (count > 0)
        assert_int_equal(reply.entries.at[0].index, first);
    arena_free(arena);
}

static void test_pages_and_filters(void **state)
{
    struct desk *desk = *state;
    struct fault fault = {0};
    struct log_point point;
    char id[32];

    desk_open(desk, 4096);
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof id, "event-%d", i);
        struct audit_event event = event_of(id);
        event.app_id = i % 3 == 0 ? TEXT_OF("third") : TEXT_OF("other");
        event.kind = i == 150 ? TEXT_OF("run_ended") : event.kind;
        assert_true(writer_append(desk->writer, &event, 1, clock_now_ms() + WAIT_MS, &point,
                                  &fault));
    }
    expect_page(desk, (struct audit_list_request){.limit = 100}, 100, 0, 100);
    expect_page(desk, (struct audit_list_request){.after = 100, .limit = 100}, 100, 100, 200);
    expect_page(desk, (struct audit_list_request){.after = 200}, 0, 0, 200);
    expect_page(desk, (struct audit_list_request){.after = 1000}, 0, 0, 1000);
    expect_page(desk, (struct audit_list_request){.app_id = TEXT_OF("third")}, 50, 0, 148);
    expect_page(desk, (struct audit_list_request){.after = 148, .app_id = TEXT_OF("third")}, 17,
                150, 200);
    expect_page(desk, (struct audit_list_request){.kind = TEXT_OF("run_ended")}, 1, 150, 200);
    expect_page(desk, (struct audit_list_request){.kind = TEXT_OF("run_ended"),
                                                  .app_id = TEXT_OF("other")}, 0, 0, 200);
}

static void test_a_listed_entry_is_as_recorded(void **state)
{
    struct desk *desk = *state;
    struct audit_event event = event_of("only");
    struct audit_list_reply reply;
    struct log_point point;
    struct fault fault = {0};
    struct arena *arena;
    msgpack_sbuffer packed;

    desk_open(desk, BIG);
    event.detail = TEXT_OF("\x81\xa4" "step\x07");
    event.user = (struct text){0};
    assert_true(writer_append(desk->writer, &event, 1, clock_now_ms() + WAIT_MS, &point, &fault));
    list(desk, (struct audit_list_request){0}, &arena, &reply);
    assert_int_equal(reply.entries.count, 1);
    const struct audit_event *read = reply.entries.at[0].event;
    assert_true(text_is(read->event_id, "only"));
    assert_int_equal(read->at, 1760108400000);
    assert_null(read->user.at);
    assert_true(text_equals(read->detail, event.detail));
    msgpack_sbuffer_init(&packed);
    assert_true(message_encode(&audit_event_message, &event, &packed, &fault));
    struct hash leaf = merkle_leaf(packed.data, packed.size);
    assert_memory_equal(reply.entries.at[0].leaf.at, leaf.at, HASH_SIZE);
    msgpack_sbuffer_destroy(&packed);
    arena_free(arena);
}

/* ---- kill -9 ---- */

/* Append for ever; tell every acknowledged size through the pipe. */
static void append_until_killed(struct desk *desk, int out)
{
    struct fault fault = {0};
    struct log_point point;
    char id[32];

    desk_open(desk, 20000);
    for (uint64_t i = audit_log_point(desk->log).size;; i++) {
        snprintf(id, sizeof id, "life-%" PRIu64, i);
        if (!add(desk->writer, id, &point, &fault) ||
            write(out, &point.size, sizeof point.size) != sizeof point.size)
            _exit(1);
    }
}

static uint64_t last_told(int in, uint64_t wanted, pid_t child)
{
    uint64_t size = 0, told = 0;
    bool killed = false;

    while (true) {
        struct pollfd ready = {in, POLLIN, 0};
        assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
        if (read(in, &told, sizeof told) != sizeof told)
            break;
        size = told;
        if (size >= wanted && !killed) {
            assert_int_equal(kill(child, SIGKILL), 0);
            killed = true;
        }
    }
    return size;
}

static void test_a_killed_writer_loses_nothing_acknowledged(void **state)
{
    struct desk *desk = *state;
    uint64_t acknowledged = 0, sound;
    struct fault fault = {0};
    int ends[2], status;

    for (int life = 0; life < 15; life++) {
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            append_until_killed(desk, ends[1]);
        close(ends[1]);
        acknowledged = last_told(ends[0], acknowledged + 20 + (uint64_t)life, child);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(ends[0]);
        desk_open(desk, 20000);
        assert_true(audit_log_point(desk->log).size >= acknowledged);
        assert_true(audit_log_point(desk->log).size <= acknowledged + 2);
        acknowledged = audit_log_point(desk->log).size;
        desk_close(desk);
        assert_true(place_is_sound(&desk->place, &sound, &fault));
    }
}

/* ---- a full disk ---- */

/* Fills the disk, leaving nothing; false when that could not be done. */
static bool fill_disk(struct place *place)
{
    static char block[4096];
    int fd = openat(place->directory, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    while (fd >= 0 && write(fd, block, sizeof block) > 0)
        ;
    return fd >= 0 && close(fd) == 0;
}

/* Exit code of the child: which step went wrong, 0 none. */
static int use_a_full_disk(struct desk *desk)
{
    struct fault fault = {0};
    struct log_point point;
    char id[300], level[200];
    uint64_t size = 0, sound;
    int i = 0;

    if (!fill_disk(&desk->place))
        return 2;
    memset(id, 'x', sizeof id);
    do
        snprintf(id, sizeof id, "%062d", i++);
    while (add(desk->writer, id, &point, &fault) && (size = point.size));
    if (fault.kind != FAULT_disk_full || writer_is_well(desk->writer, level))
        return 3;
    if (!place_is_sound(&desk->place, &sound, &fault) || sound != size)
        return 4;
    if (add(desk->writer, id, &point, &fault) || fault.kind != FAULT_disk_full)
        return 5;
    if (unlinkat(desk->place.directory, "filler", 0) < 0)
        return 6;
    if (!add(desk->writer, id, &point, &fault) || point.size != size + 1)
        return 7;
    if (!writer_is_well(desk->writer, level) || !audit_log_is_well(desk->log))
        return 8;
    desk_close(desk);
    desk_open(desk, BIG);
    return audit_log_point(desk->log).size == size + 1 &&
                   place_is_sound(&desk->place, &sound, &fault) && sound == size + 1
               ? 0
               : 9;
}

static int in_own_mount(struct desk *desk)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", desk->place.path, "tmpfs", MS_NOSUID | MS_NODEV, "size=128k,mode=0700") < 0)
        return 77;
    close(desk->place.directory);
    desk->place.directory = open(desk->place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (desk->place.directory < 0)
        return 1;
    desk_open(desk, BIG);
    return use_a_full_disk(desk);
}

static void test_a_full_disk_loses_nothing(void **state)
{
    struct desk *desk = *state;
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(in_own_mount(desk));      /* its mount goes with it */
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("a mount needs privilege\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, make, put_away)
    const struct CMUnitTest tests[] = {
        TEST(a_killed_writer_loses_nothing_acknowledged),
        TEST(a_full_disk_loses_nothing),
        TEST(an_event_is_recorded_once),
        TEST(many_callers_at_once),
        TEST(an_event_that_is_too_large),
        TEST(pages_and_filters),
        TEST(a_listed_entry_is_as_recorded),
    };
    return cmocka_run_group_tests_name("audit_writer", tests, NULL, NULL);
}
