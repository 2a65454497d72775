/* SPDX-License-Identifier: Apache-2.0
 *
 * Running two nets on the same inputs, again and again: exactly, natively, with noise. What check_fusion and
 * check_compare share. */
#ifndef CHECK_SESSION_H
#define CHECK_SESSION_H

#include "base/name_map.h"
#include "check/check.h"
#include "check/input.h"
#include "check/site.h"

/* One of the two nets, ready to run. */
struct side {
    const struct net *net;
    struct plan *plan;
    const struct pointer_map *sizes; /* what noise leaves alone */
    struct value **given;            /* the main graph's inputs that are fed */
    struct datum *data;              /* parallel */
    size_t given_count;
    struct pointer_map *weights; /* of native runs, where there are several; or NULL */
};

/* The work that a check may take, in shares: one that the whole graphs take leaves the sites theirs. NULL: no limit. */
struct check_work {
    uint64_t run;               /* of one run of a whole graph */
    uint64_t runs, seen, apart; /* left: of all of these; of sites on what a run has shown; of sites apart from it */
};

struct session {
    const struct check_options *options;
    struct arena *arena;               /* of the result */
    struct arena plans, data, scratch; /* of the session; of one set of inputs; of one site */
    struct array_pool pool;
    struct team *team; /* of all runs */
    struct side before, after;
    struct value **inputs;          /* partners in `before` of the inputs of `after`; NULL: those of their names */
    const struct input_set *set;    /* the one in use; NULL: random */
    struct name_map supplied;       /* inputs that some set has data for */
    enum clip clip;                 /* of random inputs */
    bool clipped;                   /* it made some smaller */
    int beyond;                     /* so many draws of anything would give other numbers */
    size_t runs_done, runs_planned; /* for progress */
    struct check_work *work;
};

/* PERTURBED_INPUTS: exactly, but every real input moved by its last bit. PERTURBED_RESULTS: exactly, but what each node
 * computes moved by the rounding of its own type. */
enum precision { EXACT_UNROUNDED, EXACT_ROUNDED, PERTURBED_INPUTS, PERTURBED_RESULTS, NATIVE };

/* The session's memory goes with the arena, or with session_close, whichever comes first. */
struct session *session_open(struct arena *arena, const struct net *before, const struct net *after,
                             const struct check_options *options);
void session_close(struct session *session);

/* Plans the whole graph of both. BNFUSE_UNSUPPORTED when an operator cannot run. */
bool session_plan(struct session *session, struct bnfuse_error *error);

/* Inputs for both sides, from the set and, where it has none, random at this guess and draw. */
bool session_feed(struct session *session, const struct guess *guess, const struct draw *draw, bool *guessed,
                  struct bnfuse_error *error);

/* Makes the user's set `i` the one in use, or none where there are no sets. What was fed from the one before is
 * gone. */
bool session_take(struct session *session, size_t i, struct bnfuse_error *error);

/* Whether everything that the user gave has a name that exists and fits what is declared: what is given is used or
 * refused, never left aside. Goes through all sets, and comes before all else that asks for them. */
bool session_accepts(struct session *session, struct bnfuse_error *error);
/* Whether the user decided anything about the inputs: data, a shape, a size. */
bool is_chosen(const struct session *session);
/* False. A run that failed on what the user decided is a wrong use: nobody else's inputs are tried instead. */
bool refuse_chosen(struct session *session, struct bnfuse_error *error);

/* Gives the result an output for each of the graph's. */
void open_outputs(struct bnfuse_check_result *result, struct arena *arena, const struct graph *graph, double noise);

struct observer {
    bool (*observe)(void *context, struct value *value, struct array *array, struct bnfuse_error *error);
    void *context;
    void (*enter)(void *context, const struct graph *body); /* NULL: not called */
};

/* One run of one side. `outputs` (one for each graph output) come with one owner each. `noise` 0: none. The observer
 * (NULL: none) sees the inputs as well. */
bool session_run(struct session *session, const struct side *side, enum precision precision, uint64_t noise,
                 const struct observer *observer, struct array **outputs, struct bnfuse_error *error);
/* The tolerance of an output: its own or that of all. */
bnfuse_tolerance tolerance_of(const struct check_options *options, const char *output);

/* Whether the user gives data for this value; context is the session, which has accepted them. */
bool is_supplied(const void *session, const struct value *value);
const char *describe_inputs(struct arena *arena, const struct side *side);

/* Runs `before`, keeping every value whose name `b` has, then `b`: the first value (in b's order) that differs by more
 * than `limit`, or NULL. */
const char *first_divergent(struct session *session, double limit);

#endif
