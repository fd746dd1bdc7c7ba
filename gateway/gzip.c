/* gzip.c - zlib at its fastest: an answer is read once, and its request waits meanwhile. */
#include "gateway/gzip.h"

#include <zlib.h>

#include "gateway/header.h"

enum { GZIP_WINDOW_BITS = 15 + 16, GZIP_MEMORY_LEVEL = 8, PIECE_OCTETS = 16384 };

bool gzip_is_accepted(struct text accept_encoding)
{
    struct text item;
    int gzip = -1, any = 0;

    while (header_item(&accept_encoding, &item)) {
        struct text name = header_item_name(item);
        if (text_equals_nocase(name, "gzip") || text_equals_nocase(name, "x-gzip"))
            gzip = header_item_quality(item);
        else if (text_is(name, "*"))
            any = header_item_quality(item);
    }
    return gzip >= 0 ? gzip > 0 : any > 0;
}

/* zlib gives what it has into `piece` until it asks for more room no longer. */
static int write_pieces(z_stream *stream, msgpack_sbuffer *out)
{
    unsigned char piece[PIECE_OCTETS];
    int result = Z_OK;

    while (result == Z_OK) {
        stream->next_out = piece;
        stream->avail_out = sizeof piece;
        result = deflate(stream, Z_FINISH);
        size_t size = sizeof piece - stream->avail_out;
        if (size > 0 && msgpack_sbuffer_write(out, (const char *)piece, size) < 0)
            return Z_MEM_ERROR;
    }
    return result;
}

bool gzip_write(struct text plain, msgpack_sbuffer *out, struct fault *fault)
{
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)plain.at,
                       .avail_in = (unsigned)plain.size};

    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return fault_set(fault, FAULT_internal, "no memory for gzip");
    int result = write_pieces(&stream, out);
    (void) deflateEnd(&stream);
    return result == Z_STREAM_END || fault_set(fault, FAULT_internal, "gzip failed: %d", result);
}
