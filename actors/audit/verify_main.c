/* verify_main.c - isekai-audit-verify DIRECTORY [SIZE:ROOT]: is the log as it was written?
 *
 * Reads beside a running audit actor. Prints `ok size=N root=HEX chain=HEX` and exits 0, or
 * `broken index=I offset=O segment=NAME: why` and exits 1. With SIZE:ROOT, an older checkpoint,
 * also proves that nothing of it was taken away or changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/audit/replay.h"
#include "bus/owned.h"
#include "bus/settings.h"

static bool read_checkpoint(const char *argument, struct log_point *point, struct fault *fault)
{
    char *colon;
    size_t size;

    errno = 0;
    point->size = strtoull(argument, &colon, 10);
    if (errno != 0 || argument[0] < '0' || argument[0] > '9' || *colon != ':')
        return fault_set(fault, FAULT_malformed, "the checkpoint is not SIZE:ROOT");
    if (strlen(colon + 1) != 2 * HASH_SIZE ||
        sodium_hex2bin(point->root.at, HASH_SIZE, colon + 1, 2 * HASH_SIZE, NULL, &size, NULL) ||
        size != HASH_SIZE)
        return fault_set(fault, FAULT_malformed, "the checkpoint's root is not 64 hex digits");
    return true;
}

static void print_state(const struct replay *replay)
{
    char root[HASH_HEX_SIZE], chain[HASH_HEX_SIZE];

    hash_to_hex(merkle_root(&replay->frontier), root);
    hash_to_hex(replay->chain, chain);
    printf("ok size=%" PRIu64 " root=%s chain=%s", replay->frontier.size, root, chain);
    if (replay->torn_octets > 0)
        printf(" torn_octets=%" PRIu64, replay->torn_octets);
    printf("\n");
}

static int verify(int directory, struct log_point *points, size_t count)
{
    struct fault fault = {0};
    struct replay replay = {0};
    bool has = false;
    bool read = acknowledged_read(directory, &points[count], &fault);

    /* A directory in which nothing was begun is an empty log. */
    if (!read && fault.kind == FAULT_not_found && log_has_segments(directory, &has, &fault) && has)
        fault_set(&fault, FAULT_internal, "index=0 offset=0 segment=%s: the file is missing",
                  acknowledged_name);
    else if (read || fault.kind == FAULT_not_found)
        if (log_replay(directory, points, count + read, &replay, &fault)) {
            print_state(&replay);
            replay_drop(&replay);
            return EXIT_SUCCESS;
        }
    printf("broken %s\n", fault.reason);
    return EXIT_SYSTEM;
}

int main(int argc, char **argv)
{
    struct log_point points[2] = {{0}};
    struct fault fault = {0};

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: isekai-audit-verify DIRECTORY [SIZE:ROOT]\n");
        return EXIT_MISUSED;
    }
    if (argc == 3 && !read_checkpoint(argv[2], &points[0], &fault)) {
        fprintf(stderr, "isekai-audit-verify: %s\n", fault.reason);
        return EXIT_MISUSED;
    }
    OWNED(fd) int directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        fprintf(stderr, "isekai-audit-verify: '%s': %s\n", argv[1], strerror(errno));
        return EXIT_SYSTEM;
    }
    return verify(directory, points, argc == 3);
}
