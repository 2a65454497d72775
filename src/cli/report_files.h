/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of --junit, --html and their like: gone once the models are read, so that no old report outlives a run that
 * failed, and written whole at its end, also after an error. */
#ifndef CLI_REPORT_FILES_H
#define CLI_REPORT_FILES_H

#include "cli/options.h"

struct report_files {
    char *temporary[REPORT_COUNT]; /* beside its target; NULL: not asked for, or written */
    FILE *streams[REPORT_COUNT];
    bool is_clear; /* what their names referred to is gone */
};

/* Opens a temporary file beside each. False, with nothing open, where one cannot be written (BNFUSE_USAGE, or
 * BNFUSE_INTERNAL without memory). */
bool report_files_open(struct report_files *files, const struct settings *settings, bnfuse_error *error);
/* Removes what is under their names. Only when it is known that no model needs it. */
void report_files_clear(struct report_files *files, const struct settings *settings);
/* Writes them all and gives them their names. */
bool report_files_write(struct report_files *files, const struct settings *settings, const struct run_list *list,
                        bnfuse_error *error);
/* Leaves nothing of those that were not written. */
void report_files_drop(struct report_files *files);

#endif
