/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization in training mode over a batch of one, on request (--enable instance)
 *
 *   BN(x, scale, bias, ...)   ->   InstanceNormalization(x, scale, bias)
 *
 * Exact: the statistics of one sample's plane are those of the batch. Stays unless the batch is declared as 1, the
 * input has a plane (rank 3 or more), scale and bias are of the input's type, and nobody reads the running
 * statistics. */
#ifndef PASSES_INSTANCE_H
#define PASSES_INSTANCE_H

#include "passes/decide/remark.h"

bool instance_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                  struct bnfuse_error *error);

#endif
