/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of every BatchNormalization. A note hangs on each node (node->mark) while passes run; nodes that replace
 * a BatchNormalization inherit its note. */
#ifndef PASSES_FATE_H
#define PASSES_FATE_H

#include "passes/passes.h"

struct note {
    size_t depth;             /* longest way from an input, in nodes; seeds are taken in this order */
    bool was_dead;            /* nobody read its outputs before any pass ran */
    struct fate *fate;        /* NULL for all but BatchNormalization */
};

/* Notes on every node and a fate for every BatchNormalization, as it was loaded. */
bool fates_open(struct net *net, struct pass_report *report, struct bnfuse_error *error);
/* Takes the notes off and counts what is left. */
void fates_close(struct net *net, struct pass_report *report);

/* It went to `where`, by `path` ("backward: Transpose -> MatMul"; "" where there is nothing to tell). Words are copied.
 * Nothing when the node has no fate. */
void fates_tell(const struct node *node, enum outcome outcome, const char *where, const char *path);
/* It stays. Words are copied. */
void fates_stay(const struct node *node, enum reason reason, const char *where, const char *detail, const char *path);
/* The node is about to be removed. */
void fates_forget(struct node *node);

#endif
