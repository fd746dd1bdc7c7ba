/* method.h - every method of every actor: who may call it, how long it may take, what it takes
 * and gives. Rows of contract.def; constant; any thread.
 */
#ifndef ISEKAI_SCHEMAS_METHOD_H
#define ISEKAI_SCHEMAS_METHOD_H

#include "schemas/message.h"

enum scope { SCOPE_PUBLIC, SCOPE_USER, SCOPE_ADMIN, SCOPE_INTERNAL };

/* A lane is an MDP service of its own with its own threads: `apps`, `apps.work`, `apps.long`. */
enum lane { LANE_QUICK, LANE_WORK, LANE_LONG, LANES };

/* May the broker send it again when the worker that held it died? */
enum method_retry { ONCE, AGAIN };

struct method {
    const char *actor;              /* "apps" */
    const char *name;               /* "apps.generate": what goes on the wire */
    const char *service;            /* "apps.long": where it is asked for */
    enum scope scope;
    enum lane lane;
    enum method_retry retry;
    const struct message *request;
    const struct message *reply;
    const char *doc;
};

/* One constant per row: method_apps_generate. */
#define METHOD(actor, name, scope, lane, retry, request, reply, doc) \
    extern const struct method method_##actor##_##name;
#include "schemas/contract.def"

extern const struct method *const methods[];
extern const size_t method_count;

const char *lane_suffix(enum lane lane);                /* "", ".work", ".long" */
uint32_t    lane_deadline_ms(enum lane lane);           /* 5000, 30000, 300000 */

/* The service of one host's own actor: "sandbox.NODE.long". A name that is a lane's would be taken for it. */
enum { NODE_NAME_MAX = 64, SERVICE_OF_NODE_SIZE = 96 };
bool text_is_node(struct text text);
void service_of_node(const char *actor, const char *node, enum lane lane,
                     char out[SERVICE_OF_NODE_SIZE]);
const char *scope_name(enum scope scope);

/* May this actor ask that one? The rows of callers.def. */
bool callers_may_ask(const char *from, const char *to);

#endif
