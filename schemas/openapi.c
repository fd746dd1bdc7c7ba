/* openapi.c - routes, the messages they use and the one shape of refusals as a document. */
#include "schemas/openapi.h"

#include <ctype.h>

enum { MESSAGES_MAX = 256 };

static const char problem[] =
    "\"problem\":{\"type\":\"object\",\"description\":\"Every refusal (RFC 9457).\","
    "\"properties\":{"
    "\"type\":{\"type\":\"string\",\"description\":\"Names the kind of refusal.\"},"
    "\"title\":{\"type\":\"string\",\"description\":\"The kind in words.\"},"
    "\"status\":{\"type\":\"integer\",\"description\":\"The HTTP status.\"},"
    "\"detail\":{\"type\":\"string\",\"description\":\"What is wrong with this request.\"},"
    "\"code\":{\"type\":\"string\",\"description\":\"A row of the faults reference.\"},"
    "\"requestId\":{\"type\":\"string\",\"description\":\"Finds the request in logs and audit.\"},"
    "\"error\":{\"type\":\"string\",\"description\":\"A short sentence.\"}";
static const char problem_end[] =
    "},\"required\":[\"type\",\"title\",\"status\",\"code\",\"requestId\",\"error\"]}";

/* What an actor says beside its fault goes out as it is. */
static const char *const told[] = {"details", "log", "diff"};

static const char health[] =
    "\"health\":{\"type\":\"object\",\"description\":\"How the service is.\",\"properties\":{"
    "\"status\":{\"type\":\"string\",\"enum\":[\"ok\",\"degraded\"],"
    "\"description\":\"All together.\"},"
    "\"services\":{\"type\":\"object\",\"description\":\"Each by its name.\","
    "\"additionalProperties\":{\"type\":\"string\",\"enum\":[\"ok\",\"error\",\"unknown\"]}},"
    "\"timestamp\":{\"type\":\"string\",\"format\":\"date-time\",\"description\":\"When.\"}},"
    "\"required\":[\"status\",\"services\",\"timestamp\"]}";

/* ---- which messages the document needs ---- */

struct needed { bool at[MESSAGES_MAX]; bool grew; };

static void need(struct needed *needed, const struct message *message)
{
    for (size_t i = 0; i < message_count && i < MESSAGES_MAX; i++)
        if (messages[i] == message && !needed->at[i])
            needed->at[i] = needed->grew = true;
}

static void need_items(struct needed *needed, const struct message *message)
{
    size_t count;
    const struct field *fields = message->fields(&count);

    for (size_t i = 0; i < count; i++)
        if (fields[i].item)
            need(needed, fields[i].item);
}

/* What the routes and refusals name, and what that holds, until nothing new comes. */
static void find_needed(struct needed *needed, const struct openapi_route *routes, size_t count)
{
    need(needed, &violation_message);
    need(needed, &log_line_message);
    for (size_t i = 0; i < count; i++) {
        if (!routes[i].method)
            continue;
        need_items(needed, routes[i].method->request);
        if (routes[i].method->reply != &nothing_message && !routes[i].types)
            need(needed, routes[i].method->reply);
    }
    do {
        needed->grew = false;
        for (size_t i = 0; i < message_count && i < MESSAGES_MAX; i++)
            if (needed->at[i])
                need_items(needed, messages[i]);
    } while (needed->grew);
}

static void print_problem(FILE *out)
{
    fputs(problem, out);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        fprintf(out, ",\"%s\":", told[i]);
        openapi_print_field(out, message_field(&failure_message, text_from(told[i])));
    }
    fputs(problem_end, out);
}

static void print_schemas(FILE *out, const struct openapi_route *routes, size_t count)
{
    struct needed needed = {.grew = false};

    find_needed(&needed, routes, count);
    fputs("\"schemas\":{\n", out);
    print_problem(out);
    fprintf(out, ",\n%s", health);
    for (size_t i = 0; i < message_count && i < MESSAGES_MAX; i++) {
        if (!needed.at[i])
            continue;
        fprintf(out, ",\n\"%s\":", messages[i]->name);
        openapi_print_message(out, messages[i], NULL);
    }
    fputs("\n}", out);
}

/* ---- one operation ---- */

/* Is this wire name one of the route's query? */
static bool is_in_query(const struct openapi_route *route, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = route->query; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == size && memcmp(at, name, size) == 0)
            return true;
    return false;
}

/* Fields that stand elsewhere leave the body; GET and DELETE have none at all. */
static bool has_body(const struct openapi_route *route)
{
    size_t count;
    const struct field *fields = route->method->request->fields(&count);

    if (strcmp(route->verb, "GET") == 0 || strcmp(route->verb, "DELETE") == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!openapi_is_in_path(&fields[i], route->path) && strcmp(fields[i].name, "if_match") != 0)
            return true;
    return false;
}

static void print_parameter(FILE *out, const struct field *field, const char *name,
                            const char *in, size_t *printed)
{
    fprintf(out, "%s{\"name\":\"%s\",\"in\":\"%s\",\"required\":%s,\"schema\":",
            (*printed)++ > 0 ? "," : "", name, in,
            field->need == REQUIRED ? "true" : "false");
    openapi_print_field(out, field);
    fputc('}', out);
}

/* Words of the query that are no field of the request: flags of HTTP alone. */
static void print_query_flags(FILE *out, const struct openapi_route *route, size_t *printed)
{
    for (const char *at = route->query; *at; at += *at == ' ') {
        struct text name = {at, strcspn(at, " ")};
        if (!message_field(route->method->request, name))
            fprintf(out, "%s{\"name\":\"%.*s\",\"in\":\"query\",\"required\":false,"
                    "\"schema\":{\"type\":\"boolean\"}}", (*printed)++ > 0 ? "," : "",
                    TEXT_ARGS(name));
        at += name.size;
    }
}

static void print_parameters(FILE *out, const struct openapi_route *route)
{
    size_t count, printed = 0;
    const struct field *fields = route->method->request->fields(&count);
    char name[FIELD_NAME_SIZE];

    fputs(",\"parameters\":[", out);
    for (size_t i = 0; i < count; i++) {
        field_wire_name(fields[i].name, name);
        if (openapi_is_in_path(&fields[i], route->path))
            print_parameter(out, &fields[i], name, "path", &printed);
        else if (strcmp(fields[i].name, "if_match") == 0)
            print_parameter(out, &fields[i], "If-Match", "header", &printed);
        else if (is_in_query(route, name))
            print_parameter(out, &fields[i], name, "query", &printed);
    }
    print_query_flags(out, route, &printed);
    if (strcmp(route->verb, "POST") == 0)
        fprintf(out, "%s{\"name\":\"Idempotency-Key\",\"in\":\"header\",\"required\":false,"
                "\"schema\":{\"type\":\"string\",\"maxLength\":128}}", printed > 0 ? "," : "");
    fputc(']', out);
}

static void print_request(FILE *out, const struct openapi_route *route)
{
    fprintf(out, ",\"x-method\":\"%s\"", route->method->name);
    print_parameters(out, route);
    if (!has_body(route))
        return;
    fputs(",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":",
          out);
    openapi_print_message(out, route->method->request, route->path);
    fputs("}}}", out);
}

/* Octets have a type and no schema. */
static void print_types(FILE *out, const char *types)
{
    fputs(",\"content\":{", out);
    for (const char *at = types; *at; at += strcspn(at, " "), at += *at == ' ')
        fprintf(out, "%s\"%.*s\":{}", at > types ? "," : "", (int)strcspn(at, " "), at);
    fputc('}', out);
}

static void print_success(FILE *out, const struct openapi_route *route)
{
    const struct message *reply = route->method ? route->method->reply : NULL;
    bool is_health = strcmp(route->path, "/api/health") == 0;

    fprintf(out, "\"%d\":{\"description\":", route->status);
    openapi_print_text(out, reply ? reply->doc : "As described.");
    if (route->types)
        print_types(out, route->types);
    else if (is_health || (reply && reply != &nothing_message))
        fprintf(out, ",\"content\":{\"application/json\":{\"schema\":"
                "{\"$ref\":\"#/components/schemas/%s\"}}}", is_health ? "health" : reply->name);
    fputc('}', out);
}

static void print_operation(FILE *out, const struct openapi_route *route)
{
    fputc('"', out);
    for (const char *at = route->verb; *at; at++)
        fputc(tolower((unsigned char)*at), out);
    fputs("\":{\"summary\":", out);
    openapi_print_text(out, route->doc);
    if (route->method)
        print_request(out, route);
    fputs(",\"responses\":{", out);
    print_success(out, route);
    fputs(",\"default\":{\"description\":\"A refusal.\",\"content\":{\"application/problem+json\":"
          "{\"schema\":{\"$ref\":\"#/components/schemas/problem\"}}}}}}", out);
}

/* Was this path printed with an earlier route? */
static bool is_known_path(const struct openapi_route *routes, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(routes[i].path, routes[index].path) == 0)
            return true;
    return false;
}

static void print_path(FILE *out, const struct openapi_route *routes, size_t count, size_t first)
{
    bool is_later = false;

    fprintf(out, "%s\n\"%s\":{", first > 0 ? "," : "", routes[first].path);
    for (size_t i = first; i < count; i++) {
        if (strcmp(routes[i].path, routes[first].path) != 0)
            continue;
        fputs(is_later ? ",\n" : "\n", out);
        print_operation(out, &routes[i]);
        is_later = true;
    }
    fputs("\n}", out);
}

void openapi_print(FILE *out, const struct openapi_route *routes, size_t route_count)
{
    fprintf(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Isekai\",\"version\":\"%s\","
            "\"description\":\"A sentence in, a running, caged web app out.\"},\n\"paths\":{",
            ISEKAI_VERSION);
    for (size_t i = 0; i < route_count; i++)
        if (!is_known_path(routes, i))
            print_path(out, routes, route_count, i);
    fputs("\n},\n\"components\":{", out);
    print_schemas(out, routes, route_count);
    fputs("}}\n", out);
}
