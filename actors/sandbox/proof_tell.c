/* proof_tell.c - what the last proof found: to whoever asks, and to the audit log. */
#include <msgpack.h>

#include "actors/sandbox/sandbox.h"
#include "bus/actor.h"

static bool report(struct sandbox *self, const struct proof *proof, struct arena *arena,
                   struct proof_report *out, struct fault *fault)
{
    struct proof_finding *rows = arena_take(arena, sizeof *rows * PROOF_ROWS);

    if (!rows)
        return fault_set(fault, FAULT_internal, "no memory for a proof");
    for (int row = 0; row < PROOF_ROWS; row++) {
        const struct finding *finding = &proof->findings[row];
        rows[row] = (struct proof_finding){
            .name = text_from(proof_name((enum proof_row)row)),
            .needed_by = proof_level_of((enum proof_row)row),
            .outcome = finding->outcome,
        };
        if (*finding->detail)
            rows[row].detail = arena_text(arena, text_from(finding->detail));
    }
    *out = (struct proof_report){
        .level = proof->level, .floor = self->floor, .at = proof->at_wall_ms,
        .took_ms = (uint64_t)proof->took_ms, .findings.at = rows, .findings.count = PROOF_ROWS,
    };
    return !arena_is_exhausted(arena) || fault_set(fault, FAULT_internal, "no memory for a proof");
}

bool sandbox_proof(struct sandbox *self, struct arena *arena, struct proof_report *out,
                   struct fault *fault)
{
    struct proof proof;
    struct fault ignored;

    prover_last(self->prover, &proof);
    if (!report(self, &proof, arena, out, fault))
        return false;
    out->serves = prover_allows(self->prover, &ignored);
    return true;
}

static bool describe(struct sandbox *self, const struct proven *proven, struct arena *arena,
                     struct audit_event *out, struct fault *fault)
{
    struct proof_report detail;
    msgpack_sbuffer packed;

    if (!report(self, &proven->proof, arena, &detail, fault))
        return false;
    detail.serves = proven->came_to_result && proven->proof.level >= self->floor;
    if (!proven->came_to_result)
        detail.error = arena_text(arena, text_from(proven->fault.reason));
    msgpack_sbuffer_init(&packed);
    bool done = message_encode(&proof_report_message, &detail, &packed, fault);
    *out = (struct audit_event){
        .event_id = arena_text(arena, text_from(proven->event_id)),
        .at = proven->proof.at_wall_ms,
        .kind = TEXT_OF("sandbox_proof"),
        .detail = arena_text(arena, (struct text){packed.data, packed.size}),
    };
    msgpack_sbuffer_destroy(&packed);
    return done;
}

/* What the audit log has not acknowledged is told again with the next tick, under the same id. */
void sandbox_tell_proofs(struct sandbox *self, struct call *call)
{
    struct proven proven;
    struct audit_event event;
    struct checkpoint reply;
    struct fault fault;

    while (prover_next(self->prover, &proven)) {
        const struct append_request request = {.events = {.at = &event, .count = 1}};

        if (!describe(self, &proven, call_arena(call), &event, &fault) ||
            !call_ask(call, &method_audit_append, &request, &reply, &fault))
            return;
        prover_forget(self->prover, proven.event_id);
    }
}
