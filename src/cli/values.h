/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments of options, from text into the settings. */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include "cli/options.h"

/* Stores the argument of an option (NULL where it has none) as the row says. False with *error when it is none. */
bool option_apply(struct settings *settings, const struct option_row *row, const char *argument, bnfuse_error *error);
/* Appends to a list that has room for the whole command line. */
void add_name(bnfuse_names *list, const char *name);
/* The lists of --dim and --shape, once all options are read, into settings->check. */
bool parse_dims(struct settings *settings, bnfuse_error *error);
bool parse_shapes(struct settings *settings, bnfuse_error *error);
void free_dims(struct settings *settings);
void free_shapes(struct settings *settings);

#endif
