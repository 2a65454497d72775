/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program does when it is asked to do something: one function a command, each a column of library calls. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

/* Runs the command that the settings name. Results go to standard output and to the report files, messages to standard
 * error. */
bnfuse_status command_run(const struct settings *settings);

/* A command line that cannot be carried out: says why, in the reports that it asks for too. Its status. */
bnfuse_status command_refuse(const struct settings *settings, const bnfuse_error *why);

#endif
