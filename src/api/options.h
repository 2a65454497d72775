/* SPDX-License-Identifier: Apache-2.0
 *
 * Options that cross the border of the library: structs that begin with their size, so that either side may be
 * newer. */
#ifndef API_OPTIONS_H
#define API_OPTIONS_H

#include "bnfuse.h"

/* Copies what the caller set over the defaults in `to`, a struct of `known` bytes. A shorter struct comes from an older
 * program, and leaves the rest at its defaults; a longer one may not set what is not known here. NULL: the defaults.
 * False (BNFUSE_USAGE) when the size is none. */
bool options_take(void *to, size_t known, const void *given, struct bnfuse_error *error);

/* Whether a number of threads is none; says so. */
bool threads_are_negative(int threads, struct bnfuse_error *error);

#endif
