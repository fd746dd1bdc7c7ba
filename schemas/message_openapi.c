/* message_openapi.c - messages and fields as JSON Schema. */
#include <inttypes.h>

#include "schemas/openapi.h"

void openapi_print_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);          /* the contract holds no control characters */
    }
    fputc('"', out);
}

static void print_reference(FILE *out, const struct message *message)
{
    fprintf(out, "{\"$ref\":\"#/components/schemas/%s\"}", message->name);
}

static void print_bounds(FILE *out, const char *min_word, uint64_t min, const char *max_word,
                         uint64_t max)
{
    if (min > 0)
        fprintf(out, ",\"%s\":%" PRIu64, min_word, min);
    if (max != UINT64_MAX)
        fprintf(out, ",\"%s\":%" PRIu64, max_word, max);
}

static void print_text_type(FILE *out, const struct field *field)
{
    static const char *const patterns[] = {
        [ANY] = NULL, [TRIMMED] = NULL, [LINE] = "^[^\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]*$",
        [APP_ID] = "^[a-zA-Z0-9_-]+$", [FILE_PATH] = NULL,
        [SECRET_NAME] = "^[A-Z][A-Z0-9_]*$", [SECRET_VALUE] = "^[^\\\\u0000]*$",
        [HOST] = "^([*][.])?[a-zA-Z0-9_.:-]+$", [ARCHIVE_FORMAT] = "^(tar[.]gz|zip)$",
    };

    fputs("\"type\":\"string\"", out);
    print_bounds(out, "minLength", field->min, "maxLength", field->max);
    if (patterns[field->form])
        fprintf(out, ",\"pattern\":\"%s\"", patterns[field->form]);
}

static void print_count_type(FILE *out, const struct field *field)
{
    fprintf(out, "\"type\":\"integer\",\"minimum\":%" PRIu64, field->min);
    if (field->max != UINT64_MAX)
        fprintf(out, ",\"maximum\":%" PRIu64, field->max);
    if (field->need == OPTIONAL && field->fallback >= field->min)   /* else: another's default */
        fprintf(out, ",\"default\":%" PRIu64, field->fallback);
}

static void print_enum_type(FILE *out, const struct field *field)
{
    fputs("\"type\":\"string\",\"enum\":[", out);
    for (int i = 1; i < field->choices->count; i++) {
        if (i > 1)
            fputc(',', out);
        openapi_print_text(out, field->choices->names[i]);
    }
    fputc(']', out);
}

static void print_files_type(FILE *out, const struct field *field)
{
    fprintf(out,
            "\"type\":\"object\",\"propertyNames\":{\"minLength\":1,\"maxLength\":%d},"
            "\"additionalProperties\":{\"type\":%s,\"maxLength\":%d}",
            FILE_PATH_CHARACTERS_MAX,
            field->form == REMOVABLE ? "[\"string\",\"null\"]" : "\"string\"",
            FILE_CONTENT_OCTETS_MAX);
    print_bounds(out, "minProperties", field->min, "maxProperties", field->max);
}

static void print_free_type(FILE *out, const struct field *field)
{
    static const char *const types[] = {
        [VALUE] = "[\"object\",\"array\",\"string\",\"number\",\"boolean\",\"null\"]",
        [OBJECT] = "\"object\"", [ARRAY] = "\"array\"",
    };

    fprintf(out, "\"type\":%s", types[field->form]);
}

static void print_either_type(FILE *out, const struct field *field)
{
    fputs("\"oneOf\":[{\"type\":\"string\"", out);
    print_bounds(out, "minLength", field->min, "maxLength", field->max);
    fputs("},{\"type\":\"object\"}]", out);
}

static void print_many_type(FILE *out, const struct field *field)
{
    fputs("\"type\":\"array\"", out);
    print_bounds(out, "minItems", field->min, "maxItems", field->max);
    fputs(",\"items\":", out);
    print_reference(out, field->item);
}

static void print_type(FILE *out, const struct field *field)
{
    switch (field->kind) {
    case FIELD_TEXT:
        print_text_type(out, field);
        break;
    case FIELD_BYTES:
        fputs("\"type\":\"string\",\"contentEncoding\":\"base64\"", out);
        break;
    case FIELD_COUNT:
        print_count_type(out, field);
        break;
    case FIELD_REAL:
        fprintf(out, "\"type\":\"number\",\"minimum\":%.17g,\"maximum\":%.17g", field->real_min,
                field->real_max);
        break;
    case FIELD_FLAG:
        fputs("\"type\":\"boolean\"", out);
        break;
    case FIELD_TIME:
        fputs("\"type\":\"string\",\"format\":\"date-time\"", out);
        break;
    case FIELD_ENUM:
        print_enum_type(out, field);
        break;
    case FIELD_ONE:
        fprintf(out, "\"$ref\":\"#/components/schemas/%s\"", field->item->name);
        break;
    case FIELD_MANY:
        print_many_type(out, field);
        break;
    case FIELD_TEXTS:
        fputs("\"type\":\"array\"", out);
        print_bounds(out, "minItems", field->min, "maxItems", field->max);
        fprintf(out, ",\"items\":{\"type\":\"string\",\"maxLength\":%" PRIu64 "}",
                field->fallback);
        break;
    case FIELD_FILES:
        print_files_type(out, field);
        break;
    case FIELD_COUNTS:
        fputs("\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\",\"minimum\":0}",
              out);
        print_bounds(out, "minProperties", field->min, "maxProperties", field->max);
        break;
    case FIELD_FREE:
        print_free_type(out, field);
        break;
    case FIELD_EITHER:
        print_either_type(out, field);
        break;
    case FIELD_KINDS:
        break;
    }
}

void openapi_print_field(FILE *out, const struct field *field)
{
    fputc('{', out);
    print_type(out, field);
    fputs(",\"description\":", out);
    openapi_print_text(out, field->doc);
    fputc('}', out);
}

bool openapi_is_in_path(const struct field *field, const char *path)
{
    char name[FIELD_NAME_SIZE], braced[FIELD_NAME_SIZE + 2];

    field_wire_name(field->name, name);
    (void) snprintf(braced, sizeof braced, "{%s}", name);
    return strstr(path, braced) != NULL;
}

static bool is_left_out(const struct field *field, const char *without)
{
    return without &&
           (openapi_is_in_path(field, without) || strcmp(field->name, "if_match") == 0);
}

static void print_properties(FILE *out, const struct message *message, const char *without)
{
    size_t count, printed = 0;
    const struct field *fields = message->fields(&count);
    char name[FIELD_NAME_SIZE];

    for (size_t i = 0; i < count; i++) {
        if (is_left_out(&fields[i], without))
            continue;
        field_wire_name(fields[i].name, name);
        fprintf(out, "%s\"%s\":", printed++ > 0 ? "," : "", name);
        openapi_print_field(out, &fields[i]);
    }
}

static void print_required(FILE *out, const struct message *message, const char *without)
{
    size_t count, printed = 0;
    const struct field *fields = message->fields(&count);
    char name[FIELD_NAME_SIZE];

    for (size_t i = 0; i < count; i++) {
        if (fields[i].need == OPTIONAL || is_left_out(&fields[i], without))
            continue;
        field_wire_name(fields[i].name, name);
        fprintf(out, "%s\"%s\"", printed++ > 0 ? "," : "", name);
    }
}

bool openapi_is_asked(const struct message *message)
{
    for (size_t i = 0; i < method_count; i++) {
        size_t count;
        const struct field *fields = methods[i]->request->fields(&count);
        if (methods[i]->request == message)
            return true;
        for (size_t f = 0; f < count; f++)
            if (fields[f].item == message && methods[i]->scope != SCOPE_INTERNAL)
                return true;
    }
    return false;
}

void openapi_print_message(FILE *out, const struct message *message, const char *without)
{
    fputs("{\"type\":\"object\",\"description\":", out);
    openapi_print_text(out, message->doc);
    if (openapi_is_asked(message))
        fputs(",\"additionalProperties\":false", out);
    fputs(",\"properties\":{", out);
    print_properties(out, message, without);
    fputs("},\"required\":[", out);
    print_required(out, message, without);
    fputs("]}", out);
}
