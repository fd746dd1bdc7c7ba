/* text.h - a run of octets with its length; the only string type that crosses a border.
 *
 * Borrows:  a text never owns what it points to. `at` is NULL when the text is absent, and not
 *           NULL when it is empty. It is not NUL-terminated unless its giver says so.
 */
#ifndef ISEKAI_SCHEMAS_TEXT_H
#define ISEKAI_SCHEMAS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text { const char *at; size_t size; };

#define TEXT_OF(literal) ((struct text){(literal), sizeof(literal) - 1})
#define TEXT_ARGS(text) (int)(text).size, (text).at     /* for "%.*s" */

static inline struct text text_from(const char *string)
{
    return (struct text){string, string ? strlen(string) : 0};
}

static inline bool text_equals(struct text a, struct text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static inline bool text_is(struct text text, const char *string)
{
    return text_equals(text, text_from(string));
}

/* The number of Unicode code points, or SIZE_MAX when `text` is not valid UTF-8 (RFC 3629:
 * no overlong forms, no surrogates, nothing above U+10FFFF). */
size_t text_code_points(struct text text);

/* Without white space (space, tab, CR, LF, VT, FF, NBSP) at both ends. */
struct text text_trimmed(struct text text);

/* Copy into a C string; false when it does not fit or holds a NUL. */
bool text_to_string(struct text text, char *out, size_t capacity);

/* Holds a control character: C0, DEL or C1. */
bool text_has_control(struct text text);

/* 1..100 of [a-zA-Z0-9-_]. */
enum { APP_ID_SIZE = 101 };     /* with its NUL */
bool text_is_app_id(struct text text);

enum { PACKAGE_NAME_CHARACTERS_MAX = 214, PACKAGE_RANGE_CHARACTERS_MAX = 100 };
/* A name in npm's registry: 1..214 of [a-z0-9-._~], not beginning with `.` or `_`, with or without
 * such a name behind `@` and a `/` in front. */
bool text_is_package_name(struct text text);

/* A range of versions or a tag, 0..100 of [a-zA-Z0-9 .^~<>=|*+-]; never an address. */
bool text_is_package_range(struct text text);

/* A path inside an app: 1..500 code points, relative, `/` between names, no empty, `.` or `..`
 * name, no backslash, no control character, no NUL, each name at most 255 octets. */
bool text_is_file_path(struct text text);

/* What an app may find in its environment: 1..64 of [A-Z][A-Z0-9_]*, and 1..4096 octets without
 * NUL; SECRETS_MAX of them. */
enum { SECRET_NAME_MAX = 64, SECRET_VALUE_OCTETS_MAX = 4096, SECRETS_MAX = 32 };
bool text_is_secret_name(struct text text);
bool text_is_secret_value(struct text text);

/* The DNS label of an app's preview: the id itself where it is 1..63 of [a-z0-9-] without
 * a hyphen at either end, else `x` and the base32 (RFC 4648, lower case, no padding) of the
 * id's SHA-256. An id that looks like such a hash is hashed too, so that nobody can name an app
 * after another's label. `out` holds 64 octets. */
enum { APP_LABEL_SIZE = 64 };
void text_app_label(struct text app_id, char out[APP_LABEL_SIZE]);

#endif
