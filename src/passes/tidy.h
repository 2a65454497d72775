/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging what the fold left with its affine neighbors, and removing what changes nothing. */
#ifndef PASSES_TIDY_H
#define PASSES_TIDY_H

#include "passes/decide/remark.h"

bool tidy_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
              struct bnfuse_error *error);

#endif
