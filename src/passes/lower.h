/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization as Mul and Add, on request. */
#ifndef PASSES_LOWER_H
#define PASSES_LOWER_H

#include "passes/decide/remark.h"

bool lower_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
               struct bnfuse_error *error);

#endif
