/* host_switches.c - what an operator may turn on; see host_switches.h. */
#include "actors/sandbox/host_switches.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>

#include "bus/owned.h"

/* What a kernel may have been told, and how to tell it otherwise. */
static const struct { const char *file; char refuses; const char *next; } switches[] = {
    {"/proc/sys/user/max_user_namespaces", '0', "as root: sysctl -w user.max_user_namespaces=15000"},
    {"/proc/sys/kernel/unprivileged_userns_clone", '0',
     "as root: sysctl -w kernel.unprivileged_userns_clone=1"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
     "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
};

static bool stands_at(const char *file, char value)
{
    OWNED(fd) int fd = open(file, O_RDONLY | O_CLOEXEC);
    char text[3] = "";

    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 && text[0] == value &&
           (text[1] == '\n' || text[1] == '\0');
}

const char *host_switches_found(void)
{
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (stands_at(switches[i].file, switches[i].refuses))
            return switches[i].next;
    return NULL;
}

const char *host_switches_what_to_do(void)
{
    const char *found = host_switches_found();

    return found ? found : "as root: let ordinary users, or this container, make user namespaces";
}
