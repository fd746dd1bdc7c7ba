/* ids.c - UUIDv7 and instance names, from libsodium's random octets. */
#include "bus/ids.h"

#include <pthread.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus/clock.h"

static void begin_sodium(void)
{
    if (sodium_init() < 0)
        abort();        /* the kernel gives no random octets: no name would be safe */
}

static void fill_random(void *out, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void) pthread_once(&once, begin_sodium);
    randombytes_buf(out, size);
}

void uuid_make(char out[UUID_SIZE])
{
    uint64_t now_ms = (uint64_t)clock_wall_ms();
    unsigned char octets[16];

    fill_random(octets, sizeof octets);
    for (int i = 0; i < 6; i++)
        octets[i] = (unsigned char)(now_ms >> (40 - 8 * i));
    octets[6] = (unsigned char)(0x70 | (octets[6] & 0x0f));     /* version 7 */
    octets[8] = (unsigned char)(0x80 | (octets[8] & 0x3f));     /* variant 10 */

    char hex[33];
    sodium_bin2hex(hex, sizeof hex, octets, sizeof octets);
    (void) snprintf(out, UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                    hex + 20);
}

void instance_make(char out[INSTANCE_SIZE])
{
    unsigned char octets[8];

    fill_random(octets, sizeof octets);
    sodium_bin2hex(out, INSTANCE_SIZE, octets, sizeof octets);
}
