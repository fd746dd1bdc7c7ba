/* reference.c - routes, settings and faults as tables in Markdown. */
#include "docs/reference.h"

#include <inttypes.h>

#include "bus/settings.h"
#include "gateway/openapi.h"
#include "gateway/routes.h"

static const char head[] =
    "<!-- Printed by isekai-schema from the tables; not edited by hand. -->\n";

void print_openapi(FILE *out) { openapi_print_routes(out); }

void print_routes(FILE *out)
{
    fprintf(out, "%s# Routes\n\nEvery path of the HTTP API and where it goes on the bus. "
            "Shapes: [openapi.json](openapi.json); refusals: [faults.md](faults.md).\n\n"
            "| verb | path | status | query | method | what it does |\n|---|---|---|---|---|---|\n",
            head);
    for (uint32_t i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];
        fprintf(out, "| %s | `%s` | %d | %s | %s | %s |\n", verb_name(route->verb), route->path,
                route->status, route->query, route->method ? route->method->name : "",
                route->doc);
    }
}

static void print_bounds(FILE *out, const struct setting *row)
{
    switch (row->kind) {
    case SETTING_COUNT:
        fprintf(out, "%" PRIu64 " to %" PRIu64, row->min, row->max);
        break;
    case SETTING_TEXT:
        fprintf(out, "text of %" PRIu64 " to %" PRIu64 " octets", row->min, row->max);
        break;
    case SETTING_FLAG:
        fputs("on or off", out);
        break;
    case SETTING_SECRET_FILE:
        fputs("path of a file", out);
        break;
    }
}

static void print_setting_table(FILE *out, const struct setting_table *table)
{
    char env[64], flag[64];

    fprintf(out, "\n## %s\n\n| environment | flag | default | bounds | what it is |\n"
            "|---|---|---|---|---|\n",
            table == &settings_of_bus ? "every process" : table->role);
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];
        setting_env_name(row->name, env);
        setting_flag_name(row->name, flag);
        fprintf(out, "| `%s` | `%s` | %s%s%s | ", env, flag, row->fallback[0] ? "`" : "",
                row->fallback, row->fallback[0] ? "`" : "");
        print_bounds(out, row);
        fprintf(out, " | %s |\n", row->doc);
    }
}

void print_settings(FILE *out)
{
    fprintf(out, "%s# Settings\n\nA flag beats the environment, the environment beats the "
            "default. A value out of bounds, an unknown flag or a stray word ends the start with "
            "exit code %d or %d and a sentence.\n", head, EXIT_MISUSED, EXIT_CONFIG);
    for (size_t i = 0; setting_tables[i]; i++)
        if (setting_tables[i]->count > 0)
            print_setting_table(out, setting_tables[i]);
}

void print_faults(FILE *out)
{
    fprintf(out, "%s# Faults\n\nEvery way a request may fail. `code` in HTTP answers, `name` in "
            "the error of a bus answer. *Again* says whether the same request may succeed later; "
            "*reason* whether the particular reason is told to the caller.\n\n"
            "| name | HTTP | again | reason | sentence |\n|---|---|---|---|---|\n", head);
    for (int kind = 1; kind < FAULT_KINDS; kind++)
        fprintf(out, "| %s | %d | %s | %s | %s |\n", fault_name(kind), fault_http_status(kind),
                fault_may_retry(kind) ? "yes" : "no", fault_may_tell(kind) ? "yes" : "no",
                fault_text(kind));
}
