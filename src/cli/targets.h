/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that a command will write, held against those that it reads and against each other, before anything is done. */
#ifndef CLI_TARGETS_H
#define CLI_TARGETS_H

#include "cli/plan.h"

struct targets;

/* The files that the plan's jobs and the reports are written to. NULL, naming two options, when two of them are one
 * file, also through a link, or one is an operand or an input; but a fused model may replace the one it was made from.
 * Free it with targets_close. */
struct targets *targets_open(const struct settings *settings, const struct plan *plan, bnfuse_error *error);
void targets_close(struct targets *targets);
/* Whether no target is a file that this model's bytes come from, its external data included. `job` is the one that the
 * model belongs to. */
bool targets_spare(const struct targets *targets, bnfuse_model *model, size_t job, bnfuse_error *error);
/* Whether any target is there already: only then can it be the external data of another model. */
bool targets_exist(const struct targets *targets);

#endif
