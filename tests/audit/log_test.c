/* log_test.c - a log keeps what was acknowledged, and any change of it is found.
 *
 * Method: write small logs with the real code, change their files in every way one can think of,
 * read them again. Where an outcome must be found, it is found for every octet.
 */
#include "tests/audit/fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BIG = 1 << 20, ENTRIES = 9 };

static const char first_segment[] = "segment-00000000000000000000.log";

static int make(void **state)
{
    static struct place place;

    place_make(&place);
    *state = &place;
    return 0;
}

static int put_away(void **state)
{
    place_remove(*state);
    return 0;
}

static void expect_refused(const struct place *place, const char *why)
{
    struct fault fault = {0};
    uint64_t torn, size;

    assert_null(audit_log_open(place->path, BIG, &torn, &fault));
    if (!strstr(fault.reason, why))
        fail_msg("'%s' does not say '%s'", fault.reason, why);
    assert_false(place_is_sound(place, &size, &fault));
}

static void expect_sound(const struct place *place, uint64_t expected)
{
    struct fault fault = {0};
    uint64_t size = 0;

    if (!place_is_sound(place, &size, &fault))
        fail_msg("%s", fault.reason);
    assert_int_equal(size, expected);
}

static void write_log(const struct place *place, uint64_t octets_max, uint64_t count)
{
    struct audit_log *log = log_of(place, octets_max);

    log_fill(log, count);
    audit_log_close(log);
}

static void test_what_is_written_is_read(void **state)
{
    const struct place *place = *state;
    struct fault fault = {0};
    struct text entry;
    char expected[32];
    bool end;

    write_log(place, 400, 150);             /* a new segment every few entries */
    write_log(place, 400, 150);             /* and once more, from a new start */
    struct audit_log *log = log_of(place, 400);
    assert_int_equal(audit_log_point(log).size, 300);
    for (uint64_t begin = 0; begin < 300; begin += 37) {
        struct log_cursor cursor = {.index = begin};
        for (uint64_t i = begin; i < 300; i++) {
            assert_true(audit_log_read(log, &cursor, &entry, &end, &fault));
            assert_false(end);
            snprintf(expected, sizeof expected, "entry %" PRIu64, i);
            assert_true(text_is(entry, expected));
        }
        assert_true(audit_log_read(log, &cursor, &entry, &end, &fault));
        assert_true(end);
        log_fill(log, 0);
        log_cursor_drop(&cursor);
    }
    audit_log_close(log);
    expect_sound(place, 300);
}

static void test_a_cursor_sees_what_comes_later(void **state)
{
    const struct place *place = *state;
    struct log_cursor cursor = {0};
    struct fault fault = {0};
    struct text entry;
    bool end;

    struct audit_log *log = log_of(place, 200);
    for (int i = 0; i < 40; i++) {
        assert_true(audit_log_read(log, &cursor, &entry, &end, &fault) && end);
        log_fill(log, 1);
        assert_true(audit_log_read(log, &cursor, &entry, &end, &fault) && !end);
    }
    log_cursor_drop(&cursor);
    audit_log_close(log);
}

static void test_a_second_process_is_refused(void **state)
{
    const struct place *place = *state;
    struct fault fault = {0};
    uint64_t torn;

    struct audit_log *log = log_of(place, BIG);
    assert_null(audit_log_open(place->path, BIG, &torn, &fault));
    assert_int_equal(fault.kind, FAULT_conflict);
    audit_log_close(log);
    audit_log_close(log_of(place, BIG));
}

static void test_every_flipped_bit_is_found(void **state)
{
    const struct place *place = *state;
    const char *const names[] = {first_segment, acknowledged_name};
    struct fault fault;
    uint64_t size;

    write_log(place, BIG, ENTRIES);
    for (size_t n = 0; n < 2; n++) {
        struct octets octets = place_read(place, names[n]);
        for (size_t bit = 0; bit < 8 * octets.size; bit++) {
            octets.at[bit / 8] ^= 1 << bit % 8;
            place_write(place, names[n], octets.at, octets.size);
            if (place_is_sound(place, &size, &fault))
                fail_msg("bit %zu of %s", bit, names[n]);
            octets.at[bit / 8] ^= 1 << bit % 8;
        }
        place_write(place, names[n], octets.at, octets.size);
        free(octets.at);
    }
    expect_sound(place, ENTRIES);
}

static void test_a_flipped_bit_is_named_and_refused(void **state)
{
    const struct place *place = *state;

    write_log(place, BIG, ENTRIES);
    struct octets octets = place_read(place, first_segment);
    size_t record = (octets.size - SEGMENT_HEADER_SIZE) / ENTRIES;
    octets.at[SEGMENT_HEADER_SIZE + 4 * record + RECORD_HEAD_SIZE] ^= 1;
    place_write(place, first_segment, octets.at, octets.size);
    char where[64];
    snprintf(where, sizeof where, "index=4 offset=%zu ", SEGMENT_HEADER_SIZE + 4 * record);
    expect_refused(place, where);
    free(octets.at);
}

static void test_removed_and_reordered_entries_are_found(void **state)
{
    const struct place *place = *state;
    struct fault fault = {0};
    uint64_t size;

    write_log(place, BIG, ENTRIES);
    struct octets whole = place_read(place, first_segment);
    size_t record = (whole.size - SEGMENT_HEADER_SIZE) / ENTRIES;
    unsigned char *changed = malloc(whole.size);
    for (size_t i = 0; i < ENTRIES; i++) {
        size_t at = SEGMENT_HEADER_SIZE + i * record;
        memcpy(changed, whole.at, at);
        memcpy(changed + at, whole.at + at + record, whole.size - at - record);
        place_write(place, first_segment, changed, whole.size - record);
        assert_false(place_is_sound(place, &size, &fault));
    }
    for (size_t i = 0; i + 1 < ENTRIES; i++) {
        size_t at = SEGMENT_HEADER_SIZE + i * record;
        memcpy(changed, whole.at, whole.size);
        memcpy(changed + at, whole.at + at + record, record);
        memcpy(changed + at + record, whole.at + at, record);
        place_write(place, first_segment, changed, whole.size);
        assert_false(place_is_sound(place, &size, &fault));
    }
    free(changed);
    free(whole.at);
}

/* Every octet short of what was acknowledged is a loss; every octet over it, cut, is not. */
static void test_only_an_unacknowledged_tail_is_cut(void **state)
{
    const struct place *place = *state;
    struct fault fault = {0};
    uint64_t torn;

    write_log(place, BIG, ENTRIES);
    struct octets note = place_read(place, acknowledged_name);
    struct octets before = place_read(place, first_segment);
    write_log(place, BIG, 1);
    struct octets after = place_read(place, first_segment);
    for (size_t size = SEGMENT_HEADER_SIZE; size < after.size; size++) {
        place_write(place, acknowledged_name, note.at, note.size);
        place_write(place, first_segment, after.at, size);
        struct audit_log *log = audit_log_open(place->path, BIG, &torn, &fault);
        if (size < before.size) {
            assert_null(log);
            assert_non_null(strstr(fault.reason, "the tail is cut off"));
            continue;
        }
        assert_non_null(log);
        assert_int_equal(torn, size - before.size);
        assert_int_equal(audit_log_point(log).size, ENTRIES);
        log_fill(log, 1);
        audit_log_close(log);
        expect_sound(place, ENTRIES + 1);
    }
    free(note.at);
    free(before.at);
    free(after.at);
}

static void test_a_tail_of_zeros_after_a_loss_of_power_is_cut(void **state)
{
    const struct place *place = *state;
    struct fault fault = {0};
    uint64_t torn;

    write_log(place, BIG, ENTRIES);
    struct octets octets = place_read(place, first_segment);
    octets.at = realloc(octets.at, octets.size + 5000);
    memset(octets.at + octets.size, 0, 5000);
    place_write(place, first_segment, octets.at, octets.size + 5000);
    struct audit_log *log = audit_log_open(place->path, BIG, &torn, &fault);
    assert_non_null(log);
    assert_int_equal(torn, 5000);
    audit_log_close(log);
    octets.at[octets.size + 4999] = 1;
    place_write(place, first_segment, octets.at, octets.size + 5000);
    expect_refused(place, "the record's size is damaged");
    free(octets.at);
}

static void test_segments_that_are_missing_or_cut_are_found(void **state)
{
    const struct place *place = *state;
    char second[SEGMENT_NAME_SIZE];

    write_log(place, 150, 12);
    struct octets whole = place_read(place, first_segment);
    place_write(place, first_segment, whole.at, whole.size - 1);
    expect_refused(place, "ends in the middle of an entry");
    assert_int_equal(unlinkat(place->directory, first_segment, 0), 0);
    expect_refused(place, "entries before it are missing");
    place_write(place, first_segment, whole.at, whole.size);
    expect_sound(place, 12);
    for (uint64_t first = 1; first < 12; first++) {
        segment_name(first, second);
        if (faccessat(place->directory, second, F_OK, 0) == 0)
            break;
    }
    assert_int_equal(unlinkat(place->directory, second, 0), 0);
    expect_refused(place, "entries before it are missing");
    free(whole.at);
}

static void test_a_log_without_its_note_is_refused(void **state)
{
    const struct place *place = *state;

    write_log(place, BIG, ENTRIES);
    assert_int_equal(unlinkat(place->directory, acknowledged_name, 0), 0);
    expect_refused(place, "missing");
}

static void test_a_log_without_its_segments_is_refused(void **state)
{
    const struct place *place = *state;

    write_log(place, BIG, ENTRIES);
    assert_int_equal(unlinkat(place->directory, first_segment, 0), 0);
    expect_refused(place, "the tail is cut off");
}

static void test_a_checkpoint_finds_a_rewritten_log(void **state)
{
    const struct place *place = *state;
    struct fault fault = {0};
    struct replay replay;

    struct audit_log *log = log_of(place, BIG);
    log_fill(log, 5);
    struct log_point old = audit_log_point(log);
    old.has_chain = false;
    log_fill(log, 5);
    audit_log_close(log);
    assert_true(log_replay(place->directory, &old, 1, &replay, &fault));
    replay_drop(&replay);
    old.root.at[0] ^= 1;
    assert_false(log_replay(place->directory, &old, 1, &replay, &fault));
    assert_non_null(strstr(fault.reason, "index=5 "));
    old.size = 11;
    assert_false(log_replay(place->directory, &old, 1, &replay, &fault));
    assert_non_null(strstr(fault.reason, "tail is cut off"));
}

static void test_bounds_of_an_append(void **state)
{
    const struct place *place = *state;
    struct fault fault = {0};
    char *big = calloc(1, ENTRY_OCTETS_MAX + 1);
    struct text entries[9];

    struct audit_log *log = log_of(place, BIG);
    for (size_t i = 0; i < 9; i++)
        entries[i] = (struct text){big, ENTRY_OCTETS_MAX};
    assert_true(audit_log_append(log, entries, 1, &fault));
    entries[0].size++;
    assert_false(audit_log_append(log, entries, 1, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
    assert_false(audit_log_append(log, entries + 1, 8, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
    assert_true(audit_log_append(log, entries + 1, 7, &fault));
    audit_log_close(log);
    expect_sound(place, 8);
    free(big);
}

/* A file that may not grow stands for a disk that is full; a real one is in writer_test. */
static void test_a_failed_append_leaves_nothing(void **state)
{
    const struct place *place = *state;
    struct fault fault = {0};
    char block[3000];
    struct text entry = {block, sizeof block};
    struct rlimit before, low = {8192, RLIM_INFINITY};

    memset(block, 'x', sizeof block);
    struct audit_log *log = log_of(place, BIG);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    bool first = audit_log_append(log, &entry, 1, &fault);
    bool second = audit_log_append(log, &entry, 1, &fault);
    bool third = audit_log_append(log, &entry, 1, &fault);      /* partly written, then cut back */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(first && second && !third);
    assert_int_equal(fault.kind, FAULT_disk_full);
    assert_true(audit_log_is_well(log));
    expect_sound(place, 2);
    struct octets octets = place_read(place, first_segment);
    assert_int_equal(octets.size, SEGMENT_HEADER_SIZE + 2 * (3000 + RECORD_EXTRA_SIZE));
    free(octets.at);
    assert_true(audit_log_append(log, &entry, 1, &fault));
    audit_log_close(log);
    octets = place_read(place, first_segment);
    assert_int_equal(octets.size, SEGMENT_HEADER_SIZE + 3 * (3000 + RECORD_EXTRA_SIZE));
    free(octets.at);
    expect_sound(place, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, make, put_away)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(a_cursor_sees_what_comes_later),
        TEST(a_second_process_is_refused),
        TEST(every_flipped_bit_is_found),
        TEST(a_flipped_bit_is_named_and_refused),
        TEST(removed_and_reordered_entries_are_found),
        TEST(only_an_unacknowledged_tail_is_cut),
        TEST(a_tail_of_zeros_after_a_loss_of_power_is_cut),
        TEST(segments_that_are_missing_or_cut_are_found),
        TEST(a_log_without_its_note_is_refused),
        TEST(a_log_without_its_segments_is_refused),
        TEST(a_checkpoint_finds_a_rewritten_log),
        TEST(bounds_of_an_append),
        TEST(a_failed_append_leaves_nothing),
    };
    return cmocka_run_group_tests_name("audit_log", tests, NULL, NULL);
}
