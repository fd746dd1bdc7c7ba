/* audit.c - `isekai audit verify`: hand over to the verifier that lies beside this program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/beside.h"
#include "bus/settings.h"
#include "cli/commands.h"
#include "cli/session.h"

static int verify(const char *data)
{
    char program[PATH_MAX], dir[256];
    struct fault fault;

    if (!beside_program("isekai-audit-verify", program, &fault)) {
        fprintf(stderr, "isekai audit: %s\n", fault.reason);
        return EXIT_SYSTEM;
    }
    (void) snprintf(dir, sizeof dir, "%s/audit", data);
    (void) execl(program, program, dir, (char *)NULL);
    fprintf(stderr, "isekai audit: %s: %s\n", program, strerror(errno));
    return EXIT_SYSTEM;
}

int command_audit(int argc, char **argv)
{
    struct bus_settings bus;
    const struct setting_group groups[] = {{&settings_of_bus, &bus}};
    struct fault fault = {0};
    const char *word = take_word(&argc, argv);
    bool wants_help = argc > 1 && strcmp(argv[argc - 1], "--help") == 0;

    if (!wants_help && (!word || strcmp(word, "verify") != 0)) {
        fprintf(stderr, "usage: isekai audit verify [--setting=value ...]\n");
        return EXIT_MISUSED;
    }
    switch (settings_load_command(groups, 1, "verify", "Check the audit log's files.", argc, argv,
                                  &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai audit: %s\n", fault.reason);
        return EXIT_MISUSED;
    case SETTINGS_LOADED:
        break;
    }
    return verify(bus.isekai_data);
}
