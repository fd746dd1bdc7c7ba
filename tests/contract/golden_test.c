/* golden_test - every message as peers of released versions send it.
 *
 * Method: the files of golden/ hold octets and JSON that were made by another implementation of
 * MessagePack and JSON. Each must be decoded, encoded, turned to JSON and back without a changed
 * octet, and every message of the contract must have an entry. A failure here means that
 * releases can no longer be mixed on one bus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/json.h"

enum { LINE_SIZE = 16384, PACKED_SIZE = 8192, ARENA_OCTETS = 1 << 20, MESSAGES_MAX = 256 };

static const char *const families[] = {"shared", "apps", "planner", "sandbox", "store", "audit"};
static bool seen[MESSAGES_MAX];

struct entry {
    const struct message *message;
    char label[100];
    char packed[PACKED_SIZE];
    size_t packed_size;
    char json[LINE_SIZE];
};

static const struct message *find_message(const char *name)
{
    for (size_t i = 0; i < message_count; i++)
        if (strcmp(messages[i]->name, name) == 0) {
            seen[i] = true;
            return messages[i];
        }
    fail_msg("no message %s: rows are only ever added", name);
    return NULL;
}

static size_t read_hex(const char *hex, char *out, size_t capacity)
{
    size_t size = 0;
    unsigned int octet;

    for (; sscanf(hex, "%2x", &octet) == 1; hex += 2) {
        assert_true(size < capacity);
        out[size++] = (char)octet;
    }
    return size;
}

static void expect_same(const struct entry *entry, const char *what, const msgpack_sbuffer *got,
                        const char *wanted, size_t size)
{
    if (got->size != size || memcmp(got->data, wanted, size) != 0)
        fail_msg("%s, %s: other %s than before", entry->message->name, entry->label, what);
}

static void check_encoding(const struct entry *entry, enum strictness strictness)
{
    struct text packed = {entry->packed, entry->packed_size};
    struct arena *arena = arena_new(ARENA_OCTETS);
    void *out = arena_take(arena, entry->message->size);
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer again;

    msgpack_sbuffer_init(&again);
    if (!message_decode(entry->message, packed, strictness, arena, out, NULL, &fault) ||
        !message_encode(entry->message, out, &again, &fault))
        fail_msg("%s, %s: %s", entry->message->name, entry->label, fault.reason);
    expect_same(entry, "octets", &again, entry->packed, entry->packed_size);
    msgpack_sbuffer_destroy(&again);
    arena_free(arena);
}

static void check_json(const struct entry *entry)
{
    struct text packed = {entry->packed, entry->packed_size};
    struct fault fault = {FAULT_NONE, 0, ""};
    msgpack_sbuffer json, again;

    msgpack_sbuffer_init(&json);
    msgpack_sbuffer_init(&again);
    if (!json_from_packed(entry->message, packed, &json, &fault) ||
        !json_to_packed(entry->message, text_from(entry->json), NULL, 0, &again, &fault))
        fail_msg("%s, %s: %s", entry->message->name, entry->label, fault.reason);
    expect_same(entry, "JSON", &json, entry->json, strlen(entry->json));
    expect_same(entry, "octets from JSON", &again, entry->packed, entry->packed_size);
    msgpack_sbuffer_destroy(&json);
    msgpack_sbuffer_destroy(&again);
}

/* One line "word   value"; the json line ends an entry. */
static void take_line(char *line, struct entry *entry)
{
    char *value = line + strcspn(line, " ");

    value += strspn(value, " ");
    if (strncmp(line, "message ", 8) == 0)
        entry->message = find_message(value);
    else if (strncmp(line, "label ", 6) == 0)
        (void) snprintf(entry->label, sizeof entry->label, "%s", value);
    else if (strncmp(line, "packed ", 7) == 0)
        entry->packed_size = read_hex(value, entry->packed, sizeof entry->packed);
    else if (strncmp(line, "json ", 5) == 0) {
        (void) snprintf(entry->json, sizeof entry->json, "%s", value);
        check_encoding(entry, STRICT);
        check_encoding(entry, LENIENT);
        check_json(entry);
    } else if (line[0] != '\0' && line[0] != '#')
        fail_msg("what is '%s'?", line);
}

static void every_golden_octet_stays(void **state)
{
    static char line[LINE_SIZE];
    static struct entry entry;

    (void) state;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        char path[100];
        (void) snprintf(path, sizeof path, "tests/contract/golden/%s.txt", families[i]);
        FILE *file = fopen(path, "re");
        if (!file)
            fail_msg("%s: %s", path, strerror(errno));
        while (fgets(line, sizeof line, file)) {
            line[strcspn(line, "\n")] = '\0';
            take_line(line, &entry);
        }
        (void) fclose(file);
    }
}

static void every_message_has_an_entry(void **state)
{
    (void) state;
    assert_true(message_count < MESSAGES_MAX);
    for (size_t i = 0; i < message_count; i++)
        if (!seen[i])
            fail_msg("%s has no entry in golden/", messages[i]->name);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_octet_stays),
        cmocka_unit_test(every_message_has_an_entry),
    };

    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
