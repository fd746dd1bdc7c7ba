/* ids.h - names that nobody has used before.
 *
 * Source: RFC 9562 section 5.7 (UUIDv7: rises with time, 74 random bits from libsodium).
 */
#ifndef ISEKAI_BUS_IDS_H
#define ISEKAI_BUS_IDS_H

enum { UUID_SIZE = 37, INSTANCE_SIZE = 17 };

void uuid_make(char out[UUID_SIZE]);                /* 0192f0c1-...; with NUL */
void instance_make(char out[INSTANCE_SIZE]);        /* 16 hex digits; with NUL */

#endif
