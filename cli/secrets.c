/* secrets.c - isekai secrets: names are listed, and a value is read from standard input, never from an
 * argument, which others could see.
 *
 *   isekai secrets ID            isekai secrets ID set NAME < FILE            isekai secrets ID remove NAME
 */
#include "cli/commands.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bus/settings.h"
#include "cli/session.h"
#include "schemas/json.h"

enum { ANSWER_MS = 5000 };

static const char *const verbs[] = {"set", "remove", NULL};
static const char words[] = "ID [set NAME | remove NAME]";

static int print_names(struct session *session)
{
    const struct app_ref request = {.app_id = text_from(session->word)};
    struct secrets_reply reply;
    char at[JSON_TIME_SIZE];

    if (!session_ask(session, &method_apps_secrets, NULL, ANSWER_MS, &request, &reply))
        return EXIT_SYSTEM;
    for (uint32_t i = 0; i < reply.secrets.count; i++) {
        json_time(reply.secrets.at[i].set_at, at);
        printf("%s  %.*s\n", at, TEXT_ARGS(reply.secrets.at[i].name));
    }
    return EXIT_SUCCESS;
}

/* The whole of standard input but for one line's end, which an editor or echo has added. One octet more
 * than may be is read, so that too long a value is refused, not cut. */
static struct text read_value(char out[SECRET_VALUE_OCTETS_MAX + 2])
{
    size_t size = 0;
    ssize_t more;

    while (size < SECRET_VALUE_OCTETS_MAX + 2 &&
           ((more = read(STDIN_FILENO, out + size, SECRET_VALUE_OCTETS_MAX + 2 - size)) > 0 ||
            (more < 0 && errno == EINTR)))
        size += more > 0 ? (size_t)more : 0;
    return (struct text){out, size > 0 && out[size - 1] == '\n' ? size - 1 : size};
}

static int set(struct session *session, const char *name)
{
    char octets[SECRET_VALUE_OCTETS_MAX + 2];
    const struct secret secret = {.name = text_from(name), .value = read_value(octets)};
    const struct secrets_set_request request = {.app_id = text_from(session->word),
                                                .secrets = {&secret, 1}};
    struct secrets_reply reply;
    int code = EXIT_MISUSED;

    if (!text_is_secret_name(secret.name) || !text_is_secret_value(secret.value) ||
        text_code_points(secret.value) == SIZE_MAX)
        fprintf(stderr, "isekai secrets: a name is 1 to %d of A-Z, 0-9 and _, a letter first; a "
                "value is 1 to %d octets of UTF-8\n", SECRET_NAME_MAX, SECRET_VALUE_OCTETS_MAX);
    else
        code = session_ask(session, &method_apps_secrets_set, NULL, lane_deadline_ms(LANE_LONG),
                           &request, &reply) ? EXIT_SUCCESS : EXIT_SYSTEM;
    sodium_memzero(octets, sizeof octets);
    return code;
}

static int remove_one(struct session *session, const char *name)
{
    const struct secrets_remove_request request = {.app_id = text_from(session->word),
                                                   .name = text_from(name)};
    struct nothing reply;

    if (!text_is_secret_name(request.name)) {
        fprintf(stderr, "isekai secrets: a name is 1 to %d of A-Z, 0-9 and _, a letter first\n",
                SECRET_NAME_MAX);
        return EXIT_MISUSED;
    }
    return session_ask(session, &method_apps_secrets_remove, NULL, lane_deadline_ms(LANE_LONG),
                       &request, &reply) ? EXIT_SUCCESS : EXIT_SYSTEM;
}

int command_secrets(int argc, char **argv)
{
    struct session session;
    struct errand errand;
    int code;

    if (!take_errand(&argc, argv, verbs, &errand)) {
        fprintf(stderr, "usage: isekai secrets %s [--setting=value ...]\n"
                "The value to set is read from standard input.\n", words);
        return EXIT_MISUSED;
    }
    if (!session_open(&session, words, "List, set (value from standard input) or remove an app's "
                      "secrets.", argc, argv, &code))
        return code;
    code = !errand.verb ? print_names(&session)
         : strcmp(errand.verb, "set") == 0 ? set(&session, errand.word)
                                           : remove_one(&session, errand.word);
    session_close(&session);
    return code;
}
