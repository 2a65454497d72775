/* SPDX-License-Identifier: Apache-2.0
 *
 * The passes in their running order, and the runner. */
#ifndef PASSES_PASSES_H
#define PASSES_PASSES_H

#include "passes/decide/options.h"
#include "passes/decide/remark.h"

struct pass {
    const char *name; /* command-line name */
    bool optional;    /* runs only when asked for */
    bool (*run)(struct net *net, const struct pass_options *options, struct pass_report *report,
                struct bnfuse_error *error);
    const char *why_here;
};

extern const struct pass passes[];
extern const size_t pass_count;

/* Runs all passes to their fixed point. The report lives in the net's arena. */
bool passes_run(struct net *net, const struct pass_options *options, struct pass_report *report,
                struct bnfuse_error *error);

#endif
