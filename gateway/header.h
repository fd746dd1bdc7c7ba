/* header.h - reading the values of HTTP headers, once for requests and for the answers of apps.
 *
 * Source:   RFC 9110 section 5.6 (tokens, lists).
 * Borrows:  everything points into the texts given; nothing is allocated. Any thread.
 */
#ifndef ISEKAI_GATEWAY_HEADER_H
#define ISEKAI_GATEWAY_HEADER_H

#include "schemas/text.h"

enum { HEADERS_MAX = 100 };     /* of a request civetweb passes on at most 64 */

struct http_header { struct text name, value; };
struct http_headers { struct http_header at[HEADERS_MAX]; uint32_t count; };

bool header_is(struct text name, const char *wanted);       /* names know no case */

/* The first one of that name; absent (at NULL) when there is none. */
struct text header_find(const struct http_headers *headers, const char *name);
uint32_t header_count(const struct http_headers *headers, const char *name);

/* Take the next comma-separated item off *list, without white space around it. False at the end. */
bool header_item(struct text *list, struct text *item);
struct text header_item_name(struct text item);     /* without its parameters */
/* The item's weight (RFC 9110 section 12.4.2) in thousandths: 1000 without one, 0 for a broken one. */
int header_item_quality(struct text item);
bool header_list_has(struct text list, const char *item);

/* Does any header of that name list the item? */
bool header_any_has(const struct http_headers *headers, const char *name, const char *item);

bool text_is_token(struct text text);               /* 1*tchar */
bool text_is_field_value(struct text text);         /* no control character but tab */
bool text_is_visible(struct text text, size_t min, size_t max);     /* 0x21..0x7e */
bool text_equals_nocase(struct text text, const char *string);
struct text text_without_blanks(struct text text);  /* space and tab off both ends */

/* Decimal digits only, at most 15 of them. */
bool text_to_count(struct text text, int64_t *out);

/* Is this header only for one hop (RFC 9110 section 7.6.1)? Those that Connection names as well
 * are found with header_any_has(). */
bool header_is_hop_by_hop(struct text name);

#endif
