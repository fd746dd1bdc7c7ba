/* main.c - isekai-egress: the way out of one app. The sandbox starts it, as the app's user, when the
 * app asks for a connection, and it ends with the sandbox's end of its control socket.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/sandbox/egress/guard.h"
#include "actors/sandbox/egress/proxy.h"

enum { EXIT_CALLED_WRONG = 64, DESCRIPTORS_OWN = 32, DESCRIPTORS_EACH = 8 };

static bool read_options(char **argv, const struct resolver_files *files, struct proxy_options *out,
                         struct fault *fault)
{
    *out = (struct proxy_options){
        .app_id = argv[EGRESS_ARG_APP],
        .hosts = argv[EGRESS_ARG_HOSTS],
        .connections_max = strtoul(argv[EGRESS_ARG_CONNECTIONS], NULL, 10),
        .idle_ms = (int)strtoul(argv[EGRESS_ARG_IDLE_MS], NULL, 10),
        .files = files,
    };
    if (out->connections_max < 1 || out->connections_max > CONNECTIONS_MAX || out->idle_ms < 1)
        return fault_set(fault, FAULT_malformed, "it is started by the sandbox");
    return ranges_read(argv[EGRESS_ARG_RANGES], &out->allowed, fault);
}

int main(int argc, char **argv)
{
    struct resolver_files files;
    struct proxy_options options;
    struct fault fault = {0};
    struct proxy *proxy;

    if (argc != EGRESS_ARG_COUNT) {
        fprintf(stderr, "isekai-egress: it is started by the sandbox\n");
        return EXIT_CALLED_WRONG;
    }
    (void) signal(SIGPIPE, SIG_IGN);
    /* A connection needs two descriptors, and its resolver some for a moment. */
    if (!read_options(argv, &files, &options, &fault) ||
        !guard_close(DESCRIPTORS_OWN + options.connections_max * DESCRIPTORS_EACH, &files, &fault) ||
        !(proxy = proxy_new(&options, EGRESS_FD_CONTROL, EGRESS_FD_LISTENER, &fault))) {
        fprintf(stderr, "isekai-egress: app=%s %s\n", argv[EGRESS_ARG_APP], fault.reason);
        return EXIT_FAILURE;
    }
    if (!proxy_run(proxy))
        fprintf(stderr, "isekai-egress: app=%s ends: what names are resolved by was exchanged\n", options.app_id);
    _exit(EXIT_SUCCESS);            /* whatever its connections wait for */
}
