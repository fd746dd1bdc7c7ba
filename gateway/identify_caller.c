/* identify_caller.c - on whose behalf this request asks.
 *
 * Without authentication there is one user, the operator; config.c saw to it that only this
 * machine can come here then.
 */
#include "gateway/pipeline.h"

static const struct principal operator = {
    .user = {"local", 5},
    .role = {"admin", 5},
};

static bool read_idempotency_key(struct exchange *exchange, struct fault *fault)
{
    struct text key = request_header(exchange, "idempotency-key");

    if (!key.at)
        return true;
    if (!text_is_visible(key, 1, 128))
        return exchange_violation(exchange, "Idempotency-Key", "headers",
                                  "Idempotency-Key must be 1 to 128 visible ASCII characters",
                                  fault);
    exchange->idempotency_key = arena_copy(exchange->arena, key.at, key.size);
    return exchange->idempotency_key || fault_set(fault, FAULT_internal, "no memory for a key");
}

bool identify_caller(struct exchange *exchange, struct fault *fault)
{
    exchange->principal = &operator;
    return read_idempotency_key(exchange, fault);
}
