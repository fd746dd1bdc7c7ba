/* data_test - snapshots of apps' data in the store: the last of each, sealed, in its own place, gone with
 * its app.
 *
 * Method: the store's own method table on a real database, whose rows are put in each other's places.
 */
#include "tests/store/room.h"

#include <stdlib.h>

static void keep(struct room *room, const char *app_id, struct text archive)
{
    struct nothing done;

    ask_well(&room->call, "data_put",
             &(struct data_put_request){.app_id = text_from(app_id), .archive = archive}, &done);
}

static struct data_reply kept(struct room *room, const char *app_id)
{
    struct data_reply reply;

    ask_well(&room->call, "data_get", &(struct app_ref){.app_id = text_from(app_id)}, &reply);
    return reply;
}

static void the_last_one_is_kept(void **state)
{
    struct room *room = *state;
    size_t size = 10485760;
    char *large = calloc(1, size);

    assert_non_null(large);
    make_app(&room->call, "app-1", "ann");
    make_app(&room->call, "app-2", "ann");
    assert_null(kept(room, "app-1").archive.at);
    assert_null(kept(room, "none").archive.at);
    keep(room, "app-1", TEXT_OF("first"));
    keep(room, "app-2", TEXT_OF("of another"));
    must_be(kept(room, "app-1").archive, "first");
    keep(room, "app-1", TEXT_OF("second"));
    must_be(kept(room, "app-1").archive, "second");
    must_be(kept(room, "app-2").archive, "of another");
    assert_true(kept(room, "app-1").at > 0);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM data_snapshots"
                                 " WHERE instr(sealed, CAST('second' AS BLOB))"), 0);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM data_snapshots"), 2);
    keep(room, "app-2", (struct text){large, size});        /* the largest there may be */
    assert_int_equal(kept(room, "app-2").archive.size, size);
    free(large);
}

static void it_goes_with_its_app(void **state)
{
    struct room *room = *state;
    struct nothing done;

    make_app(&room->call, "app-1", "ann");
    keep(room, "app-1", TEXT_OF("first"));
    put(room, "DELETE FROM apps WHERE app_id = 'app-1'");
    assert_null(kept(room, "app-1").archive.at);
    assert_int_equal(query_count(&room->fixture, "SELECT count(*) FROM data_snapshots"), 0);
    ask_badly(&room->call, "data_put",
              &(struct data_put_request){.app_id = TEXT_OF("app-1"), .archive = TEXT_OF("x")},
              &done, FAULT_app_not_found);
}

static void rows_cannot_be_swapped(void **state)
{
    static const char *const swaps[] = {
        "UPDATE data_snapshots SET sealed = (SELECT sealed FROM data_snapshots WHERE app_id = 'app-2')"
        " WHERE app_id = 'app-1'",
        "UPDATE app_keys SET sealed = (SELECT sealed FROM app_keys WHERE app_id = 'app-2')"
        " WHERE app_id = 'app-1'",
        "UPDATE data_snapshots SET sealed = zeroblob(length(sealed)) WHERE app_id = 'app-1'",
        "DELETE FROM app_keys WHERE app_id = 'app-1'",
    };
    struct room *room = *state;
    struct data_reply reply;

    for (size_t i = 0; i < sizeof swaps / sizeof *swaps; i++) {
        put(room, "DELETE FROM apps");
        put(room, "DELETE FROM operations");
        make_app(&room->call, "app-1", "ann");
        make_app(&room->call, "app-2", "ann");
        keep(room, "app-1", TEXT_OF("first"));
        keep(room, "app-2", TEXT_OF("second"));
        must_be(kept(room, "app-1").archive, "first");
        put(room, "%s", swaps[i]);
        ask_badly(&room->call, "data_get", &(struct app_ref){.app_id = TEXT_OF("app-1")}, &reply,
                  FAULT_internal);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ROOM_TEST(the_last_one_is_kept),
        ROOM_TEST(it_goes_with_its_app),
        ROOM_TEST(rows_cannot_be_swapped),
    };

    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
