/* host.c - reading and comparing hosts; see host.h. */
#include "schemas/host.h"

#include <arpa/inet.h>

enum { LABEL_OCTETS_MAX = 63 };

static bool read_address(const char *text, char out[HOST_SIZE])
{
    struct in6_addr six;
    struct in_addr four;

    if (inet_pton(AF_INET, text, &four) == 1)
        return inet_ntop(AF_INET, &four, out, HOST_SIZE) != NULL;
    return inet_pton(AF_INET6, text, &six) == 1 && inet_ntop(AF_INET6, &six, out, HOST_SIZE);
}

/* The last label of what inet_aton() takes for an address is all digits, or begins with 0x. */
static bool is_number(const char *label, size_t size)
{
    size_t digits = 0;

    if (size >= 2 && label[0] == '0' && label[1] == 'x')
        return true;
    while (digits < size && label[digits] >= '0' && label[digits] <= '9')
        digits++;
    return digits == size;
}

static bool is_label(const char *label, size_t size)
{
    if (size == 0 || size > LABEL_OCTETS_MAX || label[0] == '-' || label[size - 1] == '-')
        return false;
    for (size_t i = 0; i < size; i++) {
        char letter = label[i];
        if (!(letter >= 'a' && letter <= 'z') && !(letter >= '0' && letter <= '9') &&
            letter != '-' && letter != '_')
            return false;
    }
    return true;
}

/* The number of labels, or 0 when it is no name. */
static size_t count_labels(const char *name)
{
    size_t count = 0;

    for (const char *label = name;; count++) {
        size_t size = strcspn(label, ".");
        if (!is_label(label, size))
            return 0;
        if (label[size] == '\0')
            return is_number(label, size) ? 0 : count + 1;
        label += size + 1;
    }
}

static bool to_lower(struct text text, char out[HOST_SIZE])
{
    if (text.size > 0 && text.at[text.size - 1] == '.')
        text.size--;
    if (!text_to_string(text, out, HOST_SIZE))
        return false;
    for (char *at = out; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    return true;
}

bool host_read(struct text text, char out[HOST_SIZE])
{
    char lower[HOST_SIZE] = "";

    if (!to_lower(text, lower))
        return false;
    if (read_address(lower, out))
        return true;
    memcpy(out, lower, sizeof lower);
    return count_labels(out) > 0;
}

bool host_pattern_read(struct text text, char out[HOST_SIZE])
{
    if (text.size < 2 || memcmp(text.at, "*.", 2) != 0)
        return host_read(text, out);
    return to_lower(text, out) && count_labels(out + 2) >= 2;
}

bool host_is_covered(const char *host, const char *pattern)
{
    size_t host_size = strlen(host), tail = strlen(pattern) - 1;

    if (pattern[0] != '*')
        return strcmp(host, pattern) == 0;
    return host_size > tail && strcmp(host + host_size - tail, pattern + 1) == 0;
}

bool host_is_address(const char *host)
{
    char ignored[HOST_SIZE];

    return read_address(host, ignored);
}
