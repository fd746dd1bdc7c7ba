/* fuzz_app_head - whatever an app answers, what goes on to the caller is whole, clean header lines.
 *
 * Method: the first octet says where the octets are cut in two for the chunk reader. A head that is
 * accepted is printed and read once more: nothing but lines of name and value, none of the kinds
 * that must not pass. The rest is read as a chunked body, whole and cut, with the same result.
 */
#include <stdlib.h>

#include "gateway/preview_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_lines(struct text printed)
{
    static const char *const never[] = {"connection", "transfer-encoding", "content-length",
                                        "clear-site-data", "alt-svc", "upgrade", "keep-alive"};
    uint32_t nosniff = 0;

    while (printed.size > 0) {
        const char *end = memmem(printed.at, printed.size, "\r\n", 2);
        must(end != NULL && end != printed.at);
        struct text line = {printed.at, (size_t)(end - printed.at)};
        const char *colon = memchr(line.at, ':', line.size);
        must(colon != NULL);
        struct text name = {line.at, (size_t)(colon - line.at)};

        must(text_is_token(name) && text_is_field_value(line));
        nosniff += header_is(name, "x-content-type-options");
        for (size_t i = 0; i < sizeof never / sizeof *never; i++)
            must(!header_is(name, never[i]));
        printed = (struct text){end + 2, printed.size - line.size - 2};
    }
    must(nosniff == 1);
}

static void check_head(struct text octets)
{
    static struct app_head head;
    static char printed[APP_HEAD_OCTETS_MAX + 256];
    struct fault fault;
    size_t size = app_head_size(octets);

    if (size == 0 || !app_head_read((struct text){octets.at, size}, false, &head, &fault))
        return;
    must(head.status >= 100 && head.status <= 599 && head.length >= 0);
    for (int way = HEAD_AS_IT_IS; way <= HEAD_OF_TAGGED; way += HEAD_OF_TAGGED)
        check_lines((struct text){printed, app_head_print(&head, (enum head_way)way, printed,
                                                          sizeof printed)});
}

/* All data of one piece after another into `out`; its size, or SIZE_MAX when it is broken. */
static size_t read_chunks(struct chunks *chunks, struct text octets, char *out, size_t have)
{
    struct text payload;
    struct fault fault;
    size_t used;

    while (octets.size > 0 && chunks->state != CHUNK_DONE) {
        if (!chunks_read(chunks, octets, &used, &payload, &fault))
            return SIZE_MAX;
        must(used <= octets.size && payload.size <= used);
        memcpy(out + have, payload.at, payload.size);
        have += payload.size;
        octets = (struct text){octets.at + used, octets.size - used};
    }
    return have;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text all = {(const char *)data + 1, size - 1};
    struct chunks whole = {.state = CHUNK_SIZE}, cut = {.state = CHUNK_SIZE};

    if (size < 2)
        return 0;
    check_head(all);

    size_t at = data[0] < all.size ? data[0] : all.size;
    char *one = malloc(size), *two = malloc(size);
    size_t one_size = read_chunks(&whole, all, one, 0);
    size_t two_size = read_chunks(&cut, (struct text){all.at, at}, two, 0);
    if (two_size != SIZE_MAX)
        two_size = read_chunks(&cut, (struct text){all.at + at, all.size - at}, two, two_size);
    must(one_size == two_size && whole.state == cut.state);
    must(one_size == SIZE_MAX || memcmp(one, two, one_size) == 0);
    free(one);
    free(two);
    return 0;
}
