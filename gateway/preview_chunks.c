/* preview_chunks.c - the chunked body of an app's answer, read octet by octet where it is not
 * data. Extensions and trailers are dropped. Source: RFC 9112 section 7.1.
 */
#include "gateway/preview_head.h"

enum { CHUNK_DIGITS_MAX = 15, CHUNK_EXTRA_OCTETS_MAX = 8192 };

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool step_size(struct chunks *self, char c)
{
    int digit = hex_digit(c);

    if (digit >= 0) {
        self->left = self->left * 16 + (uint64_t)digit;
        return ++self->digits <= CHUNK_DIGITS_MAX;
    }
    if (self->digits == 0)
        return false;
    if (c == '\r')
        self->state = CHUNK_SIZE_END;
    else if (c == ';' || c == ' ' || c == '\t')
        self->state = CHUNK_EXTENSION;
    else
        return false;
    return true;
}

static bool step_to(struct chunks *self, char c, char wanted, int next)
{
    self->state = next;
    return c == wanted;
}

static bool step_extra(struct chunks *self, char c, int at_cr)
{
    if (c == '\r')
        self->state = at_cr;
    return c != '\n' && c != '\0' && ++self->extra_octets <= CHUNK_EXTRA_OCTETS_MAX;
}

/* One octet that is not data; false when it may not stand here. */
static bool step(struct chunks *self, char c)
{
    switch (self->state) {
    case CHUNK_SIZE:         return step_size(self, c);
    case CHUNK_EXTENSION:    return step_extra(self, c, CHUNK_SIZE_END);
    case CHUNK_SIZE_END:     return step_to(self, c, '\n',
                                            self->left > 0 ? CHUNK_DATA : CHUNK_TRAILER);
    case CHUNK_DATA_CR:      return step_to(self, c, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        self->left = 0;
        self->digits = 0;
        return step_to(self, c, '\n', CHUNK_SIZE);
    case CHUNK_TRAILER:
        if (c == '\r')
            return step_to(self, c, '\r', CHUNK_END_LF);
        self->state = CHUNK_TRAILER_LINE;
        return step_extra(self, c, CHUNK_TRAILER_LF);
    case CHUNK_TRAILER_LINE: return step_extra(self, c, CHUNK_TRAILER_LF);
    case CHUNK_TRAILER_LF:   return step_to(self, c, '\n', CHUNK_TRAILER);
    case CHUNK_END_LF:       return step_to(self, c, '\n', CHUNK_DONE);
    default:                 return false;
    }
}

bool chunks_read(struct chunks *self, struct text octets, size_t *used, struct text *payload,
                 struct fault *fault)
{
    size_t at = 0;

    *payload = (struct text){octets.at, 0};
    while (at < octets.size && self->state != CHUNK_DATA && self->state != CHUNK_DONE)
        if (!step(self, octets.at[at++]))
            return fault_set(fault, FAULT_app_unreachable,
                             "the app's answer is broken: a bad chunk");
    if (self->state == CHUNK_DATA && at < octets.size) {
        size_t size = octets.size - at < self->left ? octets.size - at : (size_t)self->left;

        *payload = (struct text){octets.at + at, size};
        at += size;
        self->left -= size;
        if (self->left == 0)
            self->state = CHUNK_DATA_CR;
    }
    *used = at;
    return true;
}
