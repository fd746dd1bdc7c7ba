/* host.c - is this request meant for us? A page of another site that gets its name to point here
 * (DNS rebinding) still sends that name in Host.
 */
#include "gateway/pipeline.h"

static bool is_ours(const struct config *config, const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
           strcmp(host, config->listen_host) == 0 || strcmp(host, config->public_host) == 0;
}

bool check_host(struct exchange *exchange, struct fault *fault)
{
    char host[HOST_SIZE];
    unsigned port;

    if (!host_parse(exchange->host, host, &port))
        return fault_set(fault, FAULT_misdirected, "no host name in Host");
    if (!is_ours(&exchange->gateway->config, host))
        return fault_set(fault, FAULT_misdirected, "a foreign Host");
    return true;
}
