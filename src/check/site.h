/* SPDX-License-Identifier: Apache-2.0
 *
 * Sites: what changed between two indexes over one model, found from the graphs alone. Nobody says what was folded, so
 * a wrong rewrite cannot hide behind its own report.
 *
 * A name that exists in both, computed in both, means the same value. Walk back from such a value of `after` to the
 * nearest others: when a node on the way is new or changed, the walk is a site. Constants belong to the site. A node
 * whose body changed is a site of the graph around it too, as a whole. */
#ifndef CHECK_SITE_H
#define CHECK_SITE_H

#include "base/pointer_map.h"
#include "check/check.h"

struct site {
    struct value *value;      /* of after */
    struct value *origin;     /* of before, of the same name */
    size_t given_count;
    struct value **given;     /* where the walk ended, of after */
    struct value **origins;   /* the same values, of before; NULL for one that is not there */
    bool inner;               /* in a body or function: no reference run reaches it */
    bool conditional;         /* in a branch that a run may not take */
    struct bnfuse_site *result;
    /* While the reference run goes on: what has been seen of it. */
    struct array **fed;
    struct array *expected;
    size_t waiting;           /* values still to come */
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

/* Whether `after` still has all outputs of `before`, under their names and computed by something. */
bool outputs_survive(const struct net *before, const struct net *after);

/* How a site is run. */
struct site_runner {
    const struct net *before, *after;
    const struct pointer_map *sizes;  /* of before: what nudging leaves alone */
    struct arena *scratch;    /* emptied after each site */
    struct pool *pool;
    const struct check_options *options;
};

/* Every real element moved by its last bit, up or down; the array itself where it has none. Takes the caller's
 * ownership, and gives that of the result. NULL stays NULL. */
struct array *nudged(struct array *array);
/* Of what an input's last bit does to a result, so many times may be rounding: inner values round as well. */
#define NUDGE_FACTOR 1e3

/* Hands on an error that was held back. False. */
bool pass_error(struct bnfuse_error *error, const struct bnfuse_error *why);

/* Feeds the site what was seen, compares, and lets go of it. The outcome is in site->result. */
bool site_check(const struct site_runner *runner, struct site *site, struct bnfuse_error *error);
/* The same with random data, which `before` and `after` both work on. */
bool site_check_random(const struct site_runner *runner, struct site *site, struct bnfuse_error *error);

#endif
