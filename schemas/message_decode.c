/* message_decode.c - from octets to a checked struct, with every broken rule noted.
 *
 * The octets have been scanned as a whole before, so that every value is whole here. A value is
 * first cut out, then looked at; whatever is wrong with it, the next one begins where it should.
 * Recursion goes as deep as the contract nests, never as deep as the input.
 */
#include "schemas/message_decode.h"

#include "schemas/message_rules.h"
#include "schemas/scan.h"

static void decode_message(struct decoding *self, const struct message *message,
                           const struct place *place, struct text value, void *out);

static void decode_one(struct decoding *self, const struct field *field,
                       const struct place *place, struct text value, void *at)
{
    if (only_head_of(value).kind != TOKEN_MAP) {
        violate_row(&self->violations, place, field);
        return;
    }
    void *item = arena_take(self->arena, field->item->size);
    if (!item)
        return;                 /* the arena remembers */
    decode_message(self, field->item, place, value, item);
    *(void **)at = item;
}

/* The count of a container in bounds and room for its items, or NULL with the violation noted. */
static void *take_items(struct decoding *self, const struct field *field,
                        const struct place *place, const struct token *token,
                        enum token_kind wanted, size_t item_size)
{
    if (token->kind == wanted && token->items >= field->min && token->items <= field->max)
        return arena_take(self->arena, token->items * item_size);
    violate_row(&self->violations, place, field);
    return NULL;
}

/* What every MANY looks like in its struct. */
struct many { const void *at; uint32_t count; };

static void decode_many(struct decoding *self, const struct field *field,
                        const struct place *place, struct text value, void *at)
{
    struct reader reader;
    struct token token = head_of(value, &reader);
    char *items = take_items(self, field, place, &token, TOKEN_ARRAY, field->item->size);

    if (!items)
        return;
    for (uint32_t i = 0; i < token.items; i++) {
        struct place item = place_of_item(place, i);
        decode_message(self, field->item, &item, token_skip(&reader),
                       items + i * field->item->size);
    }
    *(struct many *)at = (struct many){items, token.items};
}

static void decode_texts(struct decoding *self, const struct field *field,
                         const struct place *place, struct text value, void *at)
{
    struct reader reader;
    struct token token = head_of(value, &reader);
    struct text *texts = take_items(self, field, place, &token, TOKEN_ARRAY, sizeof *texts);

    if (!texts)
        return;
    for (uint32_t i = 0; i < token.items; i++) {
        struct token item = only_head_of(token_skip(&reader));
        struct place item_place = place_of_item(place, i);
        if (item.kind == TOKEN_TEXT && text_is_within(item.octets, field->fallback))
            texts[i] = item.octets;
        else
            violate_row(&self->violations, &item_place, field);
    }
    *(struct texts *)at = (struct texts){texts, token.items};
}

static void decode_files(struct decoding *self, const struct field *field,
                         const struct place *place, struct text value, void *at)
{
    struct reader reader;
    struct token token = head_of(value, &reader);
    if (token.kind == TOKEN_MAP && token.items > FILES_MAX) {
        violate(&self->violations, place, "Files must contain between 1 and 100 files");
        return;
    }
    struct file *files = take_items(self, field, place, &token, TOKEN_MAP, sizeof *files);
    struct files all = {files, token.items};

    if (!files)
        return;
    for (uint32_t i = 0; i < token.items; i++) {
        struct token path = only_head_of(token_skip(&reader));
        struct token content = only_head_of(token_skip(&reader));
        if (path.kind == TOKEN_TEXT)
            files[i].path = path.octets;
        if (content.kind == TOKEN_TEXT)
            files[i].content = content.octets;
        files[i].removed = content.kind == TOKEN_NIL;
        const char *complaint = file_complaint(field, &all, i);
        struct place item = place_of_item(place, i);
        if (complaint)
            violate(&self->violations, &item, complaint);
    }
    *(struct files *)at = all;
}

static void decode_counts(struct decoding *self, const struct field *field,
                          const struct place *place, struct text value, void *at)
{
    struct reader reader;
    struct token token = head_of(value, &reader);
    struct count_of *counts = take_items(self, field, place, &token, TOKEN_MAP, sizeof *counts);

    if (!counts)
        return;
    for (uint32_t i = 0; i < token.items; i++) {
        struct token name = only_head_of(token_skip(&reader));
        struct token count = only_head_of(token_skip(&reader));
        struct place item = place_of_item(place, i);
        bool fits = name.kind == TOKEN_TEXT && text_is_within(name.octets, COUNT_NAME_MAX) &&
                    count.kind == TOKEN_COUNT;
        for (uint32_t j = 0; fits && j < i; j++)
            fits = !text_equals(counts[j].name, name.octets);
        if (fits)
            counts[i] = (struct count_of){name.octets, count.count};
        else
            violate_row(&self->violations, &item, field);
    }
    *(struct counts *)at = (struct counts){counts, token.items};
}

static decode_kind *const kinds[FIELD_KINDS] = {
    [FIELD_TEXT] = decode_text,     [FIELD_BYTES] = decode_bytes, [FIELD_COUNT] = decode_count,
    [FIELD_REAL] = decode_real,     [FIELD_FLAG] = decode_flag,   [FIELD_TIME] = decode_time,
    [FIELD_ENUM] = decode_enum,     [FIELD_ONE] = decode_one,     [FIELD_MANY] = decode_many,
    [FIELD_TEXTS] = decode_texts,   [FIELD_FILES] = decode_files, [FIELD_COUNTS] = decode_counts,
    [FIELD_FREE] = decode_free,     [FIELD_EITHER] = decode_either,
};

/* One pair of a message's map; `seen` has a bit for each row that came. */
static void decode_pair(struct decoding *self, const struct message *message,
                        const struct place *parent, struct text key_octets, struct text value,
                        uint64_t *seen, void *out)
{
    struct token key = only_head_of(key_octets);
    size_t count;
    const struct field *fields = message->fields(&count);

    if (key.kind != TOKEN_TEXT) {
        violate(&self->violations, parent, "A key is not a text");
        return;
    }
    const struct field *field = message_field(message, key.octets);
    if (!field) {
        if (self->strictness == STRICT)
            violate_unknown(&self->violations, parent, key.octets);
        return;
    }
    struct place place = place_of_field(parent, field);
    uint64_t bit = UINT64_C(1) << (field - fields);
    if (*seen & bit) {
        violate_what(&self->violations, &place, field, "is given twice");
        return;
    }
    *seen |= bit;
    kinds[field->kind](self, field, &place, value, (char *)out + field->offset);
}

/* Rows that did not come: required ones are missing, counts take their default. */
static void decode_absent(struct decoding *self, const struct message *message,
                          const struct place *parent, uint64_t seen, void *out)
{
    size_t count;
    const struct field *fields = message->fields(&count);

    for (size_t i = 0; i < count; i++) {
        const struct field *field = &fields[i];
        struct place place = place_of_field(parent, field);
        if (seen & UINT64_C(1) << i)
            continue;
        if (field->need == REQUIRED && field->say[0] != '\0')
            violate_row(&self->violations, &place, field);
        else if (field->need == REQUIRED)
            violate_what(&self->violations, &place, field, "is missing");
        else if (field->kind == FIELD_COUNT)
            *(uint64_t *)((char *)out + field->offset) = field->fallback;
    }
}

static void decode_message(struct decoding *self, const struct message *message,
                           const struct place *place, struct text value, void *out)
{
    struct reader reader;
    struct token token = head_of(value, &reader);
    uint64_t seen = 0;

    if (token.kind != TOKEN_MAP) {
        violate(&self->violations, place, place ? "It must be an object"
                                                : "The body must be an object");
        return;
    }
    for (uint32_t i = 0; i < token.items; i++) {
        struct text key = token_skip(&reader);
        struct text pair_value = token_skip(&reader);
        decode_pair(self, message, place, key, pair_value, &seen, out);
    }
    decode_absent(self, message, place, seen, out);
}

bool message_decode(const struct message *message, struct text packed, enum strictness strictness,
                    struct arena *arena, void *out, struct violation_list *list,
                    struct fault *fault)
{
    struct violation_list own;
    struct violation_list *noted = list ? list : &own;
    struct decoding self = {{noted, arena}, arena, strictness};

    noted->count = noted->dropped = 0;
    memset(out, 0, message->size);
    if (!scan_whole(packed, SCAN_DEPTH_MAX, SCAN_NODES_MAX, fault))
        return false;
    decode_message(&self, message, NULL, packed, out);
    if (arena_is_exhausted(arena))
        return fault_set(fault, FAULT_too_large, "the message needs too much memory");
    return noted->count == 0 || violations_refuse(noted, fault);
}
