/* text.c - what may be said of a run of octets from a stranger, each rule in one place. */
#include "schemas/text.h"

#include <sodium.h>
#include <stdio.h>

#include "schemas/message.h"

enum { NAME_OCTETS_MAX = 255, LABEL_CHARACTERS_MAX = 63, HASHED_LABEL_CHARACTERS = 53 };

/* The octets of the UTF-8 sequence at `at`, or 0 when there is no valid one (RFC 3629, the
 * table of well-formed sequences). */
static size_t sequence_size(const unsigned char *at, size_t left)
{
    unsigned char first = at[0], low = 0x80, high = 0xbf;
    size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3
                  : first < 0xf5 ? 4 : 0;

    if (size <= 1)
        return size;
    if (size > left)
        return 0;
    if (first == 0xe0)
        low = 0xa0;             /* no overlong form */
    if (first == 0xed)
        high = 0x9f;            /* no surrogate */
    if (first == 0xf0)
        low = 0x90;             /* no overlong form */
    if (first == 0xf4)
        high = 0x8f;            /* nothing above U+10FFFF */
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

size_t text_code_points(struct text text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t done = 0, count = 0;

    while (done < text.size) {
        uint64_t eight;
        if (text.size - done >= sizeof eight) {     /* most text is ASCII: eight at a time */
            memcpy(&eight, at + done, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                done += sizeof eight;
                count += sizeof eight;
                continue;
            }
        }
        size_t size = sequence_size(at + done, text.size - done);
        if (size == 0)
            return SIZE_MAX;
        done += size;
        count++;
    }
    return count;
}

static bool is_space(char character)
{
    return character == ' ' || (character >= '\t' && character <= '\r');
}

static bool is_no_break_space(const char *at) { return memcmp(at, "\xc2\xa0", 2) == 0; }

struct text text_trimmed(struct text text)
{
    for (;;) {
        if (text.size >= 1 && is_space(text.at[0]))
            text = (struct text){text.at + 1, text.size - 1};
        else if (text.size >= 2 && is_no_break_space(text.at))
            text = (struct text){text.at + 2, text.size - 2};
        else
            break;
    }
    for (;;) {
        if (text.size >= 1 && is_space(text.at[text.size - 1]))
            text.size -= 1;
        else if (text.size >= 2 && is_no_break_space(text.at + text.size - 2))
            text.size -= 2;
        else
            break;
    }
    return text;
}

bool text_to_string(struct text text, char *out, size_t capacity)
{
    if (text.size >= capacity)
        return false;
    if (text.size > 0 && memchr(text.at, '\0', text.size))
        return false;
    if (text.size > 0)
        memcpy(out, text.at, text.size);
    out[text.size] = '\0';
    return true;
}

static bool is_lower_or_digit(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
}

bool text_is_app_id(struct text text)
{
    if (text.size < 1 || text.size > 100)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char character = text.at[i];
        if (!is_lower_or_digit(character) && !(character >= 'A' && character <= 'Z') &&
            character != '-' && character != '_')
            return false;
    }
    return true;
}

static bool is_package_word(struct text text)
{
    if (text.size < 1 || *text.at == '.' || *text.at == '_')
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!is_lower_or_digit(text.at[i]) && !memchr("-._~", text.at[i], 4))
            return false;
    return true;
}

bool text_is_package_name(struct text text)
{
    const char *slash = text.size > 0 && *text.at == '@' ? memchr(text.at, '/', text.size) : NULL;

    if (text.size > PACKAGE_NAME_CHARACTERS_MAX)
        return false;
    if (!slash)
        return is_package_word(text);
    size_t scope = (size_t)(slash - text.at);
    return is_package_word((struct text){text.at + 1, scope - 1}) &&
           is_package_word((struct text){slash + 1, text.size - scope - 1});
}

bool text_is_package_range(struct text text)
{
    if (text.size > PACKAGE_RANGE_CHARACTERS_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char character = text.at[i];
        if (!is_lower_or_digit(character) && !(character >= 'A' && character <= 'Z') &&
            !memchr(" .^~<>=|*+-", character, 11))
            return false;
    }
    return true;
}

bool text_is_secret_name(struct text text)
{
    if (text.size < 1 || text.size > SECRET_NAME_MAX || text.at[0] < 'A' || text.at[0] > 'Z')
        return false;
    for (size_t i = 1; i < text.size; i++)
        if (!(text.at[i] >= 'A' && text.at[i] <= 'Z') && !(text.at[i] >= '0' && text.at[i] <= '9') &&
            text.at[i] != '_')
            return false;
    return true;
}

bool text_is_secret_value(struct text text)
{
    return text.size >= 1 && text.size <= SECRET_VALUE_OCTETS_MAX && !memchr(text.at, '\0', text.size);
}

static bool is_path_name(const char *at, size_t size)
{
    if (size == 0 || size > NAME_OCTETS_MAX)
        return false;
    if (size == 1 && at[0] == '.')
        return false;
    return !(size == 2 && at[0] == '.' && at[1] == '.');
}

bool text_has_control(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char octet = (unsigned char)text.at[i];
        if (octet < 0x20 || octet == 0x7f)
            return true;
        if (octet == 0xc2 && i + 1 < text.size && (unsigned char)text.at[i + 1] < 0xa0)
            return true;                /* C1: U+0080..U+009F */
    }
    return false;
}

bool text_is_file_path(struct text text)
{
    size_t count = text_code_points(text), name = 0;

    if (count < 1 || count > FILE_PATH_CHARACTERS_MAX)
        return false;
    if (text_has_control(text) || memchr(text.at, '\\', text.size))
        return false;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.at[i] != '/')
            continue;
        if (!is_path_name(text.at + name, i - name))
            return false;               /* an absolute path begins with an empty name */
        name = i + 1;
    }
    return true;
}

/* Looks like what text_app_label() makes of another id? Then it must not stand for itself. */
static bool is_hashed_label(struct text label)
{
    if (label.size != HASHED_LABEL_CHARACTERS || label.at[0] != 'x')
        return false;
    for (size_t i = 1; i < label.size; i++)
        if (!(label.at[i] >= 'a' && label.at[i] <= 'z') &&
            !(label.at[i] >= '2' && label.at[i] <= '7'))
            return false;
    return true;
}

static bool is_label(struct text text)
{
    if (text.size < 1 || text.size > LABEL_CHARACTERS_MAX || is_hashed_label(text))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!is_lower_or_digit(text.at[i]) && text.at[i] != '-')
            return false;
    return text.at[0] != '-' && text.at[text.size - 1] != '-';
}

static void write_base32(const unsigned char *octets, size_t size, char *out)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t bits = 0, held = 0;

    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | octets[i];
        for (held += 8; held >= 5; held -= 5)
            *out++ = digits[bits >> (held - 5) & 31];
    }
    if (held > 0)
        *out++ = digits[bits << (5 - held) & 31];
    *out = '\0';
}

void text_app_label(struct text app_id, char out[APP_LABEL_SIZE])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    if (is_label(app_id)) {
        memcpy(out, app_id.at, app_id.size);
        out[app_id.size] = '\0';
        return;
    }
    (void) crypto_hash_sha256(hash, (const unsigned char *)app_id.at, app_id.size);
    out[0] = 'x';
    write_base32(hash, sizeof hash, out + 1);
}
