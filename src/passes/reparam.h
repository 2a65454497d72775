/* SPDX-License-Identifier: Apache-2.0
 *
 * Convs of one input that are added become one Conv. */
#ifndef PASSES_REPARAM_H
#define PASSES_REPARAM_H

#include "passes/decide/remark.h"

bool reparam_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                 struct bnfuse_error *error);

#endif
