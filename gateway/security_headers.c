/* security_headers.c - the headers that every answer carries.
 *
 * First stage of both roads: refusals carry them too. The app's own answers do not pass here:
 * they live on the app's own origin, and preview_answer.c adds what they need.
 */
#include "gateway/security_headers.h"

#include <stdio.h>

#include "gateway/pipeline.h"

#define API_POLICY                                                                              \
    "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';"       \
    "frame-ancestors 'self';img-src 'self' data: https:;object-src 'none';script-src 'self';"   \
    "script-src-attr 'none';style-src 'self' 'unsafe-inline';connect-src 'self'"

#define SHARED                                                                                  \
    "X-Content-Type-Options: nosniff\r\n"                                                       \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                               \
    "Cross-Origin-Resource-Policy: same-origin\r\n"                                             \
    "Origin-Agent-Cluster: ?1\r\n"                                                              \
    "Referrer-Policy: no-referrer\r\n"                                                          \
    "X-DNS-Prefetch-Control: off\r\n"                                                           \
    "X-Download-Options: noopen\r\n"                                                            \
    "X-Permitted-Cross-Domain-Policies: none\r\n"

static void print_studio_policy(const struct config *config, FILE *out)
{
    fprintf(out, API_POLICY ";frame-src %s://*.%s%s", config->is_public_https ? "https" : "http",
            config->preview_domain, config->preview_port);
}

/* A preview's error page must show inside the studio's frame, and run nothing. */
static void print_page_policy(const struct config *config, FILE *out)
{
    fprintf(out, "default-src 'none';style-src 'unsafe-inline';frame-ancestors 'self'");
    for (uint32_t i = 0; i < config->studio_origin_count; i++)
        fprintf(out, " %s", config->studio_origins[i].text);
}

static void print_policy(const struct config *config, enum audience audience, bool is_https,
                         FILE *out)
{
    fprintf(out, "Content-Security-Policy: ");
    if (audience == FOR_API)
        fprintf(out, API_POLICY);
    else if (audience == FOR_STUDIO)
        print_studio_policy(config, out);
    else
        print_page_policy(config, out);
    fprintf(out, "%s\r\n", is_https ? ";upgrade-insecure-requests" : "");
}

static bool print_set(const struct config *config, const char *x_xss_protection,
                      enum audience audience, bool is_https, struct fixed_headers *out)
{
    char *text = out->text[audience][is_https];
    FILE *file = fmemopen(text, FIXED_HEADERS_SIZE, "w");

    if (!file)
        return false;
    print_policy(config, audience, is_https, file);
    fprintf(file, SHARED "X-XSS-Protection: %s\r\n", x_xss_protection);
    if (audience != FOR_PREVIEW_PAGE)
        fprintf(file, "X-Frame-Options: SAMEORIGIN\r\n");
    if (is_https)
        fprintf(file, "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n");

    long size = ftell(file);
    bool fits = fclose(file) == 0 && size > 0 && size < FIXED_HEADERS_SIZE;
    out->size[audience][is_https] = fits ? (size_t)size : 0;
    return fits;
}

bool security_headers_print(const struct config *config, const char *x_xss_protection,
                            struct fixed_headers *out, struct fault *fault)
{
    for (int audience = 0; audience < AUDIENCES; audience++)
        for (int is_https = 0; is_https < 2; is_https++)
            if (!print_set(config, x_xss_protection, (enum audience)audience, is_https, out))
                return fault_set(fault, FAULT_internal, "the security headers do not fit");

    size_t size = out->size[FOR_API][0] - strlen("\r\n");
    memcpy(out->additional, out->text[FOR_API][0], size);
    out->additional[size] = '\0';
    return true;
}

bool set_security_headers(struct exchange *exchange, struct fault *fault)
{
    (void) fault;
    exchange->answer.audience = exchange->is_preview ? FOR_PREVIEW_PAGE : FOR_API;
    return true;
}
