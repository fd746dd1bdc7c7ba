/* session.h - what the commands that ask the running service have in common.
 *
 * Owns:     a session owns its bus client and arena; session_close() accepts a zeroed one.
 * Gives:    session_open() takes the command's one word out of argv (NULL where it takes none),
 *           `argument` being what usage and --help say of its words, and loads the bus settings from the rest; on false it has said why and *exit_code is
 *           the command's.
 */
#ifndef ISEKAI_CLI_SESSION_H
#define ISEKAI_CLI_SESSION_H

#include "bus/client.h"

struct session {
    struct bus_settings bus;
    struct bus_client *client;
    struct arena *arena;
    char *word;
};

bool session_open(struct session *self, const char *argument, const char *purpose, int argc,
                  char **argv, int *exit_code);
void session_close(struct session *self);

/* Ask within `within_ms`; on false the reason, the details and the log lines are on stderr. */
bool session_ask(struct session *self, const struct method *method, const char *service,
                 uint32_t within_ms, const void *request, void *reply);

/* What is to be done to the thing named: `word`, one of `verbs` (a list that NULL ends), and its own
 * word, taken out of argv from behind it. */
struct errand { const char *verb, *word; };

/* True without one as well: verb is NULL then. False: it is none of the verbs, or has no word. */
bool take_errand(int *argc, char **argv, const char *const *verbs, struct errand *out);

/* Let go of what answers so far hold, for who asks often. False, and said, without memory. */
bool session_forget(struct session *self);

/* Take the command's word out of argv: behind the command's name, or last. NULL: not given. */
char *take_word(int *argc, char **argv);

#endif
