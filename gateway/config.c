/* config.c - the gateway's settings, checked and taken apart once, before anything is opened. */
#include "gateway/config.h"

#include <ctype.h>
#include <stdio.h>

static bool wrong(struct fault *fault, const char *why)
{
    return fault_set(fault, FAULT_malformed, "%s", why);
}

static bool port_parse(struct text text, unsigned *out)
{
    int64_t port;

    if (!text_to_count(text, &port) || port < 1 || port > 65535)
        return false;
    *out = (unsigned)port;
    return true;
}

static bool is_host_character(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

bool host_parse(struct text text, char host[HOST_SIZE], unsigned *port)
{
    const char *colon = text.size > 0 ? memchr(text.at, ':', text.size) : NULL;
    size_t size = colon ? (size_t)(colon - text.at) : text.size;

    *port = 0;
    if (size == 0 || size > 253)
        return false;
    if (colon && !port_parse((struct text){colon + 1, text.size - size - 1}, port))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!is_host_character(text.at[i]))
            return false;
        host[i] = (char)tolower((unsigned char)text.at[i]);
    }
    host[size] = '\0';
    return true;
}

bool origin_parse(struct text text, struct origin *out)
{
    static const struct { const char *scheme; unsigned port; } schemes[] = {{"http://", 80},
                                                                           {"https://", 443}};
    char host[HOST_SIZE];
    unsigned port;

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t size = strlen(schemes[i].scheme);
        struct text scheme = {text.at, size};

        if (text.size <= size || !text_equals_nocase(scheme, schemes[i].scheme))
            continue;
        if (!host_parse((struct text){text.at + size, text.size - size}, host, &port))
            return false;
        if (port == 0 || port == schemes[i].port)
            (void) snprintf(out->text, sizeof out->text, "%s%s", schemes[i].scheme, host);
        else
            (void) snprintf(out->text, sizeof out->text, "%s%s:%u", schemes[i].scheme, host,
                            port);
        return true;
    }
    return false;
}

static bool read_listener(const struct gateway_settings *settings, struct config *out,
                          struct fault *fault)
{
    const char *text = settings->isekai_listen;
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;

    if (text[0] == '[')
        return wrong(fault, "isekai_listen: civetweb as Debian builds it has no IPv6; listen on "
                            "an IPv4 address");
    if (!colon || size >= sizeof out->listen_host ||
        !address_parse((struct text){text, size}, &out->listen_address) ||
        !port_parse(text_from(colon + 1), &out->listen_port))
        return wrong(fault, "isekai_listen must be ADDRESS:PORT, as 127.0.0.1:8000");
    memcpy(out->listen_host, text, size);
    out->listen_host[size] = '\0';
    return true;
}

static bool read_environment(const struct bus_settings *bus, struct config *out,
                             struct fault *fault)
{
    out->is_production = strcmp(bus->isekai_env, "production") == 0;
    if (out->is_production)
        return wrong(fault, "production needs authentication, and this release has none yet; "
                            "run with ISEKAI_ENV=development on a loopback listener");
    if (!address_is_loopback(&out->listen_address))
        return wrong(fault, "development has no authentication and listens on loopback only; "
                            "set isekai_listen to 127.0.0.1:PORT");
    return true;
}

static bool read_public_url(const struct gateway_settings *settings, struct config *out,
                            struct fault *fault)
{
    struct text url = text_from(settings->public_url);
    char own[ORIGIN_SIZE];
    unsigned port;

    if (url.size == 0) {
        (void) snprintf(own, sizeof own, "http://localhost:%u", out->listen_port);
        url = text_from(own);
    } else if (url.at[url.size - 1] == '/') {
        url.size--;
    }
    if (!origin_parse(url, &out->public_origin))
        return wrong(fault, "public_url must be http(s)://HOST[:PORT]");

    const char *host = strstr(out->public_origin.text, "://") + 3;
    const char *colon = strchr(host, ':');
    out->is_public_https = strncmp(out->public_origin.text, "https", 5) == 0;
    (void) snprintf(out->preview_port, sizeof out->preview_port, "%s", colon ? colon : "");
    return host_parse(text_from(host), out->public_host, &port) ||
           wrong(fault, "public_url has no host");
}

static bool read_preview_domain(const struct gateway_settings *settings, struct config *out,
                                struct fault *fault)
{
    unsigned port;

    if (!host_parse(text_from(settings->preview_domain), out->preview_domain, &port) ||
        port != 0 || out->preview_domain[0] == '.')
        return wrong(fault, "preview_domain must be a host name without port");
    return true;
}

static bool add_studio_origin(struct config *out, const char *origin)
{
    for (uint32_t i = 0; i < out->studio_origin_count; i++)
        if (strcmp(out->studio_origins[i].text, origin) == 0)
            return true;
    if (out->studio_origin_count == STUDIO_ORIGINS_MAX)
        return false;
    return origin_parse(text_from(origin), &out->studio_origins[out->studio_origin_count++]);
}

static bool read_studio_origins(struct config *out, struct fault *fault)
{
    char local[2][ORIGIN_SIZE];

    (void) snprintf(local[0], sizeof local[0], "http://localhost:%u", out->listen_port);
    (void) snprintf(local[1], sizeof local[1], "http://127.0.0.1:%u", out->listen_port);
    out->studio_origin_count = 0;
    if (!add_studio_origin(out, out->public_origin.text))
        return wrong(fault, "public_url is no origin");
    return out->is_production || (add_studio_origin(out, local[0]) &&
                                  add_studio_origin(out, local[1]));
}

static bool read_allowed_origins(const struct gateway_settings *settings, struct config *out,
                                 struct fault *fault)
{
    struct text rest = text_from(settings->allowed_origins);
    struct text item;

    out->allowed_count = 0;
    while (header_item(&rest, &item)) {
        if (item.size == 0)
            continue;
        if (out->allowed_count == ORIGINS_MAX)
            return fault_set(fault, FAULT_malformed, "allowed_origins: more than %d", ORIGINS_MAX);
        if (!origin_parse(item, &out->allowed[out->allowed_count++]))
            return fault_set(fault, FAULT_malformed,
                             "allowed_origins: '%.*s' is no origin (https://app.example.com)",
                             TEXT_ARGS(item));
    }
    return true;
}

bool config_read(const struct bus_settings *bus, const struct gateway_settings *settings,
                 struct config *out, struct fault *fault)
{
    memset(out, 0, sizeof *out);
    if (!read_listener(settings, out, fault) || !read_environment(bus, out, fault) ||
        !read_public_url(settings, out, fault) || !read_preview_domain(settings, out, fault) ||
        !read_studio_origins(out, fault) || !read_allowed_origins(settings, out, fault))
        return false;
    if (!text_is_field_value(text_from(settings->x_xss_protection)))
        return wrong(fault, "x_xss_protection holds a control character");
    if (!networks_parse(settings->trusted_proxies, &out->proxies, fault))
        return fault_while(fault, "trusted_proxies");
    return true;
}
