/* fixture.h - a log in a directory of its own, for the tests of the audit room.
 *
 * Owns: place_make() makes a directory, place_remove() removes it with what is in it.
 */
#ifndef ISEKAI_TESTS_AUDIT_FIXTURE_H
#define ISEKAI_TESTS_AUDIT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "actors/audit/log.h"
#include "schemas/message.h"

struct place { char path[64]; int directory; };

void place_make(struct place *place);
void place_remove(struct place *place);

struct octets { unsigned char *at; size_t size; };

struct octets place_read(const struct place *place, const char *name);
void place_write(const struct place *place, const char *name, const void *at, size_t size);

/* Open or fail the test. */
struct audit_log *log_of(const struct place *place, uint64_t segment_octets_max);
/* Append `count` entries "entry N", one append each; fails the test when one is refused. */
void log_fill(struct audit_log *log, uint64_t count);
/* Whether the whole log is as it was written, by the function of isekai-audit-verify. */
bool place_is_sound(const struct place *place, uint64_t *size, struct fault *fault);

/* An event with that id; texts point into `id`. */
struct audit_event event_of(const char *id);

#endif
