/* method.c - the rows of METHOD and CALLS as constants, and looking things up in them. */
#include "schemas/method.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX_QUICK ""
#define SUFFIX_WORK ".work"
#define SUFFIX_LONG ".long"

#define METHOD(actor_, name_, scope_, lane_, retry_, request_, reply_, doc_)                  \
    const struct method method_##actor_##_##name_ = {                                         \
        .actor = #actor_,                                                                     \
        .name = #actor_ "." #name_,                                                           \
        .service = #actor_ SUFFIX_##lane_,                                                    \
        .scope = SCOPE_##scope_,                                                              \
        .lane = LANE_##lane_,                                                                 \
        .retry = retry_,                                                                      \
        .request = &request_##_message,                                                       \
        .reply = &reply_##_message,                                                           \
        .doc = doc_,                                                                          \
    };
#include "schemas/contract.def"

const struct method *const methods[] = {
#define METHOD(actor, name, scope, lane, retry, request, reply, doc) &method_##actor##_##name,
#include "schemas/contract.def"
};
const size_t method_count = sizeof methods / sizeof *methods;

static const struct { const char *name, *suffix; uint32_t deadline_ms; } lanes[LANES] = {
    [LANE_QUICK] = {"quick", SUFFIX_QUICK, 5000},
    [LANE_WORK]  = {"work",  SUFFIX_WORK,  30000},
    [LANE_LONG]  = {"long",  SUFFIX_LONG,  300000},
};

const char *lane_suffix(enum lane lane) { return lanes[lane].suffix; }
uint32_t lane_deadline_ms(enum lane lane) { return lanes[lane].deadline_ms; }

bool text_is_node(struct text text)
{
    if (text.size == 0 || text.size > NODE_NAME_MAX)
        return false;
    for (int lane = 0; lane < LANES; lane++)
        if (text_is(text, lanes[lane].name))
            return false;
    for (size_t i = 0; i < text.size; i++)
        if (!isalnum((unsigned char)text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
            return false;
    return true;
}

void service_of_node(const char *actor, const char *node, enum lane lane,
                     char out[SERVICE_OF_NODE_SIZE])
{
    (void) snprintf(out, SERVICE_OF_NODE_SIZE, "%s.%s%s", actor, node, lane_suffix(lane));
}

const char *scope_name(enum scope scope)
{
    static const char *const names[] = {
        [SCOPE_PUBLIC] = "public", [SCOPE_USER] = "user",
        [SCOPE_ADMIN] = "admin",   [SCOPE_INTERNAL] = "internal",
    };

    return names[scope];
}

bool callers_may_ask(const char *from, const char *to)
{
    static const struct { const char *from, *to; } rows[] = {
#define CALLS(from, to) {#from, #to},
#include "schemas/callers.def"
#undef CALLS
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].from, from) == 0 && strcmp(rows[i].to, to) == 0)
            return true;
    return false;
}
