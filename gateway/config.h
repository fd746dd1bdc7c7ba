/* config.h - the gateway's settings, checked and taken apart once, before anything is opened.
 *
 * Borrows:  the settings, for the life of the process.
 * Fails as: malformed, with a sentence for the operator; the gateway must not start then.
 * Constant after config_read(); any thread.
 */
#ifndef ISEKAI_GATEWAY_CONFIG_H
#define ISEKAI_GATEWAY_CONFIG_H

#include "bus/settings.h"
#include "gateway/address.h"

enum { HOST_SIZE = 256, ORIGIN_SIZE = 280, ORIGINS_MAX = 32, STUDIO_ORIGINS_MAX = 3 };

struct origin { char text[ORIGIN_SIZE]; };      /* scheme://host[:port], lower case */

struct config {
    bool is_production;
    struct address listen_address;
    char listen_host[ADDRESS_TEXT_SIZE];
    unsigned listen_port;
    bool is_public_https;           /* PUBLIC_URL begins with https */
    struct origin public_origin;    /* PUBLIC_URL's, or http://localhost:PORT */
    char public_host[HOST_SIZE];  /* its host, without port */
    char preview_domain[HOST_SIZE];
    char preview_port[8];           /* ":8000", or "" where the scheme's own port serves */
    struct origin studio_origins[STUDIO_ORIGINS_MAX];       /* may frame previews */
    uint32_t studio_origin_count;
    struct origin allowed[ORIGINS_MAX];
    uint32_t allowed_count;
    struct networks proxies;
};

bool config_read(const struct bus_settings *bus, const struct gateway_settings *settings,
                 struct config *out, struct fault *fault);

/* Read an origin strictly: http or https, host, optional port, nothing else. Lower-cased, and
 * a scheme's own port left out. */
bool origin_parse(struct text text, struct origin *out);

/* Take "HOST" or "HOST:PORT" apart (Host header, listener). Lower-cased host; port is 0 when
 * absent. */
bool host_parse(struct text text, char host[HOST_SIZE], unsigned *port);

#endif
