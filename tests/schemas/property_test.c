/* property_test - what holds for every message, whatever is in it.
 *
 * Method: for each message of the contract, structs filled at random within its table go to
 * MessagePack and back, and to JSON and back, and must come out the same octets. Then octets are
 * bent at random: decoding may refuse them, it may not crash, and what it accepts it encodes again.
 * The seed is fixed, so that a failure happens again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/json.h"

enum { ARENA_OCTETS = 8 << 20, ROUNDS = 40, BENT_ROUNDS = 60 };

static unsigned int seed;

static uint64_t random_below(uint64_t bound)
{
    uint64_t number = ((uint64_t)(unsigned int)rand_r(&seed) << 31) ^ (unsigned int)rand_r(&seed);

    return bound == 0 ? 0 : number % bound;
}

static uint64_t random_between(uint64_t min, uint64_t max)
{
    return max - min == UINT64_MAX ? random_below(INT64_MAX) : min + random_below(max - min + 1);
}

static uint64_t few(uint64_t min, uint64_t max)
{
    return random_between(min, max - min > 3 ? min + 3 : max);
}

/* `count` characters; letters at both ends, so that trimming changes nothing. */
static struct text random_text(struct arena *arena, uint64_t count, bool is_plain)
{
    static const char *const any[] = {"a", "Z", "0", "-", "_", " ", "\"", "\\", "\n", "\x01",
                                      "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "/", "\x7f"};
    char *out = arena_take(arena, count * 4 + 1);
    size_t size = 0;

    assert_non_null(out);
    for (uint64_t i = 0; i < count; i++) {
        bool is_end = i == 0 || i + 1 == count;
        const char *next = is_end ? "x" : any[random_below(is_plain ? 5 : 15)];
        memcpy(out + size, next, strlen(next));
        size += strlen(next);
    }
    return (struct text){out, size};
}

static struct text random_octets(struct arena *arena, uint64_t size)
{
    char *out = arena_take(arena, size + 1);

    assert_non_null(out);
    for (uint64_t i = 0; i < size; i++)
        out[i] = (char)random_below(256);
    return (struct text){out, size};
}

static void pack_value(struct arena *arena, msgpack_packer *packer, int depth)
{
    struct text text = random_text(arena, random_below(8), false);

    switch (random_below(depth > 0 ? 7 : 5)) {
    case 0: msgpack_pack_nil(packer); break;
    case 1: msgpack_pack_true(packer); break;
    case 2: msgpack_pack_int64(packer, (int64_t)random_below(100000) - 50000); break;
    case 3: msgpack_pack_double(packer, (double)random_below(1000000) / 8); break;
    case 4:
        msgpack_pack_str(packer, text.size);
        msgpack_pack_str_body(packer, text.at, text.size);
        break;
    case 5:
        msgpack_pack_array(packer, 2);
        pack_value(arena, packer, depth - 1);
        pack_value(arena, packer, depth - 1);
        break;
    default:
        msgpack_pack_map(packer, 1);
        msgpack_pack_str(packer, 1);
        msgpack_pack_str_body(packer, "k", 1);
        pack_value(arena, packer, depth - 1);
    }
}

static struct text random_free(struct arena *arena, int shape)
{
    msgpack_sbuffer buffer;
    msgpack_packer packer;

    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    if (shape == OBJECT) {
        msgpack_pack_map(&packer, 1);
        msgpack_pack_str(&packer, 3);
        msgpack_pack_str_body(&packer, "key", 3);
    } else if (shape == ARRAY) {
        msgpack_pack_array(&packer, 1);
    }
    pack_value(arena, &packer, 4);
    struct text value = arena_text(arena, (struct text){buffer.data, buffer.size});
    msgpack_sbuffer_destroy(&buffer);
    return value;
}

static struct text random_form(struct arena *arena, const struct field *field)
{
    uint64_t count = random_below(8) ? few(field->min, field->max)
                                     : random_between(field->min, field->max);
    bool is_plain = field->form >= APP_ID;
    struct text text = random_text(arena, count, is_plain);

    for (size_t i = 0; field->form == LINE && i < text.size; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            ((char *)text.at)[i] = '.';
    for (size_t i = 0; field->form == SECRET_NAME && i < text.size; i++)
        ((char *)text.at)[i] = (char)('A' + (unsigned char)text.at[i] % 26);
    for (size_t i = 40; field->form == HOST && i + 2 < text.size; i += 40)
        memcpy((char *)text.at + i - 1, "x.x", 3);      /* a label has 63 octets at most */
    if (field->form == ARCHIVE_FORMAT)
        return random_below(2) ? TEXT_OF("tar.gz") : TEXT_OF("zip");
    if (field->form == FILE_PATH && text.size > 200)
        text.size = 200;                    /* a name is no longer than that */
    return text;
}

static void fill(struct arena *arena, const struct message *message, void *out);

struct many { const void *at; uint32_t count; };

static void fill_many(struct arena *arena, const struct field *field, void *at)
{
    uint32_t count = (uint32_t)few(field->min, field->max);
    char *items = arena_take(arena, count * field->item->size);

    assert_non_null(items);
    for (uint32_t i = 0; i < count; i++)
        fill(arena, field->item, items + i * field->item->size);
    *(struct many *)at = (struct many){items, count};
}

static void fill_files(struct arena *arena, const struct field *field, void *at)
{
    uint32_t count = (uint32_t)few(field->min, field->max);
    struct file *files = arena_take(arena, count * sizeof *files);

    assert_non_null(files);
    for (uint32_t i = 0; i < count; i++) {
        bool removed = field->form == REMOVABLE && random_below(4) == 0;
        files[i].path = arena_print(arena, "d%u/f%u", i, (unsigned int)random_below(100));
        files[i].removed = removed;
        if (!removed)
            files[i].content = random_text(arena, random_below(200), false);
    }
    *(struct files *)at = (struct files){files, count};
}

static void fill_texts(struct arena *arena, const struct field *field, void *at)
{
    uint32_t count = (uint32_t)few(field->min, field->max);
    struct text *texts = arena_take(arena, count * sizeof *texts);

    assert_non_null(texts);
    for (uint32_t i = 0; i < count; i++)
        texts[i] = random_text(arena, random_below(field->fallback + 1), false);
    *(struct texts *)at = (struct texts){texts, count};
}

static void fill_counts(struct arena *arena, const struct field *field, void *at)
{
    uint32_t count = (uint32_t)few(0, field->max);
    struct count_of *counts = arena_take(arena, (count + 1) * sizeof *counts);

    assert_non_null(counts);
    for (uint32_t i = 0; i < count; i++) {
        counts[i].name = arena_print(arena, "name-%u-%u", i, (unsigned int)random_below(100));
        counts[i].count = random_between(0, UINT64_MAX);
    }
    *(struct counts *)at = (struct counts){counts, count};
}

static void fill_field(struct arena *arena, const struct field *field, void *at)
{
    void *item;

    switch (field->kind) {
    case FIELD_TEXT:
        *(struct text *)at = random_form(arena, field);
        break;
    case FIELD_BYTES:
        *(struct text *)at = random_octets(arena, few(field->min, field->max));
        break;
    case FIELD_COUNT:
        *(uint64_t *)at = random_between(field->min, field->max);
        break;
    case FIELD_REAL:
        *(double *)at = field->real_min + (field->real_max - field->real_min) *
                                              (double)random_below(1001) / 1000;
        break;
    case FIELD_FLAG:
        *(bool *)at = random_below(2);
        break;
    case FIELD_TIME:
        *(int64_t *)at = (int64_t)random_between(1, 253402300799999);
        break;
    case FIELD_ENUM:
        *(int *)at = 1 + (int)random_below((uint64_t)field->choices->count - 1);
        break;
    case FIELD_ONE:
        item = arena_take(arena, field->item->size);
        assert_non_null(item);
        fill(arena, field->item, item);
        *(void **)at = item;
        break;
    case FIELD_MANY:
        fill_many(arena, field, at);
        break;
    case FIELD_TEXTS:
        fill_texts(arena, field, at);
        break;
    case FIELD_FILES:
        fill_files(arena, field, at);
        break;
    case FIELD_FREE:
        *(struct text *)at = random_free(arena, field->form);
        break;
    case FIELD_EITHER:
        *(struct text *)at = random_below(2) ? random_free(arena, OBJECT) : TEXT_OF("\xa3" "abc");
        break;
    case FIELD_COUNTS:
        fill_counts(arena, field, at);
        break;
    case FIELD_KINDS:
        fail_msg("no field is of kind %d", field->kind);
    }
}

static void fill(struct arena *arena, const struct message *message, void *out)
{
    size_t count;
    const struct field *fields = message->fields(&count);

    for (size_t i = 0; i < count; i++)
        if (fields[i].need == REQUIRED || random_below(2))
            fill_field(arena, &fields[i], (char *)out + fields[i].offset);
}

static void encode(const struct message *message, const void *in, msgpack_sbuffer *out)
{
    struct fault fault = {FAULT_NONE, 0, ""};

    msgpack_sbuffer_init(out);
    if (!message_encode(message, in, out, &fault))
        fail_msg("%s: %s", message->name, fault.reason);
}

static struct text octets_of(const msgpack_sbuffer *buffer)
{
    return (struct text){buffer->data, buffer->size};
}

static void expect_same(const struct message *message, const msgpack_sbuffer *a,
                        const msgpack_sbuffer *b)
{
    if (a->size != b->size || memcmp(a->data, b->data, a->size) != 0)
        fail_msg("%s came back changed", message->name);
}

static void goes_there_and_back(const struct message *message)
{
    struct arena *arena = arena_new(ARENA_OCTETS);
    void *in = arena_take(arena, message->size), *out = arena_take(arena, message->size);
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer packed, again, json, from_json;

    fill(arena, message, in);
    encode(message, in, &packed);
    if (!message_decode(message, octets_of(&packed), STRICT, arena, out, NULL, &fault))
        fail_msg("%s: %s", message->name, fault.reason);
    encode(message, out, &again);
    expect_same(message, &packed, &again);

    msgpack_sbuffer_init(&json);
    msgpack_sbuffer_init(&from_json);
    if (!json_from_packed(message, octets_of(&packed), &json, &fault) ||
        !json_to_packed(message, octets_of(&json), NULL, 0, &from_json, &fault))
        fail_msg("%s: %s", message->name, fault.reason);
    expect_same(message, &packed, &from_json);

    msgpack_sbuffer_destroy(&packed);
    msgpack_sbuffer_destroy(&again);
    msgpack_sbuffer_destroy(&json);
    msgpack_sbuffer_destroy(&from_json);
    arena_free(arena);
}

static void every_message_goes_there_and_back(void **state)
{
    (void) state;
    seed = 1;
    for (size_t i = 0; i < message_count; i++)
        for (int round = 0; round < ROUNDS; round++)
            goes_there_and_back(messages[i]);
}

static void bend(char *octets, size_t size)
{
    for (uint64_t bends = 1 + random_below(4); bends > 0 && size > 0; bends--)
        octets[random_below(size)] = (char)random_below(256);
}

static void bent_octets_never_crash(const struct message *message)
{
    struct arena *arena = arena_new(ARENA_OCTETS);
    void *in = arena_take(arena, message->size), *out = arena_take(arena, message->size);
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer packed, again;

    fill(arena, message, in);
    encode(message, in, &packed);
    bend(packed.data, packed.size);
    size_t size = random_below(4) ? packed.size : (size_t)random_below(packed.size + 1);
    char *exact = malloc(size + 1);     /* so that a read beyond is seen */
    memcpy(exact, packed.data, size);
    if (message_decode(message, (struct text){exact, size}, random_below(2) ? STRICT : LENIENT,
                       arena, out, NULL, &fault)) {
        encode(message, out, &again);
        msgpack_sbuffer_destroy(&again);
    } else {
        assert_true(fault.kind == FAULT_malformed || fault.kind == FAULT_broken_msgpack ||
                    fault.kind == FAULT_too_large);
    }
    free(exact);
    msgpack_sbuffer_destroy(&packed);
    arena_free(arena);
}

static void bent_octets_are_refused_or_understood(void **state)
{
    (void) state;
    seed = 2;
    for (size_t i = 0; i < message_count; i++)
        for (int round = 0; round < BENT_ROUNDS; round++)
            bent_octets_never_crash(messages[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_goes_there_and_back),
        cmocka_unit_test(bent_octets_are_refused_or_understood),
    };

    return cmocka_run_group_tests_name("property", tests, NULL, NULL);
}
