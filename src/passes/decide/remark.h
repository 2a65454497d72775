/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of every BatchNormalization. Each node has a remark (node->mark) while passes run; nodes that replace
 * a BatchNormalization inherit its note. */
#ifndef PASSES_DECIDE_REMARK_H
#define PASSES_DECIDE_REMARK_H

#include "base/pointer_map.h"
#include "onnx/graph/graph.h"
#include "passes/decide/reasons.h"

struct words;

struct pass_report {
    struct arena *notes_arena;      /* of the notes and of `unread`, until remarks_close */
    struct bnfuse_remark **remarks; /* of the model as it was loaded, in file order, bodies and functions included */
    size_t remark_count;
    size_t convs_merged;                       /* into others that they are added to */
    size_t chains_folded;                      /* of Mul, Add, Sub, Div and Neg: roots of folds of their own */
    struct bnfuse_affines_left **affines_left; /* of those that stay, by reason */
    size_t affines_left_count;
    size_t affines_folded;       /* Mul, Add, Sub, Div and Neg that went into a linear operator or another affine */
    struct constants *constants; /* while passes run */
    size_t *all_visits;          /* see struct decision */
    bool is_late;                /* the folds that change most are allowed, as nothing simpler is left */
    size_t left;                 /* BatchNormalization nodes in the model afterwards */
    int64_t multiply_adds_saved; /* per run, where shapes are known */
    uint64_t grown;              /* bytes of clones and computed constants */
    const char **notes;          /* further lines worth telling, e.g. dead nodes removed */
    size_t note_count;
    struct bnfuse_rewrite **rewrites; /* of simplifying, in the order they were made */
    size_t rewrite_count;
    size_t simplified_at;      /* edits of the net when simplifying last ended, and one; 0: it has not run */
    struct pointer_map unread; /* initializers that nobody read before any pass ran */
};

struct note {
    size_t depth;                 /* longest way from an input, in nodes; roots are taken in this order */
    bool was_dead;                /* nobody read its outputs before any pass ran */
    bool was_late;                /* when it was last left where it is: see fold.c */
    size_t edits_before;          /* of the net, likewise, and one, but idle ones; 0: it has not been asked about */
    struct bnfuse_remark *remark; /* NULL for all but BatchNormalization */
    enum reason affine;           /* why it stays, of a Mul, Add, Sub, Div or Neg by constants */
};

/* Notes on every node and a remark for every BatchNormalization, as it was loaded. */
bool remarks_open(struct net *net, struct pass_report *report, struct bnfuse_error *error);
/* Takes the notes off and counts what is left. */
void remarks_close(struct net *net, struct pass_report *report);

/* It went to `where`, by `path` ("upstream: Transpose -> MatMul"; "" where there is nothing to tell). Words are copied.
 * Nothing when the node has no remark. */
void remark_applied(const struct node *node, enum bnfuse_outcome outcome, const char *where, const char *path);
/* It went, and nothing took its place. */
void remark_removed(const struct node *node, const char *why);
/* It stays. Words are copied, but for the help, a constant. Nothing for Mul and Add, even where a BatchNormalization
 * left them. */
void remark_missed(const struct node *node, enum reason reason, const struct words *words, const char *path);
/* A root that is no BatchNormalization stays; such are only counted. */
void remark_affine(const struct node *node, enum reason reason);
/* A copy takes the place of a node that goes: its remark is the copy's, and so is its turn as a root. */
void remark_move(struct node *node, struct node *copy);
/* A new node stands for what is left of another: it has the same remark, and a turn of its own. */
void remark_share(struct node *node, const struct node *from);
/* A new node takes the place of another, of which everything has been told: it has the turn of an affine node. */
void remark_follow(struct node *node, const struct node *from);
/* The node is about to be removed. */
void remark_forget(struct node *node);

#endif
