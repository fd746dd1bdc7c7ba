/* modules.h - what every app can import without an install: one read-only tree for all cages.
 *
 * The build leaves it where the programs are, which may be closed to the apps' users. So it is copied
 * to <data>/runtime/modules/{key}-{boot}, once for each content and boot of the host: what was copied
 * before a crash of the host may not have reached the disk. Call it when no cage runs: other copies
 * are removed.
 *
 * Owns:     nothing beyond the struct.
 * Fails as: not_found (there is none, or it is not one that the build made), disk_full, internal.
 */
#ifndef ISEKAI_SANDBOX_MODULES_H
#define ISEKAI_SANDBOX_MODULES_H

#include <limits.h>

#include "schemas/fault.h"
#include "schemas/text.h"

enum {
    MODULES_MAX = 64,               /* that are asked for; what they need themselves is not counted */
    MODULE_NAME_SIZE = PACKAGE_NAME_CHARACTERS_MAX + 1,
    MODULE_VERSION_SIZE = 33,
};

struct module { char name[MODULE_NAME_SIZE], version[MODULE_VERSION_SIZE]; };

struct modules {
    char path[PATH_MAX];            /* in the cage /node_modules; "": none */
    struct module list[MODULES_MAX];
    uint32_t count;
};

/* `from` is a directory of modules/install.sh; `runtime` is <data>/runtime. */
bool modules_open(struct modules *out, const char *from, const char *runtime, struct fault *fault);

const struct module *modules_find(const struct modules *self, struct text name);   /* NULL: none */

#endif
