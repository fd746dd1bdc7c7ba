/* forgiving_parse.h - a request head taken apart as civetweb 1.15 does it: forgivingly, in place.
 *
 * The guard judges what civetweb leaves behind in its buffer, so its tests and its fuzz target
 * need the same leavings. Follows get_http_header_len(), parse_http_request() and
 * parse_http_headers() of that release, step by step.
 */
#ifndef ISEKAI_TESTS_GATEWAY_FORGIVING_PARSE_H
#define ISEKAI_TESTS_GATEWAY_FORGIVING_PARSE_H

#include <ctype.h>

#include "gateway/guard.h"

enum { CIVETWEB_BUFFER = 16384, CIVETWEB_HEADERS = 64 };

struct as_civetweb {
    char buffer[CIVETWEB_BUFFER];
    struct guard_header headers[CIVETWEB_HEADERS];
    struct guard_view view;
    size_t head_size;               /* with what was skipped before it */
};

static inline int civetweb_head_size(const char *buffer, int size)
{
    for (int i = 0; i < size; i++) {
        unsigned char c = (unsigned char)buffer[i];

        if (c < 128 && c != '\r' && c != '\n' && !isprint(c))
            return -1;
        if (i < size - 1 && buffer[i] == '\n' && buffer[i + 1] == '\n')
            return i + 2;
        if (i < size - 3 && memcmp(buffer + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    }
    return 0;
}

static inline bool civetweb_word(char **at, bool is_last)
{
    while (**at > 32 && **at < 127)
        (*at)++;
    if (is_last ? (**at != '\r' && **at != '\n') : **at != ' ')
        return false;
    do {
        *(*at)++ = '\0';
    } while (isspace((unsigned char)**at));
    return is_last || (**at > 32 && **at < 127);
}

/* -1: refused */
static inline int civetweb_headers(char *at, struct guard_header *out)
{
    int count = 0;

    for (int i = 0; i < CIVETWEB_HEADERS; i++) {
        char *end = at;

        while (*end != ':' && *end >= 33 && *end <= 126)
            end++;
        if (end == at)
            break;
        while (*end == ' ')
            *end++ = '\0';
        if (*end != ':')
            return -1;
        *end = '\0';
        out[i].name = at;
        do {
            end++;
        } while (*end == ' ' || *end == '\t');
        out[i].value = end;
        while (*end != '\0' && *end != '\r' && *end != '\n')
            end++;
        if (*end == '\r') {
            *end++ = '\0';
            if (*end != '\n')
                return -1;
        }
        count = i + 1;
        if (!*end)
            break;
        *end++ = '\0';
        at = end;
        if (*at == '\r' || *at == '\n')
            break;
    }
    return count;
}

/* False when civetweb would refuse it itself. */
static inline bool civetweb_parse(struct as_civetweb *self, const char *raw, size_t size)
{
    char *at = self->buffer;
    int left, head;

    if (size > CIVETWEB_BUFFER)
        return false;
    memset(self->buffer, 0, sizeof self->buffer);
    memcpy(self->buffer, raw, size);
    left = (int)size;
    while (left > 0 && isspace((unsigned char)*at)) {
        at++;
        left--;
    }
    if (left == 0 || iscntrl((unsigned char)*at) || (head = civetweb_head_size(at, left)) <= 0)
        return false;
    at[head - 1] = '\0';
    self->head_size = (size_t)(at - self->buffer) + (size_t)head;
    self->view = (struct guard_view){.buffer = self->buffer, .buffer_size = CIVETWEB_BUFFER,
                                     .verb = at, .headers = self->headers};
    if (!civetweb_word(&at, false))
        return false;
    self->view.uri = at;
    if (!civetweb_word(&at, false))
        return false;
    self->view.version = at;
    if (!civetweb_word(&at, true) || strncmp(self->view.version, "HTTP/", 5) != 0)
        return false;
    self->view.version += 5;

    int count = civetweb_headers(at, self->headers);
    char *query = strchr(self->view.uri, '?');
    if (query) {
        *query = '\0';
        self->view.query = query + 1;
    }
    self->view.header_count = count < 0 ? 0 : (uint32_t)count;
    return count >= 0;
}

#endif
