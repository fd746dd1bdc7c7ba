/* local.c - the answers that need no actor. */
#include "gateway/local.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/health.h"
#include "gateway/metrics.h"
#include "gateway/pipeline.h"
#include "gateway/studio.h"

static const char json_type[] = "application/json";

/* Octets that live as long as the exchange. */
static void answer_copy(struct exchange *exchange, int status, const char *type,
                        struct text octets)
{
    struct answer *answer = &exchange->answer;

    (void) msgpack_sbuffer_write(&answer->owned, octets.at, octets.size);
    answer_with(answer, status, type, (struct text){answer->owned.data, answer->owned.size});
}

void answer_health(struct exchange *exchange)
{
    char document[HEALTH_JSON_SIZE];
    bool is_ok = health_print(exchange->gateway->health, document);

    answer_copy(exchange, is_ok ? 200 : 503, json_type, text_from(document));
    if (!is_ok)
        answer_header(&exchange->answer, "Retry-After", "1");
}

void answer_livez(struct exchange *exchange)
{
    answer_with(&exchange->answer, 200, json_type, TEXT_OF("{\"status\":\"ok\"}"));
}

void answer_readyz(struct exchange *exchange)
{
    char document[HEALTH_JSON_SIZE];
    bool is_ok = health_print(exchange->gateway->health, document);

    answer_with(&exchange->answer, is_ok ? 200 : 503, json_type,
                is_ok ? TEXT_OF("{\"status\":\"ok\"}") : TEXT_OF("{\"status\":\"degraded\"}"));
}

void answer_metrics(struct exchange *exchange)
{
    char *page = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&page, &size);

    if (file) {
        metrics_print(exchange->gateway, file);
        (void) fclose(file);
    }
    answer_copy(exchange, page ? 200 : 503, "text/plain; version=0.0.4; charset=utf-8",
                (struct text){page ? page : "", size});
    free(page);
}

void answer_openapi(struct exchange *exchange)
{
    answer_with(&exchange->answer, 200, json_type, exchange->gateway->openapi);
}

void answer_studio(struct exchange *exchange)
{
    const struct studio_file *file = studio_find(exchange->gateway->studio,
                                                 exchange->request->path);

    exchange->answer.audience = FOR_STUDIO;
    answer_header(&exchange->answer, "Cache-Control", "no-cache");
    answer_with(&exchange->answer, 200, file->type, file->octets);
}
