/* commands.c - the commands that ask the running service. */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bus/built_in.h"
#include "cli/session.h"
#include "schemas/json.h"

static void print_app(const struct app *app)
{
    printf("%.*s  %-10s  v%-3ju  %.*s\n", TEXT_ARGS(app->id),
           choice_name(&app_status_choices, (int)app->status), (uintmax_t)app->version,
           TEXT_ARGS(app->name));
}

int command_generate(int argc, char **argv)
{
    struct session session;
    struct app app;
    int code;

    if (!session_open(&session, "PROMPT", "Make an app from a sentence.", argc, argv, &code))
        return code;
    const struct generate_request request = {.prompt = text_from(session.word)};
    if (session_ask(&session, &method_apps_generate, NULL, lane_deadline_ms(LANE_LONG), &request,
                    &app)) {
        print_app(&app);
        printf("%.*s\n", TEXT_ARGS(app.preview_url));
        code = EXIT_SUCCESS;
    }
    session_close(&session);
    return code;
}

int command_apps(int argc, char **argv)
{
    struct session session;
    struct list_request request = {.limit = 100, .fields = list_fields_summary};
    struct list_reply page = {0};
    int code;

    if (!session_open(&session, "", "List the apps, newest first.", argc, argv, &code))
        return code;
    do {
        if (!session_ask(&session, &method_store_list, NULL, 5000, &request, &page)) {
            session_close(&session);
            return EXIT_SYSTEM;
        }
        for (uint32_t i = 0; i < page.apps.count; i++)
            print_app(&page.apps.at[i]);
        request.cursor = page.next_cursor;
    } while (page.next_cursor.at);
    if (page.total == 0)
        printf("No app yet. Make one: isekai generate \"Create a CSV viewer app\"\n");
    session_close(&session);
    return EXIT_SUCCESS;
}

int command_logs(int argc, char **argv)
{
    struct session session;
    struct logs_reply reply;
    int code;

    if (!session_open(&session, "ID", "Print what an app wrote.", argc, argv, &code))
        return code;
    const struct logs_request request = {.app_id = text_from(session.word), .tail = 1000};
    if (session_ask(&session, &method_apps_logs, NULL, 5000, &request, &reply)) {
        for (uint32_t i = 0; i < reply.logs.count; i++) {
            char at[JSON_TIME_SIZE];
            json_time(reply.logs.at[i].at, at);
            printf("%s %.*s %.*s\n", at, TEXT_ARGS(reply.logs.at[i].stream),
                   TEXT_ARGS(reply.logs.at[i].line));
        }
        code = EXIT_SUCCESS;
    }
    session_close(&session);
    return code;
}

/* A browser only where there is a screen to show it on. */
static void show(const char *url)
{
    if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
        return;
    (void) fflush(stdout);
    (void) execlp("xdg-open", "xdg-open", url, (char *)NULL);
}

int command_open(int argc, char **argv)
{
    struct session session;
    struct app app;
    char url[512];
    int code;

    if (!session_open(&session, "ID", "Print an app's address.", argc, argv, &code))
        return code;
    const struct app_ref request = {.app_id = text_from(session.word)};
    if (session_ask(&session, &method_store_get, NULL, 5000, &request, &app)) {
        if (app.preview_url.at && text_to_string(app.preview_url, url, sizeof url)) {
            printf("%s\n", url);
            show(url);
            code = EXIT_SUCCESS;
        } else {
            fprintf(stderr, "isekai open: the app is %s; start it first\n",
                    choice_name(&app_status_choices, (int)app.status));
        }
    }
    session_close(&session);
    return code;
}

static bool print_status(struct session *session, const char *actor, const char *service)
{
    const struct nothing request = {0};
    struct ping_reply reply;

    if (!session_ask(session, &method_isekai_ping, service, 2000, &request, &reply)) {
        printf("%-8s  does not answer\n", actor);
        return false;
    }
    printf("%-8s  %-5s  %.*s  %.*s\n", actor, reply.ok ? "ok" : "error",
           TEXT_ARGS(reply.instance), TEXT_ARGS(reply.level));
    return reply.ok;
}

int command_status(int argc, char **argv)
{
    struct session session;
    bool all_well = true;
    int code;

    if (!session_open(&session, "", "Show each process on the bus.", argc, argv, &code))
        return code;
    for (size_t i = 0; i < method_count; i++)       /* rows of one actor stand together */
        if (i == 0 || strcmp(methods[i]->actor, methods[i - 1]->actor) != 0)
            all_well = print_status(&session, methods[i]->actor, methods[i]->service) &&
                       all_well;
    session_close(&session);
    return all_well ? EXIT_SUCCESS : EXIT_SYSTEM;
}
