/* message_violation.c - paths and sentences for those whose message was refused. */
#include "schemas/message_violation.h"

#include <inttypes.h>
#include <stdio.h>

enum { PLACES_MAX = 32, PATH_SIZE = 600, SENTENCE_SIZE = 300 };

struct line { char at[PATH_SIZE]; size_t size; };

static void append(struct line *line, const char *at, size_t size)
{
    if (size > sizeof line->at - line->size)
        size = sizeof line->at - line->size;
    memcpy(line->at + line->size, at, size);
    line->size += size;
}

static void append_place(struct line *line, const struct place *place)
{
    char part[FIELD_NAME_SIZE + 2];

    if (place->field || place->unknown.at) {
        if (line->size > 0)
            append(line, ".", 1);
        if (place->field)
            field_wire_name(place->field, part);
        else
            (void) text_to_string(place->unknown, part, sizeof part);
    } else {
        (void) snprintf(part, sizeof part, "[%" PRIu32 "]", place->index);
    }
    append(line, part, strlen(part));
}

/* From the message inwards: files[3], config.memoryMb. */
static void write_path(struct line *line, const struct place *place)
{
    const struct place *places[PLACES_MAX];
    uint32_t depth = 0;

    line->size = 0;
    for (; place && depth < PLACES_MAX; place = place->parent)
        places[depth++] = place;
    while (depth > 0)
        append_place(line, places[--depth]);
}

/* Beyond the bound a violation is only counted: no sentence is made for it. */
static bool is_full(struct violations *self)
{
    if (self->list->count < VIOLATIONS_MAX)
        return false;
    self->list->dropped++;
    return true;
}

static void note(struct violations *self, const struct place *place, const char *sentence,
                 bool is_static)
{
    struct violation_list *list = self->list;
    struct line line;

    if (is_full(self))
        return;
    write_path(&line, place);
    struct text path = arena_text(self->arena, (struct text){line.at, line.size});
    struct text msg = is_static ? text_from(sentence)
                                : arena_text(self->arena, text_from(sentence));
    list->at[list->count++] = (struct violation){
        .path = path.at ? path : TEXT_OF(""),
        .location = TEXT_OF("body"),
        .msg = msg.at ? msg : TEXT_OF("is refused"),
    };
}

void violate(struct violations *self, const struct place *place, const char *sentence)
{
    note(self, place, sentence, true);
}

static void write_count(const struct field *field, const char *name, char *out, size_t size)
{
    if (field->max == UINT64_MAX)
        (void) snprintf(out, size, "%s must be a whole number from %" PRIu64, name, field->min);
    else
        (void) snprintf(out, size, "%s must be a whole number from %" PRIu64 " to %" PRIu64,
                        name, field->min, field->max);
}

static void write_text(const struct field *field, const char *name, char *out, size_t size)
{
    static const char *const what[] = {
        [ANY] = "a text", [TRIMMED] = "a text", [LINE] = "one line",
        [APP_ID] = "a text of letters, digits, - and _", [FILE_PATH] = "a file path",
        [SECRET_NAME] = "a text of A-Z, digits and _", [SECRET_VALUE] = "a text without NUL",
        [HOST] = "a host's name or address", [ARCHIVE_FORMAT] = "tar.gz or zip,",
    };

    (void) snprintf(out, size, "%s must be %s of %" PRIu64 " to %" PRIu64 " characters", name,
                    what[field->form], field->min, field->max);
}

static void write_enum(const struct field *field, const char *name, char *out, size_t size)
{
    int used = snprintf(out, size, "%s must be one of", name);

    for (int i = 1; i < field->choices->count && used > 0 && (size_t)used < size; i++)
        used += snprintf(out + used, size - (size_t)used, "%s %s", i > 1 ? "," : "",
                         field->choices->names[i]);
}

static void write_sentence(const struct field *field, const char *name, char *out, size_t size)
{
    static const char *const shapes[] = {
        [VALUE] = "a value", [OBJECT] = "an object", [ARRAY] = "an array"};

    switch (field->kind) {
    case FIELD_TEXT:
        write_text(field, name, out, size);
        break;
    case FIELD_BYTES:
        (void) snprintf(out, size, "%s must be %" PRIu64 " to %" PRIu64 " octets (JSON: base64)",
                        name, field->min, field->max);
        break;
    case FIELD_COUNT:
        write_count(field, name, out, size);
        break;
    case FIELD_REAL:
        (void) snprintf(out, size, "%s must be a number from %g to %g", name, field->real_min,
                        field->real_max);
        break;
    case FIELD_FLAG:
        (void) snprintf(out, size, "%s must be true or false", name);
        break;
    case FIELD_TIME:
        (void) snprintf(out, size, "%s must be a time such as 2025-10-10T15:00:00.000Z", name);
        break;
    case FIELD_ENUM:
        write_enum(field, name, out, size);
        break;
    case FIELD_ONE:
        (void) snprintf(out, size, "%s must be an object", name);
        break;
    case FIELD_MANY:
        (void) snprintf(out, size, "%s must be an array of %" PRIu64 " to %" PRIu64 " objects",
                        name, field->min, field->max);
        break;
    case FIELD_TEXTS:
        (void) snprintf(out, size, "%s must be an array of %" PRIu64 " to %" PRIu64
                        " texts of at most %" PRIu64 " characters", name, field->min, field->max,
                        field->fallback);
        break;
    case FIELD_FILES:
        (void) snprintf(out, size, "Files must contain between 1 and %d files", FILES_MAX);
        break;
    case FIELD_COUNTS:
        (void) snprintf(out, size, "%s must be an object of at most %" PRIu64 " whole numbers",
                        name, field->max);
        break;
    case FIELD_FREE:
        (void) snprintf(out, size, "%s must be %s", name, shapes[field->form]);
        break;
    case FIELD_EITHER:
        (void) snprintf(out, size, "%s must be a text of %" PRIu64 " to %" PRIu64
                        " characters or an object", name, field->min, field->max);
        break;
    case FIELD_KINDS:
        break;
    }
}

void violate_row(struct violations *self, const struct place *place, const struct field *field)
{
    char name[FIELD_NAME_SIZE], sentence[SENTENCE_SIZE] = "";

    if (field->say[0] != '\0') {
        note(self, place, field->say, true);
        return;
    }
    if (is_full(self))
        return;
    field_wire_name(field->name, name);
    write_sentence(field, name, sentence, sizeof sentence);
    note(self, place, sentence, false);
}

void violate_what(struct violations *self, const struct place *place, const struct field *field,
                  const char *what)
{
    char name[FIELD_NAME_SIZE], sentence[SENTENCE_SIZE];

    if (is_full(self))
        return;
    field_wire_name(field->name, name);
    (void) snprintf(sentence, sizeof sentence, "%s %s", name, what);
    note(self, place, sentence, false);
}

/* Made like a name of ours, so that it may be shown: a typing error rather than an attack. */
static bool is_like_a_name(struct text key)
{
    if (key.size < 1 || key.size >= FIELD_NAME_SIZE)
        return false;
    for (size_t i = 0; i < key.size; i++) {
        char character = key.at[i];
        bool is_letter = (character >= 'a' && character <= 'z') ||
                         (character >= 'A' && character <= 'Z');
        if (!is_letter && (i == 0 || !((character >= '0' && character <= '9') ||
                                       character == '_')))
            return false;
    }
    return true;
}

void violate_unknown(struct violations *self, const struct place *parent, struct text key)
{
    struct place place = {parent, NULL, key, 0};
    char sentence[SENTENCE_SIZE];

    if (is_full(self))
        return;
    if (!is_like_a_name(key)) {
        note(self, parent, "A key is not known here", true);
        return;
    }
    (void) snprintf(sentence, sizeof sentence, "%.*s is not known here", TEXT_ARGS(key));
    note(self, &place, sentence, false);
}

bool violations_refuse(const struct violation_list *list, struct fault *fault)
{
    const struct violation *first = &list->at[0];
    uint32_t more = list->count - 1 + list->dropped;
    const char *colon = first->path.size > 0 ? ": " : "";

    if (more == 0)
        return fault_set(fault, FAULT_malformed, "%.*s%s%.*s", TEXT_ARGS(first->path), colon,
                         TEXT_ARGS(first->msg));
    return fault_set(fault, FAULT_malformed, "%.*s%s%.*s (and %" PRIu32 " more)",
                     TEXT_ARGS(first->path), colon, TEXT_ARGS(first->msg), more);
}
