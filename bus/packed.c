/* packed.c - MessagePack read in place. */
#include "bus/packed.h"

#include "schemas/scan.h"

static uint64_t big_endian(const unsigned char *at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static bool skip(struct packed *self, size_t size)
{
    if (self->left < size)
        return false;
    self->at += size;
    self->left -= size;
    return true;
}

struct packed packed_from(struct text octets)
{
    return (struct packed){(const unsigned char *)octets.at, octets.size};
}

/* Arrays and maps: sixteen short heads from `fix`, then one of 2 and one of 4 octets. */
static bool read_head(struct packed *self, unsigned char fix, unsigned char wide, uint64_t *count)
{
    if (self->left == 0)
        return false;
    unsigned char type = self->at[0];
    if ((type & 0xf0) == fix) {
        *count = type & 0x0fu;
        return skip(self, 1);
    }
    size_t size = type == wide ? 2 : type == wide + 1 ? 4 : 0;
    if (size == 0 || self->left < 1 + size)
        return false;
    *count = big_endian(self->at + 1, size);
    return skip(self, 1 + size);
}

bool packed_array(struct packed *self, uint64_t *count)
{
    return read_head(self, 0x90, 0xdc, count);
}

bool packed_map(struct packed *self, uint64_t *count)
{
    return read_head(self, 0x80, 0xde, count);
}

bool packed_count(struct packed *self, uint64_t *value)
{
    if (self->left == 0)
        return false;
    unsigned char type = self->at[0];
    if (type <= 0x7f) {
        *value = type;
        return skip(self, 1);
    }
    bool is_signed = type >= 0xd0 && type <= 0xd3;
    if (!is_signed && !(type >= 0xcc && type <= 0xcf))
        return false;
    size_t size = (size_t)1 << (type & 3);
    if (self->left < 1 + size || (is_signed && (self->at[1] & 0x80)))
        return false;
    *value = big_endian(self->at + 1, size);
    return skip(self, 1 + size);
}

bool packed_text(struct packed *self, struct text *out)
{
    if (self->left == 0)
        return false;
    unsigned char type = self->at[0];
    size_t head = 1;
    uint64_t size = 0;
    if (type >= 0xa0 && type <= 0xbf) {
        size = type & 0x1fu;
    } else if (type >= 0xd9 && type <= 0xdb) {
        size_t octets = (size_t)1 << (type - 0xd9);
        if (self->left < 1 + octets)
            return false;
        size = big_endian(self->at + 1, octets);
        head += octets;
    } else {
        return false;
    }
    if (self->left - head < size)
        return false;
    *out = (struct text){(const char *)self->at + head, (size_t)size};
    return skip(self, head + (size_t)size);
}

bool packed_value(struct packed *self, struct text *out)
{
    struct text left = {(const char *)self->at, self->left};
    struct fault ignored;
    size_t size = scan_first(left, SCAN_DEPTH_MAX, SCAN_NODES_MAX, &ignored);

    if (size == 0)
        return false;
    *out = (struct text){left.at, size};
    return skip(self, size);
}

bool packed_is_map(struct text value)
{
    unsigned char type = value.size ? (unsigned char)value.at[0] : 0;

    return (type >= 0x80 && type <= 0x8f) || type == 0xde || type == 0xdf;
}

bool packed_is_nil(struct text value)
{
    return value.size == 1 && (unsigned char)value.at[0] == 0xc0;
}
