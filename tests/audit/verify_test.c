/* verify_test.c - what isekai-audit-verify says and how it exits, run as the program it is. */
#include "tests/audit/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct place place;
static char said[1024];

/* Run it; the exit code, with its standard output in `said`. */
static int verify(const char *checkpoint)
{
    int ends[2], status;
    ssize_t size = 0, got;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], 1);
        execl(VERIFY_PROGRAM, VERIFY_PROGRAM, place.path, checkpoint, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    while ((got = read(ends[0], said + size, sizeof said - 1 - (size_t)size)) > 0)
        size += got;
    said[size] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect(const char *checkpoint, int code, const char *begin, const char *part)
{
    int got = verify(checkpoint);

    if (got != code || strncmp(said, begin, strlen(begin)) != 0 || !strstr(said, part))
        fail_msg("exit %d: %s", got, said);
}

static void test_what_it_says(void **state)
{
    char checkpoint[128], hex[HASH_HEX_SIZE];

    (void)state;
    place_make(&place);
    expect(NULL, 0, "ok size=0 root=",
           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct audit_log *log = log_of(&place, 1 << 20);
    log_fill(log, 3);
    hash_to_hex(audit_log_point(log).root, hex);
    snprintf(checkpoint, sizeof checkpoint, "3:%s", hex);
    log_fill(log, 4);
    hash_to_hex(audit_log_point(log).root, hex);
    expect(NULL, 0, "ok size=7 root=", hex);            /* beside the running writer */
    expect(checkpoint, 0, "ok size=7 root=", hex);
    audit_log_close(log);
    checkpoint[0] = '4';
    expect(checkpoint, 1, "broken index=4 offset=", "another root");
    checkpoint[0] = '9';
    expect(checkpoint, 1, "broken index=7 offset=", "the tail is cut off");
    expect("9", 64, "", "");
    expect("9:beef", 64, "", "");

    struct octets octets = place_read(&place, "segment-00000000000000000000.log");
    place_write(&place, "segment-00000000000000000000.log", octets.at, octets.size - 3);
    expect(NULL, 1, "broken index=6 offset=", "the tail is cut off");
    octets.at[SEGMENT_HEADER_SIZE + RECORD_HEAD_SIZE] ^= 4;
    place_write(&place, "segment-00000000000000000000.log", octets.at, octets.size);
    expect(NULL, 1, "broken index=0 offset=56 segment=segment-00000000000000000000.log: ",
           "does not fit its link");
    free(octets.at);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_it_says)};

    return cmocka_run_group_tests_name("audit_verify", tests, NULL, NULL);
}
