/* entry.h - which file of an app node runs.
 *
 * config.entry, else package.json's scripts.start when it is `node FILE`, else its main, else
 * server.js, index.js, app.js; with none of these but an index.html the built-in static server.
 *
 * Borrows:  files, during the call.
 * Fails as: start_failed, in words that tell what to add.
 */
#ifndef ISEKAI_SANDBOX_ENTRY_H
#define ISEKAI_SANDBOX_ENTRY_H

#include "schemas/message.h"

enum { ENTRY_SIZE = 4 * FILE_PATH_CHARACTERS_MAX + 1, ENTRY_IN_CAGE_SIZE = ENTRY_SIZE + 32 };

struct entry {
    bool is_static;             /* path is empty: serve the files as they are */
    char path[ENTRY_SIZE];
};

/* `wish` is config.entry; absent: none. */
bool entry_find(struct files files, struct text wish, struct entry *out, struct fault *fault);

/* Where it lies in the cage. NULL, not known yet: what most apps have. */
void entry_in_cage(const struct entry *entry, char out[ENTRY_IN_CAGE_SIZE]);

#endif
