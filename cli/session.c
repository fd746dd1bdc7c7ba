/* session.c - open, ask, explain; see session.h. */
#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bus/clock.h"

enum { ARENA_OCTETS_MAX = 64 << 20 };

char *take_word(int *argc, char **argv)
{
    int at = *argc > 1 && strncmp(argv[1], "--", 2) != 0 ? 1 : *argc - 1;
    char *word = at >= 1 && strncmp(argv[at], "--", 2) != 0 ? argv[at] : NULL;

    if (!word)
        return NULL;
    for (int i = at; i < *argc; i++)
        argv[i] = argv[i + 1];
    (*argc)--;
    return word;
}

bool take_errand(int *argc, char **argv, const char *const *verbs, struct errand *out)
{
    *out = (struct errand){NULL, NULL};
    if (*argc < 3 || strncmp(argv[2], "--", 2) == 0)
        return true;
    while (*verbs && strcmp(argv[2], *verbs) != 0)
        verbs++;
    if (*argc < 4 || !*verbs)
        return false;
    *out = (struct errand){argv[2], argv[3]};
    for (int i = 2; i + 2 <= *argc; i++)
        argv[i] = argv[i + 2];
    *argc -= 2;
    return true;
}

bool session_open(struct session *self, const char *argument, const char *purpose, int argc,
                  char **argv, int *exit_code)
{
    const struct setting_group groups[] = {{&settings_of_bus, &self->bus}};
    struct fault fault = {0};
    bool wants_help = argc > 1 && strcmp(argv[argc - 1], "--help") == 0;

    memset(self, 0, sizeof *self);
    *exit_code = EXIT_MISUSED;
    self->word = *argument && !wants_help ? take_word(&argc, argv) : NULL;
    if (*argument && !self->word && !wants_help) {
        fprintf(stderr, "usage: isekai %s %s [--setting=value ...]\n", argv[0], argument);
        return false;
    }
    switch (settings_load_command(groups, 1, argument, purpose, argc, argv, &fault)) {
    case SETTINGS_HELPED:
        *exit_code = EXIT_SUCCESS;
        return false;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai %s: %s\n", argv[0], fault.reason);
        return false;
    case SETTINGS_LOADED:
        break;
    }
    *exit_code = EXIT_SYSTEM;
    self->arena = arena_new(ARENA_OCTETS_MAX);
    self->client = self->arena ? bus_client_new(&self->bus, &fault) : NULL;
    if (self->client)
        return true;
    fprintf(stderr, "isekai %s: %s\n", argv[0], fault.reason);
    session_close(self);
    return false;
}

void session_close(struct session *self)
{
    bus_client_free(self->client);
    arena_free(self->arena);
    self->client = NULL;
    self->arena = NULL;
}

bool session_forget(struct session *self)
{
    arena_free(self->arena);
    self->arena = arena_new(ARENA_OCTETS_MAX);
    if (!self->arena)
        fprintf(stderr, "isekai: no memory\n");
    return self->arena != NULL;
}

static void print_progress(void *self, const struct progress *progress)
{
    (void) self;
    fprintf(stderr, "%.*s...\n", TEXT_ARGS(progress->step));
}

static void explain(struct session *self, const struct fault *fault)
{
    const struct failure *failure = bus_client_failure(self->client, self->arena);

    fprintf(stderr, "isekai: %s", fault_text(fault->kind));
    if (fault->reason[0])
        fprintf(stderr, " (%s)", fault->reason);
    fputc('\n', stderr);
    if (fault->kind == FAULT_unavailable)
        fprintf(stderr, "Is `isekai up` running with --data %s, and may you enter %s?\n",
                self->bus.isekai_data, self->bus.isekai_run);
    for (uint32_t i = 0; failure && i < failure->details.count; i++)
        fprintf(stderr, "  %.*s: %.*s\n", TEXT_ARGS(failure->details.at[i].path),
                TEXT_ARGS(failure->details.at[i].msg));
    for (uint32_t i = 0; failure && i < failure->log.count; i++)
        fprintf(stderr, "  | %.*s\n", TEXT_ARGS(failure->log.at[i].line));
}

bool session_ask(struct session *self, const struct method *method, const char *service,
                 uint32_t within_ms, const void *request, void *reply)
{
    const struct ask ask = {
        .method = method,
        .service = service,
        .deadline_ms = clock_now_ms() + within_ms,
        .progress = isatty(STDERR_FILENO) ? print_progress : NULL,
    };
    struct fault fault = {0};

    if (bus_client_ask(self->client, &ask, request, self->arena, reply, &fault))
        return true;
    explain(self, &fault);
    return false;
}
