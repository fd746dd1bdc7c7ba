/* utf8.h - text from an app, made fit for a log line.
 *
 * Copies `size` octets to `out` (room for capacity); each octet that is not part of valid UTF-8
 * (RFC 3629), and each control character but tab, becomes U+FFFD. Stops at a character's border
 * when `out` is full. Gives the number of octets written.
 */
#ifndef ISEKAI_SANDBOX_UTF8_H
#define ISEKAI_SANDBOX_UTF8_H

#include <stddef.h>

size_t utf8_repair(const char *from, size_t size, char *out, size_t capacity);

#endif
