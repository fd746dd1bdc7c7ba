/* fuzz_connect_head - whatever an app writes to its way out, a target is a host in one form.
 *
 * Beyond not crashing: a target that was read is read again as itself, no resolver takes its name for
 * an address, and more octets behind a head do not change it.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "actors/sandbox/egress/connect_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct connect_target *target)
{
    struct in_addr four;
    char again[HOST_SIZE];

    must(target->port > 0 && host_read(text_from(target->host), again) &&
         strcmp(again, target->host) == 0);
    must(host_is_address(target->host) || inet_aton(target->host, &four) == 0);
    must(host_is_covered(target->host, target->host));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct text octets = {(const char *)input, size};
    struct connect_target target, same;
    size_t head = 0, head_again = 0;
    const char *why;
    char pattern[HOST_SIZE];

    if (connect_head_read(octets, &head, &target, &why) == CONNECT_HEAD_READ) {
        must(head <= size && head <= CONNECT_HEAD_OCTETS_MAX);
        check(&target);
        must(connect_head_read((struct text){octets.at, head}, &head_again, &same, &why) ==
             CONNECT_HEAD_READ && head_again == head && same.port == target.port &&
             strcmp(same.host, target.host) == 0);
        must(connect_head_read((struct text){octets.at, head - 1}, &head_again, &same, &why) ==
             CONNECT_HEAD_MORE);
    }
    if (host_pattern_read(octets, pattern))
        must(pattern[0] == '*' || host_is_covered(pattern, pattern));
    return 0;
}
