/* access_log.c - one line for each request that was answered, reads and refusals alike. */
#include "bus/clock.h"
#include "bus/log.h"
#include "gateway/pipeline.h"

void write_access_log(const struct exchange *exchange, const struct fault *fault)
{
    const struct http_request *request = exchange->request;
    const char *route = exchange->is_preview ? "preview"
                        : exchange->route    ? exchange->route->path
                                             : "none";
    long long took_us = (long long)(clock_now_us() - exchange->began_us);
    enum log_level level = fault->kind == FAULT_internal ? LOG_ERROR : LOG_INFO;

    if (fault->kind == FAULT_NONE)
        log_line(level, exchange->request_id,
                 "request_answered verb=%.*s route=%s status=%d took_us=%lld octets=%zu address=%s",
                 request ? (int)request->verb.size : 0, request ? request->verb.at : "", route,
                 exchange->answer.status, took_us, exchange->answer.body.size,
                 exchange->caller_text);
    else
        log_line(level, exchange->request_id,
                 "request_refused verb=%.*s route=%s status=%d took_us=%lld address=%s fault=%s "
                 "reason='%s'",
                 request ? (int)request->verb.size : 0, request ? request->verb.at : "", route,
                 exchange->answer.status, took_us, exchange->caller_text, fault_name(fault->kind),
                 fault->reason);
}
