/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of the engine, for the engine and for what is not of one node: equal constants, unused things. */
#ifndef PASSES_SIMPLIFY_ENGINE_H
#define PASSES_SIMPLIFY_ENGINE_H

#include "base/pointer_map.h"
#include "passes/simplify/rewrite.h"
#include "runtime/array.h"

#define SMALL_BYTES 128 /* so many may a constant take beyond what goes for it, and is counted */

/* A node of the worklist. */
struct item {
    struct node *node;
    const char *name;
    const struct rows *rows;           /* that look at it; NULL before it is asked */
    struct item *next;                 /* in the table of what is computed (common.c), with a hash that is near */
    uint32_t hash;                     /* there */
    uint32_t nesting, depth, position; /* in the list of nodes: nodes with a smaller one stand before it */
    bool is_known;                     /* it stands in that table */
    bool is_pending, is_gone;
    bool varies;     /* no constants are all that it rests on, as far as was asked; private to constants.c */
    bool was_unread; /* before anything was rewritten */
};

struct wave {
    struct item **items;
    size_t count, room;
};

struct simplifier {
    struct net *net;
    const struct bnfuse_fuse_options *options;
    struct pass_report *report;
    struct arena scratch;
    struct pointer_map rows; /* by row: who looks at it */
    struct wave next, done;  /* done is empty: a list to be filled again */
    struct array_pool pool;  /* of constants that are computed */
    struct known {           /* nodes by what they compute (common.c) */
        struct item **heads;
        size_t capacity, count;
    } known;
    struct pointer_map defined; /* names of the file, by graph (declarations.c) */
    uint8_t *chunks[2];         /* of constants that are compared */
    size_t rewrite_room;
    bool made_constants;
    uint64_t work_left; /* for constants that are computed, and lists that grow */
    const struct rewrite *running;
    const char *where;        /* it says that what goes has gone there */
    struct pointer_map terms; /* formulas that were read, by text (forms.c) */
};

void rewrite_remark(struct simplifier *s, const char *name, const struct node *node, const char *title,
                    const char *where);
void rewrite_remove(struct simplifier *s, struct node *node);
/* Whether nobody reads the node, and it is none that may have to stay all the same. */
bool may_go_unread(const struct node *node);

#endif
