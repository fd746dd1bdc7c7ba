/* semver.h - does a version lie in a range as package.json writes it?
 *
 * Source:   https://semver.org and node-semver's grammar of ranges: comparators (=, <, <=, >, >=),
 *           ^, ~, x and missing parts, hyphens, `||`. `latest`, `*` and nothing take any version.
 * A range with a pre-release, a URL or another tag holds no version here: false.
 */
#ifndef ISEKAI_SANDBOX_SEMVER_H
#define ISEKAI_SANDBOX_SEMVER_H

#include "schemas/text.h"

/* `version` is of three numbers. */
bool semver_satisfies(struct text version, struct text range);

#endif
