/* audit.h - the audit actor: its state and its methods.
 *
 * Owns:     main owns the log and the writer; struct audit borrows both.
 * Threads:  handlers run at once; the log and the writer hold their own locks.
 * Bounds:   a list call looks at LIST_ENTRIES_MAX entries and answers LIST_OCTETS_MAX octets;
 *           `next` says where to go on.
 */
#ifndef ISEKAI_ACTORS_AUDIT_AUDIT_H
#define ISEKAI_ACTORS_AUDIT_AUDIT_H

#include "actors/audit/writer.h"
#include "bus/actor.h"

enum { LIST_ENTRIES_MAX = 20000, LIST_OCTETS_MAX = 4194304 };

struct audit { struct audit_log *log; struct writer *writer; };

#define AUDIT_METHOD(name, scope, lane, retry, request_, reply_, doc)                    \
    bool audit_##name(struct call *call, const struct request_ *request, struct reply_ *reply, \
                      struct fault *fault);
#include "schemas/contract.def"

/* The part of audit_list() that knows no call, for tests too. */
bool audit_list_entries(struct audit_log *log, const struct audit_list_request *request,
                        int64_t deadline_ms, struct arena *arena, struct audit_list_reply *reply,
                        struct fault *fault);

extern const struct actor_method audit_methods[];
extern const size_t audit_method_count;

#endif
