/* SPDX-License-Identifier: Apache-2.0
 *
 * The passes in their running order, and the runner. */
#ifndef PASSES_PASSES_H
#define PASSES_PASSES_H

#include "passes/decide/remark.h"

/* Once before remarks are opened for what it made; in rounds until nothing changes; once afterwards. */
enum pass_time { PASS_FIRST = 1, PASS_REPEATED = 2, PASS_LAST = 4 };

struct pass {
    struct bnfuse_pass is; /* name, place in the order, whether it runs only on request */
    bool (*run)(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                struct bnfuse_error *error);
    int times; /* a set of pass_time */
};

extern const struct pass passes[];
extern const size_t pass_count;

/* Runs all passes to their fixed point. The report lives in the net's arena. */
bool passes_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                struct bnfuse_error *error);

#endif
