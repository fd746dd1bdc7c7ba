/* main.c - the command line: the first word names the command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/settings.h"
#include "cli/commands.h"

static const struct {
    const char *name;
    const char *argument;
    const char *doc;
    int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, argument, doc) {#name, argument, doc, command_##name},
#include "cli/commands.def"
#undef COMMAND
};

static void print_help(FILE *out)
{
    fprintf(out, "usage: isekai COMMAND [ARGUMENT] [--setting=value ...]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-9s %-7s  %s\n", commands[i].name, commands[i].argument, commands[i].doc);
    fprintf(out, "\n`isekai COMMAND --help` lists the settings of a command.\n");
}

int main(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        printf("isekai %s\n", ISEKAI_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc >= 2)
        fprintf(stderr, "isekai: there is no command '%s'\n", argv[1]);
    print_help(stderr);
    return EXIT_MISUSED;
}
