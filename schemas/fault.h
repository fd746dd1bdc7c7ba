/* fault.h - how a function in this project says what went wrong.
 *
 * A function that can fail returns bool and takes a `struct fault *` last.
 *   true   the job is done; *fault is untouched.
 *   false  the job is not done and leaves nothing to undo; *fault says why.
 *
 * Owns:     nothing. A fault is a plain value and needs no freeing.
 * Units:    retry_ms is how long the caller should wait before a new try; 0 = not said.
 * Fails as: fault_set and fault_while always return false, so that a failure is one statement.
 *
 * `kind` and its sentence in faults.def go to the caller; `reason` goes to the log, and to
 * the caller only for the kinds marked `tell` there. Any thread may call these.
 */
#ifndef ISEKAI_SCHEMAS_FAULT_H
#define ISEKAI_SCHEMAS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE,
#define FAULT(name, http, retry, tell, text) FAULT_##name,
#include "schemas/faults.def"
#undef FAULT
    FAULT_KINDS
};

struct fault {
    enum fault_kind kind;
    uint32_t retry_ms;
    char reason[200];       /* cut on a character's border, never overrun; always NUL-terminated */
};

/* Fill *fault and return false. Clears retry_ms. */
bool fault_set(struct fault *fault, enum fault_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "doing what: " in front of the reason; keeps kind and retry_ms; returns false. */
bool fault_while(struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Set the hint of when to try again; returns false. */
bool fault_retry_after(struct fault *fault, uint32_t retry_ms);

const char *fault_name(enum fault_kind kind);       /* "not_found"; static */
const char *fault_text(enum fault_kind kind);       /* the sentence; static */
int         fault_http_status(enum fault_kind kind);
bool        fault_may_retry(enum fault_kind kind);
bool        fault_may_tell(enum fault_kind kind);
/* For the caller: the reason where the table says that it may go out, else the sentence. */
const char *fault_told(const struct fault *fault);

/* The kind of that name (size octets, no NUL needed), or FAULT_internal for a name this
 * release does not know: a newer peer may have more. */
enum fault_kind fault_from_name(const char *name, size_t size);

#endif
