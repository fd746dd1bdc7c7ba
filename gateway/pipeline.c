/* pipeline.c - the road every HTTP request walks, top to bottom.
 *
 * A stage either lets the exchange go on or ends it with a fault. The first fault ends the walk;
 * then, fault or not, the answer is written and logged. The order is a security decision. Say why
 * when you move a line.
 */
#include "gateway/pipeline.h"

#include "gateway/metrics.h"
#include "gateway/preview.h"

static stage *const stages[] = {
    set_security_headers,       /* first: refusals carry them too */
    check_host,                 /* a foreign name is 421: no DNS rebinding */
    check_origin,               /* answers preflights, which bear no credentials */
    find_route,                 /* 404 and 405; the route names limits and method */
    check_site,                 /* of reads that are counted below: nobody else's page may use them up */
    check_accept,               /* nothing is changed for a caller who cannot read the answer */
    limit_by_address,           /* before a password or a body is looked at */
    identify_caller,
    read_body,                  /* the route's size limit holds while reading */
    decode_request,             /* JSON or MessagePack, against the method's schema */
    call_actor,                 /* one bus call, one deadline; or the route's own answer */
};

void pipeline_run(struct exchange *exchange)
{
    struct fault fault = {.kind = FAULT_NONE};

    for (size_t i = 0; i < sizeof stages / sizeof *stages && exchange->answer.status == 0; i++)
        if (!stages[i](exchange, &fault))
            break;
    write_answer(exchange, &fault);
    metrics_count_request(exchange, &fault);
    write_access_log(exchange, &fault);
}

void serve_request(struct http_exchange *http, const struct http_request *request, void *self)
{
    struct gateway *gateway = self;
    struct exchange exchange;
    struct fault fault;

    if (!exchange_begin(&exchange, gateway, http, request, &fault)) {
        exchange_drop(&exchange);
        refuse_request(http, &fault, gateway);
        return;
    }
    exchange.is_preview = preview_is_host(&gateway->config, exchange.host, exchange.label);
    if (exchange.is_preview)
        preview_run(&exchange);
    else
        pipeline_run(&exchange);
    exchange_drop(&exchange);
}

void refuse_request(struct http_exchange *http, const struct fault *fault, void *gateway)
{
    struct exchange exchange;
    struct fault ignored;

    (void) exchange_begin(&exchange, gateway, http, NULL, &ignored);
    http_close(http);
    (void) set_security_headers(&exchange, &ignored);
    write_answer(&exchange, fault);
    metrics_count_request(&exchange, fault);
    write_access_log(&exchange, fault);
    exchange_drop(&exchange);
}
