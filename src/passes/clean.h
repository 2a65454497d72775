/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing what folding orphaned. */
#ifndef PASSES_CLEAN_H
#define PASSES_CLEAN_H

#include "passes/decide/remark.h"

bool clean_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
               struct bnfuse_error *error);

#endif
