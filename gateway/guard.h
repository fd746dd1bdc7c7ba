/* guard.h - what a request must look like before anybody believes what civetweb read from it.
 *
 * civetweb 1.15 is forgiving where forgiveness is dangerous: it accepts two Hosts, Content-Length
 * beside Transfer-Encoding, `Content-Length : +14abc`, folded lines and bare line feeds, and it
 * drops every header past the 64th. Behind a proxy that reads such a request otherwise, one
 * request becomes two. Its parser leaves the octets where they were received and only writes
 * NULs over separators, so walking from one piece to the next shows what stood between them. Only
 * whether the request line ended in CR LF or in LF and a blank cannot be told from that.
 *
 * Source:   RFC 9112 sections 2.2, 3, 5, 6; RFC 9110 section 5.5.
 * Borrows:  the view's pointers, all into `buffer`, during the call. Reads nothing outside of it.
 * Gives:    how the body is framed, judged by us and not by civetweb.
 * Fails as: bad_request, too_long. The caller must close the connection after either.
 * Allocates nothing; any thread.
 */
#ifndef ISEKAI_GATEWAY_GUARD_H
#define ISEKAI_GATEWAY_GUARD_H

#include "gateway/header.h"
#include "schemas/fault.h"

enum {
    GUARD_HEADERS_MAX = 63,     /* civetweb passes on 64 and is silent about the rest */
    GUARD_URI_OCTETS_MAX = 8192,
};

struct guard_header { const char *name, *value; };

struct guard_view {
    const char *buffer;         /* where this connection's requests are received */
    size_t buffer_size;
    const char *verb;           /* all NUL-terminated */
    const char *uri;
    const char *query;          /* NULL: none */
    const char *version;        /* "1.1": past "HTTP/" */
    const struct guard_header *headers;
    uint32_t header_count;
};

enum { BODY_CHUNKED = -1 };

struct guard_verdict {
    int64_t body_octets;        /* BODY_CHUNKED, or the Content-Length */
    bool is_http_1_0;
};

/* On true *headers holds every header, and *verdict how the body ends. */
bool guard_check(const struct guard_view *view, struct http_headers *headers,
                 struct guard_verdict *verdict, struct fault *fault);

#endif
