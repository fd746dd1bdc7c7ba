/* secrets_test - secrets in the store: sealed, each in its own place, gone with their app.
 *
 * Method: the store's own method table on a real database, whose rows are then looked at and put in
 * each other's places.
 */
#include "tests/store/room.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/owned.h"

static const char first[] = "the first value, quite long", second[] = "the second value of all";

static bool stage(struct room *room, const char *key, const char *run_id,
                  const struct secret_change *changes, uint32_t count, struct fault *fault)
{
    struct advance_reply reply;

    return ask(&room->call, "advance",
               &(struct advance_request){.operation_id = text_from(key), .owner = TEXT_OF("apps.one"),
                                         .lease_ms = 5000, .step = operation_step_stored,
                                         .run_id = text_from(run_id), .secrets = {changes, count}},
               &reply, fault);
}

static void finish(struct room *room, const char *key, const struct failure *failure)
{
    struct finish_request request = finish_of(key);
    struct operation_result result;

    request.failure = failure;
    ask_well(&room->call, "finish", &request, &result);
}

/* One whole change; a value of NULL removes. */
static void change(struct room *room, const char *key, const char *app_id, const char *name,
                   const char *value)
{
    const struct secret_change one = {.name = text_from(name), .value = text_from(value)};
    struct begin_reply begun;
    struct fault fault = {0};

    begin_well(&room->call, key, app_id, operation_kind_set_secrets, &begun);
    if (!stage(room, key, "run-of-it", &one, 1, &fault))
        fail_msg("stage: %s", fault.reason);
    finish(room, key, NULL);
}

static struct reveal_reply reveal(struct room *room, const char *app_id, const char *run_id)
{
    struct reveal_reply reply;

    ask_well(&room->call, "reveal", &(struct reveal_request){.app_id = text_from(app_id),
                                                             .run_id = text_from(run_id)}, &reply);
    return reply;
}

static void must_hold(struct room *room, const char *app_id, const char *run_id, const char *name,
                      const char *value)
{
    struct reveal_reply reply = reveal(room, app_id, run_id);

    for (uint32_t i = 0; i < reply.secrets.count; i++)
        if (text_is(reply.secrets.at[i].name, name)) {
            assert_non_null(value);
            must_be(reply.secrets.at[i].value, value);
            return;
        }
    assert_null(value);
}

static void names_are_listed_and_values_told(void **state)
{
    struct room *room = *state;
    struct secrets_reply list;
    struct call bob = call_begin(&room->fixture, "bob");
    struct app_ref app = {.app_id = TEXT_OF("app-1")};

    make_app(&room->call, "app-1", "ann");
    assert_int_equal(reveal(room, "app-1", "any").secrets.count, 0);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM app_keys"), 0);
    change(room, "k1", "app-1", "B_NAME", second);
    change(room, "k2", "app-1", "A_NAME", first);
    ask_well(&room->call, "secrets", &app, &list);
    assert_int_equal(list.secrets.count, 2);
    must_be(list.secrets.at[0].name, "A_NAME");
    must_be(list.secrets.at[1].name, "B_NAME");
    assert_true(list.secrets.at[0].set_at >= list.secrets.at[1].set_at);
    must_hold(room, "app-1", "any", "A_NAME", first);
    must_hold(room, "app-1", "any", "B_NAME", second);
    change(room, "k3", "app-1", "A_NAME", "changed");
    must_hold(room, "app-1", "any", "A_NAME", "changed");
    change(room, "k4", "app-1", "A_NAME", NULL);
    must_hold(room, "app-1", "any", "A_NAME", NULL);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM app_keys"), 1);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM secrets_to_be"), 0);
    ask_badly(&bob, "secrets", &app, &list, FAULT_app_not_found);
    ask_badly(&room->call, "secrets", &(struct app_ref){.app_id = TEXT_OF("none")}, &list,
              FAULT_app_not_found);
    call_end(&bob);
}

/* What will be is for the run of the change alone, and goes when that fails. */
static void a_change_is_for_its_run_alone(void **state)
{
    const struct secret_change both[] = {{.name = TEXT_OF("KEPT"), .value = TEXT_OF("another")},
                                         {.name = TEXT_OF("GONE")},
                                         {.name = TEXT_OF("CAME"), .value = TEXT_OF("new")}};
    const struct failure failure = {.name = TEXT_OF("start_failed")};
    struct room *room = *state;
    struct begin_reply begun;
    struct fault fault = {0};

    make_app(&room->call, "app-1", "ann");
    change(room, "k1", "app-1", "KEPT", first);
    change(room, "k2", "app-1", "GONE", second);
    for (int turn = 0; turn < 2; turn++) {
        const char *key = turn == 0 ? "fails" : "ends well";
        begin_well(&room->call, key, "app-1", operation_kind_set_secrets, &begun);
        assert_true(stage(room, key, "new-run", both, 3, &fault));
        assert_true(stage(room, key, "new-run", both, 3, &fault));      /* told again */
        must_hold(room, "app-1", "new-run", "KEPT", "another");
        must_hold(room, "app-1", "new-run", "GONE", NULL);
        must_hold(room, "app-1", "new-run", "CAME", "new");
        must_hold(room, "app-1", "old-run", "KEPT", first);
        must_hold(room, "app-1", "old-run", "GONE", second);
        must_hold(room, "app-1", "old-run", "CAME", NULL);
        finish(room, key, turn == 0 ? &failure : NULL);
        must_hold(room, "app-1", "new-run", "KEPT", turn == 0 ? first : "another");
        must_hold(room, "app-1", "old-run", "GONE", turn == 0 ? second : NULL);
        must_hold(room, "app-1", "old-run", "CAME", turn == 0 ? NULL : "new");
    }
    begin_well(&room->call, "no run", "app-1", operation_kind_set_secrets, &begun);
    assert_false(stage(room, "no run", NULL, both, 1, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
}

static void an_app_has_a_bounded_number(void **state)
{
    struct secret_change many[32];
    char names[33][8];
    const struct secret_change one_more = {.name = TEXT_OF("MORE"), .value = TEXT_OF("x")};
    struct room *room = *state;
    struct begin_reply begun;
    struct fault fault = {0};

    make_app(&room->call, "app-1", "ann");
    for (int i = 0; i < 32; i++) {
        (void) snprintf(names[i], sizeof names[i], "N%d", i);
        many[i] = (struct secret_change){.name = text_from(names[i]), .value = TEXT_OF("x")};
    }
    begin_well(&room->call, "all", "app-1", operation_kind_set_secrets, &begun);
    assert_true(stage(room, "all", "run", many, 32, &fault));
    finish(room, "all", NULL);
    begin_well(&room->call, "more", "app-1", operation_kind_set_secrets, &begun);
    assert_false(stage(room, "more", "run", &one_more, 1, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM secrets_to_be"), 0);
    assert_true(stage(room, "more", "run", many, 32, &fault));      /* the same names are no more */
}

/* A row in another's place does not open: neither a value nor a key. */
static void rows_cannot_be_swapped(void **state)
{
    static const char *const swaps[] = {
        "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE app_id = 'app-1' AND name = 'B')"
        " WHERE app_id = 'app-1' AND name = 'A'",
        "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE app_id = 'app-2' AND name = 'A')"
        " WHERE app_id = 'app-1' AND name = 'A'",
        "UPDATE app_keys SET sealed = (SELECT sealed FROM app_keys WHERE app_id = 'app-2')"
        " WHERE app_id = 'app-1'",
        "UPDATE secrets SET sealed = CAST(sealed || x'00' AS BLOB) WHERE app_id = 'app-1' AND name = 'A'",
        "UPDATE secrets SET sealed = zeroblob(length(sealed)) WHERE app_id = 'app-1' AND name = 'A'",
        "UPDATE secrets SET name = 'C' WHERE app_id = 'app-1' AND name = 'A'",
    };
    struct room *room = *state;
    struct reveal_reply reply;

    for (size_t i = 0; i < sizeof swaps / sizeof *swaps; i++) {
        put(room, "DELETE FROM apps");
        put(room, "DELETE FROM operations");
        make_app(&room->call, "app-1", "ann");
        make_app(&room->call, "app-2", "ann");
        change(room, "k1", "app-1", "A", first);
        change(room, "k2", "app-1", "B", second);
        change(room, "k3", "app-2", "A", second);
        must_hold(room, "app-1", "r", "A", first);
        put(room, "%s", swaps[i]);
        ask_badly(&room->call, "reveal", &(struct reveal_request){.app_id = TEXT_OF("app-1"),
                                                                  .run_id = TEXT_OF("r")}, &reply,
                  FAULT_internal);
    }
}

/* Whether any file of the directory holds the octets. */
static bool is_on_disk(struct room *room, const char *octets)
{
    static const char *const names[] = {"isekai.db", "isekai.db-wal"};
    bool found = false;

    for (size_t i = 0; i < 2; i++) {
        char path[128];
        (void) snprintf(path, sizeof path, "%s/%s", room->fixture.directory, names[i]);
        OWNED(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat about;
        if (fd < 0 || fstat(fd, &about) < 0)
            continue;
        char *all = arena_take(room->call.arena, (size_t)about.st_size + 1);
        assert_non_null(all);
        ssize_t size = read(fd, all, (size_t)about.st_size);
        found = found || (size > 0 && memmem(all, (size_t)size, octets, strlen(octets)));
    }
    return found;
}

static void values_are_not_on_disk_and_go_with_the_app(void **state)
{
    struct room *room = *state;
    struct begin_reply begun;
    struct finish_request gone = finish_of("remove");
    struct operation_result result;

    make_app(&room->call, "app-1", "ann");
    change(room, "k1", "app-1", "A_RARE_NAME", first);
    assert_true(is_on_disk(room, "A_RARE_NAME"));
    assert_false(is_on_disk(room, first));
    begin_well(&room->call, "remove", "app-1", operation_kind_remove, &begun);
    gone.remove = true;
    ask_well(&room->call, "finish", &gone, &result);
    assert_int_equal(query_count(&room->fixture, "SELECT (SELECT count(*) FROM app_keys) + "
                                 "(SELECT count(*) FROM secrets)"), 0);
}

/* A digest of a short value could be guessed: it is kept only as the master key's. */
static void a_request_is_known_without_its_plain_digest(void **state)
{
    struct begin_request request = begin_of("k", "app-1", operation_kind_set_secrets, "ann");
    struct room *room = *state;
    struct begin_reply begun;

    make_app(&room->call, "app-1", "ann");
    request.digest = digest_of('s');
    ask_well(&room->call, "begin", &request, &begun);
    assert_false(is_on_disk(room, "ssssssssssssssssssssssssssssssss"));
    finish(room, "k", NULL);
    ask_well(&room->call, "begin", &request, &begun);
    assert_false(begun.created);
    request.digest = digest_of('t');
    ask_badly(&room->call, "begin", &request, &begun, FAULT_key_reused);
}

/* ---- the master key ---- */

static void key_path(struct room *room, char out[128])
{
    (void) snprintf(out, 128, "%s/master.key", room->fixture.directory);
}

static void open_badly(struct room *room, const char *words)
{
    struct fault fault = {0};

    assert_false(store_open(&room->fixture.store, room->fixture.directory, &room->fixture.settings,
                            &room->fixture.bus, &fault));
    if (!strstr(fault.reason, words))
        fail_msg("'%s' is not in: %s", words, fault.reason);
}

static void write_key(const char *path, char fill, size_t size, mode_t mode)
{
    char octets[64];

    memset(octets, fill, sizeof octets);
    (void) unlink(path);
    OWNED(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    assert_int_equal(write(fd, octets, size), (ssize_t)size);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void the_master_key_is_made_kept_and_needed(void **state)
{
    struct room *room = *state;
    char path[128], kept[140], other[140];
    struct stat about;

    key_path(room, path);
    (void) snprintf(kept, sizeof kept, "%s.kept", path);
    (void) snprintf(other, sizeof other, "%s.other", path);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(about.st_size, 32);
    make_app(&room->call, "app-1", "ann");
    change(room, "k1", "app-1", "A", first);
    fixture_close(&room->fixture);
    fixture_open(&room->fixture);
    must_hold(room, "app-1", "r", "A", first);

    fixture_close(&room->fixture);
    assert_int_equal(rename(path, kept), 0);
    open_badly(room, "only it opens");
    assert_int_equal(stat(path, &about), -1);           /* none is made in its place */
    write_key(path, 'k', 32, 0600);
    open_badly(room, "another master key");
    write_key(path, 'k', 31, 0600);
    open_badly(room, "does not hold 32 octets");
    write_key(path, 'k', 33, 0600);
    open_badly(room, "does not hold 32 octets");
    write_key(path, 'k', 32, 0640);
    open_badly(room, "open to others");
    room->fixture.settings.store_key_file = other;
    open_badly(room, "only it opens");
    room->fixture.settings.store_key_file = kept;       /* a file of the operator's */
    fixture_open(&room->fixture);
    must_hold(room, "app-1", "r", "A", first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_listed_and_values_told, room_open, room_close),
        cmocka_unit_test_setup_teardown(a_change_is_for_its_run_alone, room_open, room_close),
        cmocka_unit_test_setup_teardown(an_app_has_a_bounded_number, room_open, room_close),
        cmocka_unit_test_setup_teardown(rows_cannot_be_swapped, room_open, room_close),
        cmocka_unit_test_setup_teardown(values_are_not_on_disk_and_go_with_the_app, room_open, room_close),
        cmocka_unit_test_setup_teardown(a_request_is_known_without_its_plain_digest, room_open, room_close),
        cmocka_unit_test_setup_teardown(the_master_key_is_made_kept_and_needed, room_open, room_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
