/* header.c - reading the values of HTTP headers. */
#include "gateway/header.h"

#include <strings.h>

bool text_equals_nocase(struct text text, const char *string)
{
    size_t size = strlen(string);

    return text.size == size && (size == 0 || strncasecmp(text.at, string, size) == 0);
}

bool header_is(struct text name, const char *wanted)
{
    return text_equals_nocase(name, wanted);
}

struct text header_find(const struct http_headers *headers, const char *name)
{
    for (uint32_t i = 0; i < headers->count; i++)
        if (header_is(headers->at[i].name, name))
            return headers->at[i].value;
    return (struct text){NULL, 0};
}

uint32_t header_count(const struct http_headers *headers, const char *name)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < headers->count; i++)
        count += header_is(headers->at[i].name, name);
    return count;
}

struct text text_without_blanks(struct text text)
{
    while (text.size > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text.at++;
        text.size--;
    }
    while (text.size > 0 && (text.at[text.size - 1] == ' ' || text.at[text.size - 1] == '\t'))
        text.size--;
    return text;
}

bool header_item(struct text *list, struct text *item)
{
    if (!list->at)
        return false;

    const char *comma = list->size > 0 ? memchr(list->at, ',', list->size) : NULL;
    size_t size = comma ? (size_t)(comma - list->at) : list->size;

    *item = text_without_blanks((struct text){list->at, size});
    if (comma)
        *list = (struct text){comma + 1, list->size - size - 1};
    else
        *list = (struct text){NULL, 0};
    return true;
}

struct text header_item_name(struct text item)
{
    const char *semicolon = item.size > 0 ? memchr(item.at, ';', item.size) : NULL;

    return text_without_blanks(
        (struct text){item.at, semicolon ? (size_t)(semicolon - item.at) : item.size});
}

/* 0 to 1 with at most three decimals. */
static int thousandths(struct text weight)
{
    int sum = 0, scale = 100;

    if (weight.size > 0 && weight.at[0] == '1')
        return 1000;
    for (size_t i = 2; i < weight.size && weight.at[i] >= '0' && weight.at[i] <= '9' && scale > 0;
         i++, scale /= 10)
        sum += (weight.at[i] - '0') * scale;
    return sum;
}

int header_item_quality(struct text item)
{
    const char *end = item.at + item.size;

    for (const char *at = item.at; at < end && (at = memchr(at, ';', (size_t)(end - at)));) {
        struct text rest = text_without_blanks((struct text){at + 1, (size_t)(end - at - 1)});
        at++;
        if (rest.size >= 2 && (rest.at[0] | 0x20) == 'q' && rest.at[1] == '=')
            return thousandths((struct text){rest.at + 2, rest.size - 2});
    }
    return 1000;
}

bool header_list_has(struct text list, const char *wanted)
{
    struct text item;

    while (header_item(&list, &item))
        if (text_equals_nocase(item, wanted))
            return true;
    return false;
}

bool header_any_has(const struct http_headers *headers, const char *name, const char *item)
{
    for (uint32_t i = 0; i < headers->count; i++)
        if (header_is(headers->at[i].name, name) && header_list_has(headers->at[i].value, item))
            return true;
    return false;
}

static bool is_tchar(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

bool text_is_token(struct text text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_tchar((unsigned char)text.at[i]))
            return false;
    return text.size > 0;
}

bool text_is_field_value(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool text_is_visible(struct text text, size_t min, size_t max)
{
    if (text.size < min || text.size > max)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] < 0x21 || text.at[i] > 0x7e)
            return false;
    return true;
}

bool text_to_count(struct text text, int64_t *out)
{
    int64_t value = 0;

    if (text.size < 1 || text.size > 15)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (text.at[i] - '0');
    }
    *out = value;
    return true;
}

bool header_is_hop_by_hop(struct text name)
{
    static const char *const names[] = {
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate",
        "proxy-authorization", "proxy-authentication-info", "te", "trailer",
        "transfer-encoding", "upgrade", "http2-settings",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (header_is(name, names[i]))
            return true;
    return false;
}
