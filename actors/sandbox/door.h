/* door.h - an app's listening UNIX socket, which the gateway connects to.
 *
 * <run>/preview/{label}.sock, group isekai and mode 0660 where we are root. The path may be
 * longer than a sockaddr_un: everyone goes through /proc/self/fd/{directory}/{name}. It keeps
 * listening while cages come and go behind it, so that connections wait instead of failing.
 *
 * Owns:     the socket, and its name while it is open; door_close() removes both.
 * Borrows:  the directory's descriptor.
 * Fails as: internal.
 */
#ifndef ISEKAI_SANDBOX_DOOR_H
#define ISEKAI_SANDBOX_DOOR_H

#include <sys/types.h>
#include <sys/un.h>

#include "schemas/fault.h"

enum { DOOR_NAME_SIZE = 72, DOOR_BACKLOG = 1024 };

struct doors {
    int directory;
    gid_t group;            /* who may connect, beside us */
    bool for_group;         /* we are root: hand them to the group */
};

struct door {
    int fd;                 /* -1: closed */
    char name[DOOR_NAME_SIZE];
};

/* Open <run>/preview and remove what an earlier life left in it. Not root: it is made. */
bool doors_open(struct doors *out, const char *run, const char *user, struct fault *fault);
void doors_clear(const struct doors *self);      /* of the sockets that an earlier life left */
void doors_close(struct doors *self);

bool door_open(struct door *out, const struct doors *doors, const char *name, struct fault *fault);
void door_close(struct door *self, const struct doors *doors);      /* safe on a closed one */
void door_address(const struct door *self, const struct doors *doors, struct sockaddr_un *out);

#endif
