/* commands.h - what `isekai` can do: a table of commands, printed by --help.
 *
 * A command gets the words behind its name; options are the settings of schemas/settings.def.
 * Gives an exit code of bus/settings.h.
 */
#ifndef ISEKAI_CLI_COMMANDS_H
#define ISEKAI_CLI_COMMANDS_H

#define COMMAND(name, argument, doc) int command_##name(int argc, char **argv);
#include "cli/commands.def"
#undef COMMAND

#endif
