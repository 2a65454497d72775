/* SPDX-License-Identifier: Apache-2.0
 *
 * Sites: what changed between two indexes over one model, found from the graphs alone. Nobody says what was folded, so
 * a wrong rewrite cannot be hidden by its own report.
 *
 * A name that exists in both, computed in both, means the same value. Walk back from such a value of `after` to the
 * nearest others: when a node on the way is new or changed, the walk is a site. Constants belong to the site. A node
 * whose body changed is a site of the graph around it too, as a whole; where nothing else changed, the sites in the
 * body prove as much. */
#ifndef CHECK_SITE_H
#define CHECK_SITE_H

#include "base/pointer_map.h"
#include "check/check.h"

struct site {
    struct value *value;  /* of after */
    struct value *origin; /* of before, of the same name */
    size_t given_count;
    struct value **given;   /* where the walk ended, of after */
    struct value **origins; /* the same values, of before; NULL for one that is not there */
    bool inner;             /* in a body or function: no reference run sees its values */
    bool keeps_bits;        /* no edit on the way may change a bit */
    bool is_idealized;      /* an edit on the way took a stored number for one that it is the rounding of */
    bool is_proven;         /* on small tensors, apart from all runs */
    bool is_misstored;      /* its weights as stored are not those that were computed, rounded */
    bool is_damaged;        /* they are, and that costs more than the last place of the original's explains */
    bool is_passed_over; /* one output of too many of a large node: its inputs are not listed, and nothing proves it */
    bool only_within;    /* nothing changed but in bodies and functions whose outputs kept their names */
    struct bnfuse_site *result;
    /* Of two unrelated models (pair.h). */
    bool is_guess;          /* nothing but names or places say that the two values are the same */
    struct site *hidden_by; /* what reads them is paired, and gives the same for values that differ; NULL: none */
    bool is_hidden;         /* likewise, also where that is an output without a site */
    bool hides;             /* some site is hidden by this one */
    bool is_alive;          /* of one that hides: every element of the value moved from trial to trial */
    bool is_curved;         /* something on the way gives the same for inputs that differ */
    bool is_tied;           /* its inputs follow from what neither part reads, so only what was seen goes together */
    bool is_mistaken;       /* it differs by more than the weights explain */
    struct datum *witness;  /* of a mistake: what was fed, and the first model's result last; NULL: none */
    double reach;           /* the largest number stored in a small constant on the way */
    enum dtype type;        /* of the value in the first model */
    /* What has been seen of the reference run. */
    struct array **fed;
    struct array *expected;
    size_t waiting; /* values still to come */
    struct site *next;
};

/* `is_supplied` says of a value with an initializer that the user gives data for it, so that it is no constant. */
struct site_finder {
    const struct net *before, *after;
    struct arena *arena;
    bool (*is_supplied)(const void *context, const struct value *value);
    const void *context;
};

/* The sites in file order; NULL: nothing changed. Uses the marks of both nets, and leaves them NULL. */
struct site *sites_find(const struct site_finder *finder);

/* Whether nothing but constants goes into the value, by a short way: what a Resize is told, not what a net computes.
 * The parameter of a function with one call is what that call gives it, as it is for the passes. `varying` remembers
 * values of which it is not so, for what is computed from them; NULL: nothing is remembered. */
bool site_is_constant(struct value *value, struct pointer_map *varying);
/* The same where sizes that are known before anything runs count as constants, too: no run gives it other numbers. */
bool site_is_fixed(struct value *value);

/* Whether two values have one name; or neither is there. */
bool same_name(const struct value *a, const struct value *b);
/* Whether `after` still has all outputs of `before`, under their names and computed by something. */
bool outputs_survive(const struct net *before, const struct net *after);

#endif
