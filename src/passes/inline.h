/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of local functions that hold a BatchNormalization, or stand between one and its linear operator, replaced by
 * their bodies
 *
 *   f(x, scale, bias, mean, var)   ->   BatchNormalization(x, scale, bias, mean, var)
 *
 * A fold ends at the border of a body, and one body serves all its calls, so that nothing in it could be folded for one
 * of them alone. Done where a linear operator is across the border, as far as movers reach, or inside where the calls
 * pass the parameters. Bodies of If, Loop and Scan are copied along. Stays when no copy can be made (copy.h), or when
 * the function imports another opset than its callers. */
#ifndef PASSES_INLINE_H
#define PASSES_INLINE_H

#include "passes/decide/remark.h"

bool inline_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                struct bnfuse_error *error);

/* Whether it took a body apart that holds an operator which is not known: no run can show that the copies compute what
 * the calls did, so they are held against copies that the same pass makes in the original. */
bool inline_took_unknown(const struct net *net);

#endif
