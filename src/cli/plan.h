/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call of the program is to do: a list of jobs, each with its operands and the file it writes. One model is a
 * list of one. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "cli/options.h"

struct planned_job {
    const char *const *operands; /* one path or two */
    const char *output;          /* NULL: none */
};

struct plan {
    struct planned_job *jobs;
    size_t count, given; /* jobs of this shard; of the whole command line */
    char *paths;         /* storage of outputs below --out-dir */
};

/* False with *error: no memory, or two models that would be written to one file. Close it in any case. */
bool plan_open(struct plan *plan, const struct settings *settings, bnfuse_error *error);
void plan_close(struct plan *plan);

#endif
