/* connect_head.c - reading a CONNECT request; see connect_head.h. */
#include "actors/sandbox/egress/connect_head.h"

#include <strings.h>

static const char no_target[] = "CONNECT needs host:port: a name in ASCII or an address, and a "
                                "port from 1 to 65535";

static bool read_port(struct text text, uint16_t *out)
{
    uint32_t port = 0;

    if (text.size < 1 || text.size > 5 || text.at[0] == '0')
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text.at[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

static const char *last_colon(struct text text)
{
    for (size_t i = text.size; i-- > 0;)
        if (text.at[i] == ':')
            return text.at + i;
    return NULL;
}

bool connect_target_read(struct text text, struct connect_target *out)
{
    const char *colon = last_colon(text);

    if (!colon)
        return false;
    struct text host = {text.at, (size_t)(colon - text.at)};
    struct text port = {colon + 1, text.size - host.size - 1};
    bool has_brackets = host.size > 2 && host.at[0] == '[' && host.at[host.size - 1] == ']';
    if (has_brackets)
        host = (struct text){host.at + 1, host.size - 2};
    return read_port(port, &out->port) && host_read(host, out->host) &&
           has_brackets == (memchr(out->host, ':', strlen(out->host)) != NULL);
}

/* RFC 9110, tchar. */
static bool is_token(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        char letter = text.at[i];
        if (!(letter >= 'a' && letter <= 'z') && !(letter >= 'A' && letter <= 'Z') &&
            !(letter >= '0' && letter <= '9') && !(letter && strchr("!#$%&'*+-.^_`|~", letter)))
            return false;
    }
    return text.size > 0;
}

static bool is_value(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char octet = (unsigned char)text.at[i];
        if ((octet < ' ' && octet != '\t') || octet == 0x7f)
            return false;
    }
    return true;
}

static bool is_named(struct text name, const char *wanted)
{
    return name.size == strlen(wanted) && strncasecmp(name.at, wanted, name.size) == 0;
}

static const char *check_header(struct text line)
{
    const char *colon = memchr(line.at, ':', line.size);
    struct text name = {line.at, colon ? (size_t)(colon - line.at) : 0};

    if (!colon || !is_token(name))
        return "a header is no name, colon and value";
    if (!is_value((struct text){colon + 1, line.size - name.size - 1}))
        return "a header's value holds control characters";
    if (is_named(name, "content-length") || is_named(name, "transfer-encoding"))
        return "CONNECT has no body";
    return NULL;
}

static const char *check_request_line(struct text line, struct connect_target *out)
{
    static const struct text verb = {"CONNECT ", 8};
    static const size_t version_size = sizeof " HTTP/1.1" - 1;

    if (line.size < verb.size || memcmp(line.at, verb.at, verb.size) != 0)
        return "this proxy takes CONNECT only; http:// goes through CONNECT too";
    if (line.size < verb.size + version_size)
        return no_target;
    struct text target = {line.at + verb.size, line.size - verb.size - version_size};
    struct text version = {target.at + target.size, version_size};
    if (!text_is(version, " HTTP/1.1") && !text_is(version, " HTTP/1.0"))
        return "the first line ends with HTTP/1.1";
    return connect_target_read(target, out) ? NULL : no_target;
}

/* The line at the beginning of `rest`, which then is what follows its CRLF. False: no end yet. */
static bool take_line(struct text *rest, struct text *line)
{
    const char *end = rest->size ? memmem(rest->at, rest->size, "\r\n", 2) : NULL;

    if (!end)
        return false;
    *line = (struct text){rest->at, (size_t)(end - rest->at)};
    *rest = (struct text){end + 2, rest->size - line->size - 2};
    return true;
}

enum connect_head connect_head_read(struct text octets, size_t *size, struct connect_target *out,
                                    const char **why)
{
    struct text rest = octets, line;

    *why = NULL;
    for (bool is_first = true; take_line(&rest, &line); is_first = false) {
        if (octets.size - rest.size > CONNECT_HEAD_OCTETS_MAX)
            break;
        if (!is_first && line.size == 0) {
            *size = octets.size - rest.size;
            return CONNECT_HEAD_READ;
        }
        *why = is_first ? check_request_line(line, out) : check_header(line);
        if (*why)
            return CONNECT_HEAD_BROKEN;
    }
    if (octets.size < CONNECT_HEAD_OCTETS_MAX)
        return CONNECT_HEAD_MORE;
    *why = "the head is larger than 8192 octets";
    return CONNECT_HEAD_BROKEN;
}
