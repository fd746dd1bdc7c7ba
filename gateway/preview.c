/* preview.c - the road of a request for an app's own address, top to bottom.
 *
 * Every preview is an origin of its own, and none of the API's stages is here: an app has its
 * own CORS, its own paths, its own methods. The order is a security decision, as in pipeline.c.
 */
#include "gateway/preview.h"

#include <ctype.h>

#include "gateway/limit.h"
#include "gateway/metrics.h"

static stage *const stages[] = {
    set_security_headers,       /* the error pages' */
    limit_preview,              /* before anything is asked of the bus */
    answer_own,                 /* the gateway's paths: no app stands before them */
    find_app,                   /* 404, and 503 for an app that does not run */
    wake_app,                   /* a sleeping one is started by who comes to see it */
    relay_app,
};

void preview_run(struct exchange *exchange)
{
    struct fault fault = {.kind = FAULT_NONE};

    for (size_t i = 0; i < sizeof stages / sizeof *stages && !exchange->answer.is_sent; i++)
        if (!stages[i](exchange, &fault))
            break;
    if (!exchange->answer.is_sent)
        write_preview_page(exchange, &fault);
    metrics_count_request(exchange, &fault);
    write_access_log(exchange, &fault);
}

static bool is_label(const char *at, size_t size)
{
    if (size < 1 || size >= APP_LABEL_SIZE)
        return false;
    for (size_t i = 0; i < size; i++)
        if (!islower((unsigned char)at[i]) && !isdigit((unsigned char)at[i]) && at[i] != '-')
            return false;
    return at[0] != '-' && at[size - 1] != '-';
}

bool preview_is_host(const struct config *config, struct text host, char label[APP_LABEL_SIZE])
{
    char name[HOST_SIZE];
    unsigned port;
    size_t domain = strlen(config->preview_domain);

    if (!host_parse(host, name, &port))
        return false;
    size_t size = strlen(name);
    if (size < domain + 2 || name[size - domain - 1] != '.' ||
        strcmp(name + size - domain, config->preview_domain) != 0 ||
        strcmp(name, config->public_host) == 0)
        return false;
    size -= domain + 1;
    if (!is_label(name, size))
        return false;
    memcpy(label, name, size);
    label[size] = '\0';
    return true;
}

bool limit_preview(struct exchange *exchange, struct fault *fault)
{
    const struct gateway_settings *settings = &exchange->gateway->settings;

    return limit_count(exchange, text_from(exchange->label),
                       (struct rate_limit){(uint32_t)settings->preview_rate_limit,
                                           (uint32_t)settings->preview_rate_window_s},
                       fault);
}
