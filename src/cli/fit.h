/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistakes of a command line that can be seen before any model is loaded. */
#ifndef CLI_FIT_H
#define CLI_FIT_H

#include "cli/options.h"

/* Whether operands and options go together, what is read is there, and what is written has a place. Fills in what takes
 * standard output. */
bool settings_fit(struct settings *settings, bnfuse_error *error);

#endif
