/* beside.c - files found from where this program lies; see beside.h. */
#include "bus/beside.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool beside_program(const char *relative, char out[PATH_MAX], struct fault *fault)
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);
    char *slash;

    out[size > 0 ? size : 0] = '\0';
    slash = strrchr(out, '/');
    if (!slash)
        return fault_set(fault, FAULT_internal, "where this program lies is not known");
    size_t room = PATH_MAX - (size_t)(slash + 1 - out);
    int length = snprintf(slash + 1, room, "%s", relative);
    return (length >= 0 && (size_t)length < room) ||
           fault_set(fault, FAULT_internal, "the path of this program is too long");
}
