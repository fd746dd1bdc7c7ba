/* tried.c - attempts to reach other hosts go to the audit log itself: they change nothing that the
 * store keeps. What is not acknowledged waits in the supervisor's bounded list, under the same event id.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "actors/sandbox/sandbox.h"
#include "bus/log.h"

enum { TOLD_PER_TICK = 16 };

/* {attempts, others}; the caller destroys `out`. */
static bool pack_detail(const struct tried *tried, msgpack_sbuffer *out, struct fault *fault)
{
    struct egress_attempt rows[ATTEMPTS_MAX];
    const struct egress_attempts what = {.attempts = {rows, (uint32_t)tried->count},
                                         .others = tried->others};

    for (size_t i = 0; i < tried->count; i++)
        attempt_fill(&tried->rows[i].what, tried->rows[i].count, 0, &rows[i]);
    return message_encode(&egress_attempts_message, &what, out, fault);
}

static bool tell(struct call *call, const struct tried *tried, struct fault *fault)
{
    msgpack_sbuffer detail;
    struct checkpoint ignored;

    msgpack_sbuffer_init(&detail);
    bool told = pack_detail(tried, &detail, fault);
    const struct audit_event event = {
        .event_id = text_from(tried->event_id),
        .at = tried->at,
        .kind = TEXT_OF("egress_tried"),
        .app_id = text_from(tried->app_id),
        .detail = {detail.data, detail.size},
    };
    const struct append_request request = {.events = {&event, 1}};
    told = told && call_ask(call, &method_audit_append, &request, &ignored, fault);
    msgpack_sbuffer_destroy(&detail);
    return told;
}

void sandbox_tell_tried(struct sandbox *self, struct call *call)
{
    struct tried *tried = malloc(sizeof *tried);
    struct fault fault;

    for (int i = 0; tried && i < TOLD_PER_TICK && supervisor_next_tried(self->supervisor, tried);
         i++) {
        if (!tell(call, tried, &fault))
            break;                      /* again with the next tick */
        log_line(LOG_INFO, call_request_id(call), "egress_tried app=%s run=%s rows=%zu "
                 "others=%" PRIu64, tried->app_id, tried->run_id, tried->count, tried->others);
        supervisor_forget_tried(self->supervisor, tried->event_id);
    }
    free(tried);
}
