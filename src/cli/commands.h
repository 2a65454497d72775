/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program does when it is asked to do something: one function a command, each a column of library calls. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

/* Runs the command that the settings name. Results go to standard output and to the report files, messages to standard
 * error. */
bnfuse_status command_run(const struct settings *settings);

#endif
