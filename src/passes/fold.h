/* SPDX-License-Identifier: Apache-2.0
 *
 * The fold. */
#ifndef PASSES_FOLD_H
#define PASSES_FOLD_H

#include "passes/decide/remark.h"

/* Says of every BatchNormalization of a model that cannot run as it is, for the types or shapes of a node do not go
 * together, that it stays. */
void fold_nothing(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                  const struct node *wrong);

/* BatchNormalization. */
bool fold_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
              struct bnfuse_error *error);

/* Mul, Add, Sub, Div and Neg by constants. */
bool fold_affines_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                      struct bnfuse_error *error);

#endif
