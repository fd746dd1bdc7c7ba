/* reach.c - can an app's user get at a path; see reach.h. */
#include "actors/sandbox/reach.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool reach_check(const char *path, struct fault *fault)
{
    char above[PATH_MAX];
    struct stat about;

    for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        (void) snprintf(above, sizeof above, "%.*s",
                        slash ? (int)(slash - path) : (int)strlen(path), path);
        if (stat(above, &about) < 0)
            return fault_set(fault, FAULT_internal, "'%s': %s", above, strerror(errno));
        if ((about.st_mode & S_IXOTH) == 0)
            return fault_set(fault, FAULT_internal, "the apps' users cannot pass '%s'; chmod o+x "
                             "it, or use another place", above);
        if (!slash)
            return true;
    }
}
