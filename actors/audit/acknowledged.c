/* acknowledged.c - the note of how much of the log was promised to somebody.
 *
 *   magic[16]  size:u64  root:hash  chain:hash  SHA-256 of all before:hash
 *
 * With it a tail that was lost is told from one that was never promised.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#include "actors/audit/replay.h"
#include "bus/owned.h"

const char acknowledged_name[] = "acknowledged";

enum { CHECKED_SIZE = ACKNOWLEDGED_SIZE - HASH_SIZE, TRIES = 5 };
static const char magic[16] = "isekai promise\n";

void acknowledged_write(const struct log_point *point, unsigned char out[ACKNOWLEDGED_SIZE])
{
    memcpy(out, magic, sizeof magic);
    for (int i = 0; i < 8; i++)
        out[16 + i] = point->size >> (8 * i) & 0xff;
    memcpy(out + 24, point->root.at, HASH_SIZE);
    memcpy(out + 24 + HASH_SIZE, point->chain.at, HASH_SIZE);
    crypto_hash_sha256(out + CHECKED_SIZE, out, CHECKED_SIZE);
}

static bool is_whole(const unsigned char in[ACKNOWLEDGED_SIZE])
{
    unsigned char hash[HASH_SIZE];

    crypto_hash_sha256(hash, in, CHECKED_SIZE);
    return memcmp(in, magic, sizeof magic) == 0 &&
           memcmp(hash, in + CHECKED_SIZE, HASH_SIZE) == 0;
}

bool acknowledged_read(int directory, struct log_point *point, struct fault *fault)
{
    unsigned char in[ACKNOWLEDGED_SIZE + 1] = {0};
    bool whole = false;
    OWNED(fd) int fd = openat(directory, acknowledged_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return fault_set(fault, errno == ENOENT ? FAULT_not_found : FAULT_internal,
                         "open '%s': %s", acknowledged_name, strerror(errno));
    /* A reader beside a running writer may see half of a write: look again. */
    for (int i = 0; i < TRIES && !whole; i++)
        whole = pread(fd, in, sizeof in, 0) == ACKNOWLEDGED_SIZE && is_whole(in);
    if (!whole)
        return fault_set(fault, FAULT_internal, "index=0 offset=0 segment=%s: the file is damaged",
                         acknowledged_name);
    point->size = 0;
    for (int i = 0; i < 8; i++)
        point->size |= (uint64_t)in[16 + i] << (8 * i);
    memcpy(point->root.at, in + 24, HASH_SIZE);
    memcpy(point->chain.at, in + 24 + HASH_SIZE, HASH_SIZE);
    point->has_chain = true;
    return true;
}
