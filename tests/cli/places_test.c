/* places_test - the directories of an ordinary user's `isekai up`, and those it does not trust.
 *
 * Method: a child that is no root makes the places below a directory of the test's; who runs the
 * tests looks at them. As root the stranger's directory is root's neighbour's, uid 61998.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/places.h"

enum { USER = 61997, STRANGER = 61998 };

static char top[] = "/tmp/isekai-places-XXXXXX";

static const char *below(const char *name)
{
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    (void) snprintf(path, sizeof paths[0], "%s/%s", top, name);
    return path;
}

static void make_directory(const char *path, mode_t mode, uid_t owner)
{
    assert_int_equal(mkdir(path, mode), 0);
    assert_int_equal(chmod(path, mode), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(path, owner, owner), 0);
}

static int make_top(void **state)
{
    (void) state;
    if (!mkdtemp(top))
        return -1;
    make_directory(below("home"), 0700, USER);
    make_directory(below("own"), 0755, USER);
    make_directory(below("open"), 0777, USER);
    make_directory(below("sticky"), 01777, 0);
    make_directory(below("strange"), 0755, STRANGER);
    make_directory(below("strange/mine"), 0755, USER);
    return chmod(top, 0755);
}

/* As an ordinary user: open the places and close them; 0 or 1, and the reason in a file. */
static bool try_places(const char *run, char reason[200])
{
    const struct bus_settings bus = {.isekai_data = below("home/state/isekai"),
                                     .isekai_run = below(run), .isekai_user = "isekai"};
    int both[2], status;

    assert_int_equal(pipe(both), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct fault fault = {0};
        struct places places;
        (void) umask(022);
        if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 ||
                               setresuid(USER, USER, USER) < 0))
            _exit(2);
        bool done = places_open(&bus, &places, &fault);
        (void) !write(both[1], fault.reason, strlen(fault.reason));
        _exit(done ? 0 : 1);
    }
    (void) close(both[1]);
    ssize_t size = read(both[0], reason, 199);
    reason[size > 0 ? size : 0] = '\0';
    (void) close(both[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

static void nobody_else_may_enter(void **state)
{
    static const char *const made[] = {
        "home/state/isekai/store", "home/state/isekai/audit", "home/state/isekai/runtime",
        "home/state/isekai/runtime/apps", "own/run/bus", "own/run/preview",
    };
    char reason[200];
    struct stat about;

    (void) state;
    if (!try_places("own/run", reason))
        fail_msg("%s", reason);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        assert_int_equal(stat(below(made[i]), &about), 0);
        assert_int_equal(about.st_mode & 07777, 0700);
    }
    assert_true(try_places("sticky/isekai-1/run", reason));     /* as in /tmp */
}

/* Whoever owns a directory on the way may put their own sockets in the place of ours. */
static void a_strangers_directory_is_refused(void **state)
{
    char reason[200];

    (void) state;
    assert_false(try_places("open/run", reason));
    assert_non_null(strstr(reason, "'open' in"));
    assert_non_null(strstr(reason, "ISEKAI_RUN"));
    if (geteuid() != 0)
        skip();
    assert_false(try_places("strange/mine/run", reason));
    assert_non_null(strstr(reason, "'strange' in"));
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void) about;
    (void) kind;
    (void) place;
    return remove(path);
}

static int remove_top(void **state)
{
    (void) state;
    return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_else_may_enter),
        cmocka_unit_test(a_strangers_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, make_top, remove_top);
}
