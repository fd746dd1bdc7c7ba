/* package.h - an app's package.json, when it is one.
 *
 * Borrows:  files, during the call.
 * Gives:    a reference the caller drops with json_decref(); NULL: no such file, no JSON, or more
 *           of it than json_outline_fits().
 */
#ifndef ISEKAI_SANDBOX_PACKAGE_H
#define ISEKAI_SANDBOX_PACKAGE_H

#include <jansson.h>

#include "schemas/message.h"

json_t *package_read(struct files files);

#endif
