/* SPDX-License-Identifier: Apache-2.0
 *
 * A call of the program: its jobs one after the other, and the reports of them all. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

/* Runs the command that the settings name. Results go to standard output and to the report files, messages to standard
 * error. */
bnfuse_status command_run(const struct settings *settings);

/* A command line that cannot be carried out: says why, in the reports that it asks for too. Its status. */
bnfuse_status command_refuse(const struct settings *settings, const bnfuse_error *why);

/* bnfuse reasons, and bnfuse report, which fails before it writes a report. */
bnfuse_status print_reasons(const struct settings *settings);
bool merge_reports(const struct settings *settings, bnfuse_status *status, bnfuse_error *error);

/* Where text goes: standard error when an output takes standard output. */
FILE *text_stream(const struct settings *settings);
/* Whether the last write to standard output failed because its reader has ended, as in "bnfuse reasons | head". That is
 * no error: further output is discarded. */
bool reader_is_gone(void);

#endif
