/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of local functions that hold a BatchNormalization, replaced by their bodies
 *
 *   f(x, scale, bias, mean, var)   ->   BatchNormalization(x, scale, bias, mean, var)
 *
 * A fold ends at the border of a body, and one body serves all its calls, so that nothing in it could be folded for one
 * of them alone. Done where some call would let a fold begin: a linear operator outside, as far as movers reach, or one
 * inside where the calls pass the parameters. Stays when the body has bodies of its own, imports another opset than its
 * callers, or hands on an input as it is. */
#ifndef PASSES_INLINE_H
#define PASSES_INLINE_H

#include "passes/decide/remark.h"

bool inline_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                struct bnfuse_error *error);

/* Whether it took a body apart that holds an operator which is not known: no run can show that the copies compute what
 * the calls did, so they are held against copies that the same pass makes in the original. */
bool inline_took_unknown(const struct net *net);

#endif
