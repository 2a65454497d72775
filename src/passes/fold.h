/* SPDX-License-Identifier: Apache-2.0
 *
 * The fold. */
#ifndef PASSES_FOLD_H
#define PASSES_FOLD_H

#include "passes/decide/remark.h"

/* BatchNormalization. */
bool fold_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
              struct bnfuse_error *error);

/* Mul, Add, Sub, Div and Neg by constants. */
bool fold_affines_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                      struct bnfuse_error *error);

#endif
