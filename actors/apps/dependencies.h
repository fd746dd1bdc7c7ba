/* dependencies.h - what apps.execute was given as `dependencies` goes into the app's package.json.
 *
 * So it is a part of the version, and stays with the app through restarts, changes and export. One that
 * package.json names too is replaced; without a package.json one is made. Whether a host can meet
 * them is the sandbox's matter.
 *
 * Borrows:  all; what is new lives in the arena.
 * Fails as: malformed (a name or range that is none, more than DEPENDENCIES_MAX, a package.json that
 *           is no object), too_large (more than FILES_MAX files, or FILE_CONTENT_OCTETS_MAX), internal (no memory).
 */
#ifndef ISEKAI_ACTORS_APPS_DEPENDENCIES_H
#define ISEKAI_ACTORS_APPS_DEPENDENCIES_H

#include "schemas/message.h"

enum { DEPENDENCIES_MAX = 100 };

/* `packed` is a MessagePack map, or absent: then *out is `files`. */
bool dependencies_put(struct text packed, struct files files, struct arena *arena,
                      struct files *out, struct fault *fault);

#endif
