/* resolver_files.c - what getaddrinfo() reads, and that it is still the same; see resolver_files.h. */
#include "actors/sandbox/egress/resolver_files.h"

#include <sys/stat.h>

#include "bus/landlock.h"

/* First what is looked at again, then where the C library has the modules that nsswitch.conf names. */
static const struct landlock_kept kept[] = {
    {.path = "/etc/resolv.conf", .is_optional = true}, {.path = "/etc/hosts", .is_optional = true},
    {.path = "/etc/nsswitch.conf", .is_optional = true}, {.path = "/etc/host.conf", .is_optional = true},
    {.path = "/etc/gai.conf", .is_optional = true},
    {.path = "/etc/ld.so.cache", .is_optional = true},
    {.path = "/lib", .is_optional = true}, {.path = "/lib64", .is_optional = true},
    {.path = "/usr/lib", .is_optional = true}, {.path = "/usr/lib64", .is_optional = true},
};

/* Number 0 is no file's: nothing stands there. */
static struct file_identity identify(const char *path)
{
    struct stat about;

    if (stat(path, &about) < 0)
        return (struct file_identity){0};
    return (struct file_identity){about.st_dev, about.st_ino};
}

bool resolver_files_keep(struct resolver_files *out, struct fault *fault)
{
    static const struct landlock_wish wish = {
        .kept = kept, .count = sizeof kept / sizeof *kept, .keeps_to_itself = true,
    };

    for (size_t i = 0; i < RESOLVER_FILES; i++)     /* first: what is exchanged meanwhile is noticed */
        out->at[i] = identify(kept[i].path);
    return landlock_give_up(&wish, &out->is_on, fault);
}

bool resolver_files_were_exchanged(const struct resolver_files *self)
{
    for (size_t i = 0; self->is_on && i < RESOLVER_FILES; i++) {
        struct file_identity now = identify(kept[i].path);
        if (now.device != self->at[i].device || now.number != self->at[i].number)
            return true;
    }
    return false;
}
