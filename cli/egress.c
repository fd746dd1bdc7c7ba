/* egress.c - isekai egress: what an app may reach and what it tried; a host is allowed or refused from now
 * on, with port 443 unless another is named.
 *
 *   isekai egress ID             isekai egress ID allow HOST[:PORT]           isekai egress ID revoke HOST[:PORT]
 */
#include "cli/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "schemas/host.h"
#include "schemas/json.h"

enum { ANSWER_MS = 5000, PORT_HTTPS = 443, PORT_MAX = 65535 };

static const char *const verbs[] = {"allow", "revoke", NULL};
static const char words[] = "ID [allow HOST[:PORT] | revoke HOST[:PORT]]";

/* "HOST", "HOST:PORT" or "[IPv6]:PORT"; what has more colons than one, and no brackets, is an address. */
static bool read_place(const char *word, struct egress_request *out)
{
    char host[HOST_SIZE];
    const char *close = *word == '[' ? strchr(word, ']') : NULL;
    const char *colon = close ? strchr(close, ':') : strchr(word, ':');
    char *end = "";

    if (!close && colon && strchr(colon + 1, ':'))
        colon = NULL;
    if (close && close[1] != '\0' && colon != close + 1)
        return false;
    const char *from = close ? word + 1 : word;
    size_t size = close ? (size_t)(close - from) : colon ? (size_t)(colon - from) : strlen(from);
    out->host = (struct text){from, size};
    out->port = colon && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10)
              : colon ? 0 : PORT_HTTPS;
    return host_pattern_read(out->host, host) && *end == '\0' && out->port >= 1 &&
           out->port <= PORT_MAX;
}

static void print_one(const char *what, struct text host, uint64_t port)
{
    bool has_colon = host.size > 0 && memchr(host.at, ':', host.size);

    printf("%-11s  %s%.*s%s:%" PRIu64, what, has_colon ? "[" : "", TEXT_ARGS(host),
           has_colon ? "]" : "", port);
}

static void print(const struct egress_reply *reply)
{
    char at[JSON_TIME_SIZE];

    for (uint32_t i = 0; i < reply->grants.count; i++) {
        const struct egress_grant *grant = &reply->grants.at[i];
        json_time(grant->granted_at, at);
        print_one("allowed", grant->host, grant->port);
        printf("  since %s\n", at);
    }
    for (uint32_t i = 0; i < reply->attempts.count; i++) {
        const struct egress_attempt *attempt = &reply->attempts.at[i];
        json_time(attempt->last_at, at);
        print_one(choice_name(&egress_outcome_choices, (int)attempt->outcome), attempt->host,
                  attempt->port);
        printf("  tried x%" PRIu64 ", last %s\n", attempt->count, at);
    }
    if (reply->others > 0)
        printf("and %" PRIu64 " attempts at other hosts\n", reply->others);
}

static int run(struct session *session, const struct errand *errand)
{
    struct egress_request request = {.app_id = text_from(session->word)};
    const struct app_ref app = {.app_id = request.app_id};
    const struct method *method = &method_apps_egress;
    struct egress_reply reply;

    if (errand->verb && !read_place(errand->word, &request)) {
        fprintf(stderr, "isekai egress: '%s' is no HOST[:PORT]: a name, *. and a domain of two labels, "
                "or an address; an IPv6 address with a port as [ADDRESS]:PORT\n", errand->word);
        return EXIT_MISUSED;
    }
    if (errand->verb)
        method = strcmp(errand->verb, "allow") == 0 ? &method_apps_egress_grant
                                                    : &method_apps_egress_revoke;
    if (!session_ask(session, method, NULL, ANSWER_MS,
                     errand->verb ? (const void *)&request : (const void *)&app, &reply))
        return EXIT_SYSTEM;
    print(&reply);
    return EXIT_SUCCESS;
}

int command_egress(int argc, char **argv)
{
    struct session session;
    struct errand errand;
    int code;

    if (!take_errand(&argc, argv, verbs, &errand)) {
        fprintf(stderr, "usage: isekai egress %s [--setting=value ...]\n", words);
        return EXIT_MISUSED;
    }
    if (!session_open(&session, words, "Show what an app may reach and what it tried; allow or "
                      "revoke a host.", argc, argv, &code))
        return code;
    code = run(&session, &errand);
    session_close(&session);
    return code;
}
