/* methods.c - every method, message and choice of the bus as tables in Markdown. */
#include <inttypes.h>

#include "bus/built_in.h"
#include "docs/reference.h"
#include "schemas/method.h"

static void print_method(FILE *out, const struct method *row)
{
    fprintf(out, "| %s | %s%s%s | %s | %" PRIu32 " s | %s | [%s](#%s) | [%s](#%s) | %s |\n",
            row->name, row->service[0] ? "`" : "every ", row->service[0] ? row->service : "service",
            row->service[0] ? "`" : "", scope_name(row->scope), lane_deadline_ms(row->lane) / 1000,
            row->retry == AGAIN ? "yes" : "no", row->request->name, row->request->name,
            row->reply->name, row->reply->name, row->doc);
}

/* The actors' own, then what the loop answers for all of them. */
static void print_method_table(FILE *out)
{
    static const struct method *const built_in[] = {
        &method_isekai_ping, &method_isekai_info, &method_isekai_stats, &method_isekai_drain};

    fputs("\n## Methods\n\n"
          "| method | service | scope | within | again | request | reply | what it does |\n"
          "|---|---|---|---|---|---|---|---|\n", out);
    for (size_t i = 0; i < method_count; i++)
        print_method(out, methods[i]);
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        print_method(out, built_in[i]);
}

static void print_count(FILE *out, uint64_t count)
{
    if (count == UINT64_MAX)
        fputs("2^64-1", out);
    else
        fprintf(out, "%" PRIu64, count);
}

static void print_range(FILE *out, const struct field *field, const char *what)
{
    print_count(out, field->min);
    fputs(" to ", out);
    print_count(out, field->max);
    fprintf(out, " %s", what);
}

static void print_text_type(FILE *out, const struct field *field)
{
    static const char *const forms[] = {
        [ANY] = "text", [TRIMMED] = "text, trimmed,", [LINE] = "one line",
        [APP_ID] = "letters, digits, - and _,", [FILE_PATH] = "file path",
        [SECRET_NAME] = "[A-Z][A-Z0-9_]*", [SECRET_VALUE] = "text without NUL",
        [HOST] = "host, or *. and a domain,", [ARCHIVE_FORMAT] = "tar.gz or zip,",
    };
    _Static_assert(sizeof forms / sizeof *forms == TEXT_FORMS, "a form without its words");

    fprintf(out, "%s of ", forms[field->form]);
    print_range(out, field, "characters");
}

static void print_choices(FILE *out, const struct choices *choices)
{
    for (int i = 1; i < choices->count; i++)
        fprintf(out, "%s%s", i > 1 ? ", " : "one of ", choices->names[i]);
}

static void print_type(FILE *out, const struct field *field)
{
    static const char *const shapes[] = {
        [VALUE] = "any value", [OBJECT] = "any object", [ARRAY] = "any array"};

    switch (field->kind) {
    case FIELD_TEXT:
        print_text_type(out, field);
        break;
    case FIELD_BYTES:
        fputs("bin of ", out);
        print_range(out, field, "octets");
        break;
    case FIELD_COUNT:
        print_range(out, field, "");
        if (field->need == OPTIONAL)
            fprintf(out, "(%" PRIu64 ")", field->fallback);
        break;
    case FIELD_REAL:
        fprintf(out, "number from %g to %g", field->real_min, field->real_max);
        break;
    case FIELD_FLAG:
        fputs("true or false", out);
        break;
    case FIELD_TIME:
        fputs("milliseconds since 1970 UTC", out);
        break;
    case FIELD_ENUM:
        print_choices(out, field->choices);
        break;
    case FIELD_ONE:
        fprintf(out, "[%s](#%s)", field->item->name, field->item->name);
        break;
    case FIELD_MANY:
        print_range(out, field, "of ");
        fprintf(out, "[%s](#%s)", field->item->name, field->item->name);
        break;
    case FIELD_TEXTS:
        print_range(out, field, "texts");
        fprintf(out, " of at most %" PRIu64 " characters", field->fallback);
        break;
    case FIELD_FILES:
        print_range(out, field, "files by path");
        fputs(field->form == REMOVABLE ? ": text, or nil to remove" : ": text", out);
        break;
    case FIELD_COUNTS:
        print_range(out, field, "numbers by name");
        break;
    case FIELD_FREE:
        fputs(shapes[field->form], out);
        break;
    case FIELD_EITHER:
        fputs("text of ", out);
        print_range(out, field, "characters, or any object");
        break;
    case FIELD_KINDS:
        break;
    }
}

static void print_message(FILE *out, const struct message *message)
{
    size_t count;
    const struct field *fields = message->fields(&count);
    char name[FIELD_NAME_SIZE];

    fprintf(out, "\n### %s\n\n%s\n", message->name, message->doc);
    if (count > 0)
        fputs("\n| field | needed | type | what it is |\n|---|---|---|---|\n", out);
    for (size_t i = 0; i < count; i++) {
        field_wire_name(fields[i].name, name);
        fprintf(out, "| %s | %s | ", name, fields[i].need == REQUIRED ? "yes" : "no");
        print_type(out, &fields[i]);
        fprintf(out, " | %s |\n", fields[i].doc);
    }
}

void print_methods(FILE *out)
{
    fprintf(out, "<!-- Printed by isekai-schema from the tables; not edited by hand. -->\n"
            "# Methods and messages of the bus\n\n"
            "A request is `[0, msgid, \"actor.method\", [request]]` in MessagePack, sent to the "
            "method's service; its answer is `[1, msgid, failure or nil, reply]`. Bounds of text "
            "are Unicode characters. Files are at most %d, their paths at most %d characters, "
            "their contents at most %d octets each; free values are nested at most %d levels and "
            "hold at most %d values.\n", FILES_MAX, FILE_PATH_CHARACTERS_MAX,
            FILE_CONTENT_OCTETS_MAX, FREE_DEPTH_MAX, FREE_NODES_MAX);
    print_method_table(out);
    fputs("\n## Messages\n", out);
    for (size_t i = 0; i < message_count; i++)
        print_message(out, messages[i]);
}
