/* disk_quota.c - a hard end to what an app writes; see disk_quota.h. */
#include "actors/sandbox/disk_quota.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/sandbox/disk_quota_keeper.h"
#include "bus/owned.h"

enum { ANSWER_SECONDS = 10 };

struct disk_quota {
    uid_t first, count;
    dev_t device;
    pid_t keeper;
    int socket;
    pthread_mutex_t lock;           /* guards what follows, and one question at a time */
    struct { uint64_t octets, entries; } given[];   /* one per uid */
};

static bool is_of_an_app(const struct disk_quota *self, uid_t uid)
{
    return uid >= self->first && uid - self->first < self->count;
}

/* What the uid has been given becomes its limit. */
static bool set(struct disk_quota *self, uid_t uid, struct fault *fault)
{
    size_t row = uid - self->first;
    bool is_limited = self->given[row].octets > 0;
    const struct keeper_order order = {
        .uid = uid,
        .octets = is_limited ? self->given[row].octets + ((uint64_t)DISK_QUOTA_MORE_MB << 20) : 0,
        .entries = is_limited ? self->given[row].entries + DISK_QUOTA_MORE_ENTRIES : 0,
    };
    int32_t error = EPIPE;

    if (send(self->socket, &order, sizeof order, MSG_NOSIGNAL) == sizeof order &&
        recv(self->socket, &error, sizeof error, 0) != sizeof error)
        error = EPIPE;
    return error == 0 ||
           fault_set(fault, FAULT_internal, "set a disk quota: %s", strerror(error));
}

bool disk_quota_give(struct disk_quota *self, struct disk_share *share, struct fault *fault)
{
    if (!self)
        return true;
    if (!is_of_an_app(self, share->uid))
        return fault_set(fault, FAULT_internal, "uid %u is no app's", (unsigned)share->uid);
    size_t row = share->uid - self->first;
    pthread_mutex_lock(&self->lock);
    self->given[row].octets += share->octets;
    self->given[row].entries += share->entries;
    bool is_set = set(self, share->uid, fault);
    if (!is_set) {
        self->given[row].octets -= share->octets;
        self->given[row].entries -= share->entries;
        *share = (struct disk_share){.uid = 0};
    }
    pthread_mutex_unlock(&self->lock);
    return is_set;
}

void disk_quota_take_back(struct disk_quota *self, struct disk_share *share)
{
    struct fault ignored;

    if (self && is_of_an_app(self, share->uid)) {
        size_t row = share->uid - self->first;
        pthread_mutex_lock(&self->lock);
        self->given[row].octets -= share->octets;
        self->given[row].entries -= share->entries;
        (void) set(self, share->uid, &ignored);
        pthread_mutex_unlock(&self->lock);
    }
    *share = (struct disk_share){.uid = 0};
}

bool disk_quota_is_of(const struct disk_quota *self, int directory)
{
    struct stat about;

    return self && fstat(directory, &about) == 0 && about.st_dev == self->device;
}

/* ---- beginning and end ---- */

static bool begin_keeper(struct disk_quota *self, int directory)
{
    const struct timeval patience = {ANSWER_SECONDS, 0};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    self->socket = pair[0];
    (void) setsockopt(self->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    self->keeper = fork();
    if (self->keeper == 0)
        keeper_run(pair[1], directory, self->first, self->count);
    (void) close(pair[1]);
    return self->keeper > 0;
}

struct disk_quota *disk_quota_new(const char *directory, uid_t first, uid_t count)
{
    OWNED(fd) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct fault ignored;
    struct stat about;

    if (geteuid() != 0 || fd < 0 || fstat(fd, &about) < 0 || !keeper_is_enforced(fd))
        return NULL;
    struct disk_quota *self = calloc(1, sizeof *self + count * sizeof *self->given);
    if (!self)
        return NULL;
    self->first = first;
    self->count = count;
    self->device = about.st_dev;
    self->socket = -1;
    pthread_mutex_init(&self->lock, NULL);
    /* In a container root may not: then there are none for us. */
    if (begin_keeper(self, fd) && set(self, first, &ignored))
        return self;
    disk_quota_free(self);
    return NULL;
}

void disk_quota_free(struct disk_quota *self)
{
    if (!self)
        return;
    fd_drop(&self->socket);
    if (self->keeper > 0)
        (void) waitpid(self->keeper, NULL, 0);
    pthread_mutex_destroy(&self->lock);
    free(self);
}
