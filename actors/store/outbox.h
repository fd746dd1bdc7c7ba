/* outbox.h - audit events that wait for the audit log.
 *
 * They are put in the transaction of what they tell of, and go when the log has acknowledged
 * them; so a change and its record are both there or neither. Sent twice, the log knows their ids.
 *
 * Gives:    a page's events live in the arena.
 * Fails as: statements.h.
 */
#ifndef ISEKAI_ACTORS_STORE_OUTBOX_H
#define ISEKAI_ACTORS_STORE_OUTBOX_H

#include "actors/store/store.h"

bool outbox_add(const struct work *work, const struct audit_event *events, uint32_t count,
                struct fault *fault);

struct outbox_page { struct append_request request; int64_t last; };

/* The oldest events, at most OUTBOX_PAGE_EVENTS_MAX and OUTBOX_PAGE_OCTETS_MAX, at least one if
 * there is one. */
bool outbox_page_read(struct connection *connection, struct arena *arena, struct outbox_page *out,
                 struct fault *fault);
/* Delete everything up to that place. */
bool outbox_page_forget(struct connection *connection, int64_t last, struct fault *fault);

#endif
