/* landlock_test - what a process that gave its files up can still do, and what not.
 *
 * Method: a child gives up its files and tries; each step that goes wrong is its exit status.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/landlock.h"

enum { NOT_HERE = 77 };

static char place[] = "/tmp/isekai-landlock-XXXXXX";
static struct sockaddr_un door = {.sun_family = AF_UNIX};

static bool is_refused(int result)
{
    return result < 0 && errno == EACCES;
}

static bool reads_own_entry(void)
{
    DIR *own = opendir("/proc/self/fd");

    return own && readdir(own) != NULL && closedir(own) == 0;
}

static bool reaches_the_door(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *)&door, sizeof door) == 0;
}

/* 0, or the line of the first thing that was not as it should be. */
static int try_all(void)
{
    struct fault fault;
    bool is_on;
    int kept = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || !landlock_give_up_files(&is_on, &fault))
        return __LINE__;
    if (!is_on)
        return NOT_HERE;
    if (!is_refused(open("/etc/passwd", O_RDONLY | O_CLOEXEC)))
        return __LINE__;
    if (!is_refused(openat(kept, "file", O_RDONLY | O_CLOEXEC)))
        return __LINE__;
    if (!is_refused(openat(kept, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)))
        return __LINE__;
    if (!is_refused(mkdirat(kept, "directory", 0700)) || !is_refused(unlinkat(kept, "file", 0)))
        return __LINE__;
    if (!is_refused(execl("/bin/true", "true", (char *)NULL)))
        return __LINE__;
    if (!is_refused(open("/proc/1/comm", O_RDONLY | O_CLOEXEC)))
        return __LINE__;
    if (!is_refused(open("/proc/self/root/etc/passwd", O_RDONLY | O_CLOEXEC)))
        return __LINE__;
    if (!reads_own_entry())
        return __LINE__;
    if (!reaches_the_door())
        return __LINE__;
    return 0;
}

static void test_files_given_up(void **state)
{
    int status;
    pid_t child = fork();

    (void) state;
    if (child == 0)
        _exit(try_all());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_HERE)
        skip();     /* this kernel has no Landlock */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int make_place(void **state)
{
    static int listener;
    char file[sizeof place + 8];

    (void) state;
    if (!mkdtemp(place))
        return -1;
    (void) snprintf(file, sizeof file, "%s/file", place);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    (void) close(fd);
    (void) snprintf(door.sun_path, sizeof door.sun_path, "%s/door", place);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 || bind(listener, (const struct sockaddr *)&door, sizeof door) < 0 ||
           listen(listener, 1) < 0 ? -1 : 0;
}

static int remove_place(void **state)
{
    char file[sizeof place + 8];

    (void) state;
    (void) snprintf(file, sizeof file, "%s/file", place);
    (void) unlink(file);
    (void) unlink(door.sun_path);
    return rmdir(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files_given_up)};

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
