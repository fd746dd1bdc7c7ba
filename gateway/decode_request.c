/* decode_request.c - path, query, headers and body become one MessagePack map, checked strictly
 * against the method's request. What passes here is what the actor gets, octet for octet.
 */
#include <ctype.h>
#include <stdlib.h>

#include "gateway/logs_follow.h"
#include "gateway/pipeline.h"
#include "schemas/scan.h"

static const char broken_percent[] = "Broken percent-encoding";

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undo percent-encoding, once; in a query `+` is a space. Absent when it is broken or a NUL. */
static struct text decode_percent(struct arena *arena, struct text raw, bool is_query)
{
    char *out = arena_take(arena, raw.size + 1);
    size_t size = 0;

    for (size_t i = 0; out && i < raw.size; i++) {
        char c = raw.at[i];

        if (c == '%') {
            int high = i + 2 < raw.size ? hex_digit(raw.at[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(raw.at[i + 2]);
            if (low < 0 || (high == 0 && low == 0))
                return (struct text){NULL, 0};
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        out[size++] = c;
    }
    return (struct text){out, size};
}

static const char *wire_name_of(struct exchange *exchange, const struct field *field)
{
    char name[FIELD_NAME_SIZE];

    field_wire_name(field->name, name);
    return arena_copy(exchange->arena, name, strlen(name));
}

static bool add_extra(struct exchange *exchange, const struct field *field, struct text value,
                      const char *location, struct fault *fault)
{
    const char *name = wire_name_of(exchange, field);

    if (!name)
        return fault_set(fault, FAULT_internal, "no memory for a request");
    for (uint32_t i = 0; i < exchange->extra_count; i++) {
        if (strcmp(exchange->places[i].name, name) != 0)
            continue;
        (void) exchange_violation(exchange, name, location, "This came twice", fault);
        return true;
    }
    if (exchange->extra_count == EXTRAS_MAX)
        return fault_set(fault, FAULT_malformed, "more than %d parameters", EXTRAS_MAX);
    exchange->extras[exchange->extra_count] = (struct json_extra){field, value};
    exchange->places[exchange->extra_count++] = (struct extra_place){name, location};
    return true;
}

static bool add_params(struct exchange *exchange, struct fault *fault)
{
    for (uint32_t i = 0; i < ROUTE_PARAMS_MAX; i++) {
        struct text name = route_param_name(exchange->route, i);
        const struct field *field;

        if (!name.at)
            return true;
        field = message_field(exchange->route->method->request, name);
        struct text value = decode_percent(exchange->arena, exchange->params[i], false);
        if (!field)
            return fault_set(fault, FAULT_internal, "no field for a parameter of %s",
                             exchange->route->path);
        if (!value.at)
            (void) exchange_violation(exchange, "path", "params", broken_percent, fault);
        else if (!add_extra(exchange, field, value, "params", fault))
            return false;
    }
    return true;
}

/* A name is repeated in the refusal only when it is made like one of ours. */
static const char *printable_name(struct exchange *exchange, struct text name)
{
    for (size_t i = 0; i < name.size; i++)
        if (!isalnum((unsigned char)name.at[i]) && name.at[i] != '_')
            return "query";
    return name.size > 0 && name.size < FIELD_NAME_SIZE
               ? arena_copy(exchange->arena, name.at, name.size)
               : "query";
}

static bool add_query_pair(struct exchange *exchange, struct text pair, struct fault *fault)
{
    const char *equals = memchr(pair.at, '=', pair.size);
    struct text name = {pair.at, equals ? (size_t)(equals - pair.at) : pair.size};
    struct text value = equals ? (struct text){equals + 1, pair.size - name.size - 1}
                               : (struct text){pair.at + pair.size, 0};

    name = decode_percent(exchange->arena, name, true);
    value = decode_percent(exchange->arena, value, true);
    if (!name.at || !value.at) {
        (void) exchange_violation(exchange, "query", "query", broken_percent, fault);
        return true;
    }
    if (!route_has_query(exchange->route, name)) {
        (void) exchange_violation(exchange, printable_name(exchange, name), "query",
                                  "Unknown query parameter", fault);
        return true;
    }

    const struct field *field = message_field(exchange->route->method->request, name);
    if (field)
        return add_extra(exchange, field, value, "query", fault);
    (void) logs_follow_is_asked(exchange, value, fault);
    return true;
}

static bool add_query(struct exchange *exchange, struct fault *fault)
{
    struct text rest = exchange->request->query;

    while (rest.size > 0) {
        const char *end = memchr(rest.at, '&', rest.size);
        size_t size = end ? (size_t)(end - rest.at) : rest.size;

        if (size > 0 && !add_query_pair(exchange, (struct text){rest.at, size}, fault))
            return false;
        size += end ? 1 : 0;
        rest = (struct text){rest.at + size, rest.size - size};
    }
    return true;
}

static bool add_if_match(struct exchange *exchange, struct fault *fault)
{
    const struct field *field = message_field(exchange->route->method->request,
                                              TEXT_OF("ifMatch"));
    struct text value = request_header(exchange, "if-match");

    return !field || !value.at || add_extra(exchange, field, value, "headers", fault);
}

/* ---- the map ---- */

static bool read_map_head(struct text packed, uint32_t *count, size_t *size)
{
    const unsigned char *at = (const unsigned char *)packed.at;

    if (packed.size >= 1 && (at[0] & 0xf0) == 0x80) {
        *count = at[0] & 0x0f;
        *size = 1;
        return true;
    }
    if (packed.size >= 3 && at[0] == 0xde) {
        *count = (uint32_t)at[1] << 8 | at[2];
        *size = 3;
        return true;
    }
    if (packed.size >= 5 && at[0] == 0xdf) {
        *count = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | at[4];
        *size = 5;
        return true;
    }
    return false;
}

/* A MessagePack body and what stands beside it: both maps' pairs under one head. Keys given twice
 * are the decoder's to find. */
static bool join_packed(struct exchange *exchange, struct fault *fault)
{
    msgpack_sbuffer extras;
    msgpack_packer packer;
    uint32_t body_count, extra_count;
    size_t body_head, extra_head;

    if (!scan_whole(exchange->body, SCAN_DEPTH_MAX, SCAN_NODES_MAX, fault))
        return false;
    if (!read_map_head(exchange->body, &body_count, &body_head))
        return fault_set(fault, FAULT_malformed, "The body must be a map");
    msgpack_sbuffer_init(&extras);
    bool written = json_to_packed(exchange->route->method->request, (struct text){NULL, 0},
                                  exchange->extras, exchange->extra_count, &extras, fault) &&
                   read_map_head((struct text){extras.data, extras.size}, &extra_count,
                                 &extra_head);
    if (written) {
        msgpack_packer_init(&packer, &exchange->packed, msgpack_sbuffer_write);
        written = msgpack_pack_map(&packer, (size_t)body_count + extra_count) == 0 &&
                  msgpack_sbuffer_write(&exchange->packed, exchange->body.at + body_head,
                                        exchange->body.size - body_head) == 0 &&
                  msgpack_sbuffer_write(&exchange->packed, extras.data + extra_head,
                                        extras.size - extra_head) == 0;
        if (!written)
            (void) fault_set(fault, FAULT_internal, "no memory for a request");
    }
    msgpack_sbuffer_destroy(&extras);
    return written;
}

static bool is_msgpack(const struct exchange *exchange)
{
    struct text type = request_header(exchange, "content-type");
    size_t size = strlen("application/msgpack");

    return type.size >= size &&
           text_equals_nocase((struct text){type.at, size}, "application/msgpack");
}

static bool pack(struct exchange *exchange, struct fault *fault)
{
    if (exchange->body.size > 0 && is_msgpack(exchange))
        return join_packed(exchange, fault);
    return json_to_packed(exchange->route->method->request, exchange->body, exchange->extras,
                          exchange->extra_count, &exchange->packed, fault);
}

/* The packed request is all that is needed from here on. */
static void drop_body(struct exchange *exchange)
{
    free(exchange->body_octets);
    exchange->body_octets = NULL;
    exchange->body = (struct text){NULL, 0};
}

/* What was found beside the body and what the decoder found, in one list. */
static void join_violations(struct exchange *exchange, const struct violation_list *found)
{
    struct violation_list *all = exchange->violations;

    if (!all) {
        exchange->violations = arena_take(exchange->arena, sizeof *all);
        if (exchange->violations)
            *exchange->violations = *found;
        return;
    }
    for (uint32_t i = 0; i < found->count && all->count < VIOLATIONS_MAX; i++)
        all->at[all->count++] = found->at[i];
}

static bool check(struct exchange *exchange, struct fault *fault)
{
    const struct message *message = exchange->route->method->request;
    void *request = arena_take(exchange->arena, message->size);
    struct violation_list *found = arena_take(exchange->arena, sizeof *found);

    if (!request || !found)
        return fault_set(fault, FAULT_internal, "no memory for a request");
    exchange->decoded = request;
    if (message_decode(message, (struct text){exchange->packed.data, exchange->packed.size},
                       STRICT, exchange->arena, request, found, fault))
        return true;
    join_violations(exchange, found);
    return false;
}

/* Violations beside the body do not end the search for those in it. */
bool decode_request(struct exchange *exchange, struct fault *fault)
{
    if (!exchange->route->method)
        return true;
    if (!add_params(exchange, fault) || !add_query(exchange, fault) ||
        !add_if_match(exchange, fault) || !pack(exchange, fault))
        return false;
    drop_body(exchange);
    return check(exchange, fault) && !exchange->violations;
}
