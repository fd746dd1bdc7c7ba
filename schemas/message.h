/* message.h - the shape of messages, and the one way to read and write them.
 *
 * The tables in contract.def give each message a struct, a decoder, an encoder, its refusals,
 * its OpenAPI schema and its row in docs/reference.
 *
 * Borrows:  a decoded struct borrows from the octets it was decoded from and from the arena.
 * Gives:    what the encoder writes is appended to a msgpack_sbuffer that the caller owns.
 * Units:    TEXT bounds are Unicode code points, BYTES bounds octets, TIME is milliseconds since
 *           1970 UTC (JSON: RFC 3339 with milliseconds and Z).
 * Fails as: malformed with every violation listed (at most VIOLATIONS_MAX); broken_msgpack when
 *           the octets are not one valid message; too_large when it is nested too deep, holds too
 *           many values or more than the arena gives; internal when our own struct breaks its
 *           table.
 * Any thread may call these; the tables are constant.
 */
#ifndef ISEKAI_SCHEMAS_MESSAGE_H
#define ISEKAI_SCHEMAS_MESSAGE_H

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "schemas/arena.h"
#include "schemas/fault.h"
#include "schemas/text.h"

/* The files of an app: one table of bounds for execute, changes, plan and store. */
enum {
    FILES_MAX = 100,
    FILE_PATH_CHARACTERS_MAX = 500,
    FILE_CONTENT_OCTETS_MAX = 1048576,
    FREE_DEPTH_MAX = 16,
    FREE_NODES_MAX = 10000,
    VIOLATIONS_MAX = 32,
    FIELDS_MAX = 64,            /* of one message */
    FIELD_NAME_SIZE = 48,
    COUNT_NAME_MAX = 100,       /* characters of a name in COUNTS */
};

struct file {
    struct text path;
    struct text content;
    bool removed;               /* the value was null; only where the row says REMOVABLE */
};
struct files { const struct file *at; uint32_t count; };    /* at is NULL when absent */
struct texts { const struct text *at; uint32_t count; };    /* at is NULL when absent */
struct count_of { struct text name; uint64_t count; };
struct counts { const struct count_of *at; uint32_t count; };

enum field_kind {
    FIELD_TEXT,     /* struct text; valid UTF-8 */
    FIELD_BYTES,    /* struct text; MessagePack bin, JSON base64 */
    FIELD_COUNT,    /* uint64_t */
    FIELD_REAL,     /* double */
    FIELD_FLAG,     /* bool */
    FIELD_TIME,     /* int64_t, ms since 1970; 0 = absent */
    FIELD_ENUM,     /* int; 0 = absent */
    FIELD_ONE,      /* pointer to a struct; NULL = absent */
    FIELD_MANY,     /* {const struct item *at; uint32_t count;} */
    FIELD_TEXTS,    /* struct texts */
    FIELD_FILES,    /* struct files; {path: text} */
    FIELD_COUNTS,   /* struct counts; {name: count} */
    FIELD_FREE,     /* struct text holding MessagePack; any value of the named shape */
    FIELD_EITHER,   /* struct text holding MessagePack; a text in bounds, or an object */
    FIELD_KINDS
};
enum field_need { OPTIONAL, REQUIRED };

/* How a TEXT is looked at. TRIMMED ones lose white space at both ends before they are counted. */
enum text_form { ANY, TRIMMED, LINE, APP_ID, FILE_PATH, SECRET_NAME, SECRET_VALUE, HOST, ARCHIVE_FORMAT,
                 TEXT_FORMS };
/* What a FREE value may be. */
enum free_shape { VALUE, OBJECT, ARRAY };
/* Whether a file may be null (remove it). */
enum file_removal { KEPT, REMOVABLE };

struct message;
struct choices { const char *name; const char *doc; const char *const *names; int count; };
    /* names[1..count-1]; names[0] is NULL, "absent" */

struct field {
    const char *name;           /* snake_case; on the wire camelCase: field_wire_name() */
    enum field_kind kind;
    enum field_need need;
    uint64_t min, max;          /* characters, octets, value, items: as the kind counts */
    double real_min, real_max;
    uint64_t fallback;          /* COUNT: taken when absent; TEXTS: characters of an item */
    int form;                   /* text_form, free_shape or file_removal */
    size_t offset;
    const struct message *item;         /* ONE, MANY */
    const struct choices *choices;      /* ENUM */
    const char *doc;
    const char *say;            /* tells a caller that it is broken; "" = made from the row */
};

struct message {
    const char *name;
    const char *doc;
    const struct field *(*fields)(size_t *count);
    size_t size;                /* of the struct */
};

/* The enums: enum app_status { app_status_absent, app_status_running, ... }; */
#define CHOICES(name, doc) enum name { name##_absent,
#define CHOICE(name, choice) name##_##choice,
#define END_CHOICES(name) name##_count }; extern const struct choices name##_choices;
#include "schemas/contract.def"

/* The structs: struct plan_request { struct text prompt; ... }; a message without fields is
 * one octet long so that it is valid C. */
#define MESSAGE(name, doc) struct name { char octet_;
#define TEXT(name, need, form, min, max, doc, say) struct text name;
#define BYTES(name, need, min, max, doc, say) struct text name;
#define COUNT(name, need, min, max, fallback, doc, say) uint64_t name;
#define REAL(name, need, min, max, doc, say) double name;
#define FLAG(name, need, doc, say) bool name;
#define TIME(name, need, doc, say) int64_t name;
#define ENUM(name, need, choices, doc, say) enum choices name;
#define ONE(name, need, item, doc, say) const struct item *name;
#define MANY(name, need, item, min, max, doc, say) \
    struct { const struct item *at; uint32_t count; } name;
#define TEXTS(name, need, min, max, item_max, doc, say) struct texts name;
#define FILES(name, need, removal, min, doc, say) struct files name;
#define COUNTS(name, need, max, doc, say) struct counts name;
#define FREE(name, need, shape, doc, say) struct text name;
#define EITHER(name, need, min, max, doc, say) struct text name;
#define END(name) }; extern const struct message name##_message;
#include "schemas/contract.def"

struct violation_list {
    uint32_t count;
    uint32_t dropped;                       /* found beyond VIOLATIONS_MAX */
    struct violation at[VIOLATIONS_MAX];    /* texts live in the arena or are static */
};

enum strictness {
    STRICT,         /* from outside: unknown keys are violations */
    LENIENT,        /* between releases of ours: unknown keys are passed over */
};

/* Check the one message in packed[0..size) and fill `out`, a struct of that message, zeroed
 * first. Duplicate keys, bad UTF-8, trailing octets, wrong types, values out of bounds and
 * missing fields are refused in both modes. `list` may be NULL. On false `out` is not to be
 * read. */
bool message_decode(const struct message *message, struct text packed, enum strictness strictness,
                    struct arena *arena, void *out, struct violation_list *list,
                    struct fault *fault);

/* Append `in`, a struct of that message, as MessagePack. Absent fields are left out. Required
 * ones missing or values out of bounds are `internal`: our own defect. */
bool message_encode(const struct message *message, const void *in, msgpack_sbuffer *out,
                    struct fault *fault);

/* "created_at" -> "createdAt". */
void field_wire_name(const char *name, char out[FIELD_NAME_SIZE]);
const struct field *message_field(const struct message *message, struct text wire_name);

const char *choice_name(const struct choices *choices, int choice);     /* NULL when out of range */

/* Every message of the contract, in the order of its tables. */
extern const struct message *const messages[];
extern const size_t message_count;

/* Print every message as OpenAPI 3.1 component schemas: {"name":{...},...}. */

#endif
