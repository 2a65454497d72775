/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that a command will write, held against those that it reads and against each other, before anything is done. */
#ifndef CLI_TARGETS_H
#define CLI_TARGETS_H

#include "cli/options.h"

/* False, naming the two options, when a target is one of the sources (the model, its external data, inputs), also
 * through a link, or another target; but -o of fuse may name the model itself. `model` and `other` are NULL when they are not
 * loaded yet: then their external data are not known. */
bool targets_are_free(const struct settings *settings, bnfuse_model *model, bnfuse_model *other, bnfuse_error *error);

#endif
