/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside a plan: schedules, one for the part of the graph that is run and one for each body that its nodes run,
 * function calls included (each call has its own, for its attributes differ). Values are numbered slots of their
 * schedule. */
#ifndef RUNTIME_PLAN_H
#define RUNTIME_PLAN_H

#include "runtime/run.h"

#define NO_SLOT ((size_t)-1)

struct step {
    const struct node *node;  /* of the index; a copy where a function's attributes were filled in */
    size_t *inputs, *outputs; /* slots, parallel to the node's; NO_SLOT: absent */
    struct schedule **bodies; /* parallel to node->inner */
    struct schedule *function;
    struct step *follower; /* the next step, which joins others (epilogue.h), if nobody else reads output 0; or NULL */
    size_t *release;       /* slots without a reader after this step */
    size_t release_count;
};

/* A value of the surrounding schedule that a body reads. */
struct capture {
    struct value *value;
    size_t outer, slot;
};

struct schedule {
    const struct graph *graph; /* NULL for the plan's own: its values may be of several graphs */
    struct value **values;     /* by slot */
    size_t slot_count;
    struct step **steps; /* in the order of execution */
    size_t step_count;
    size_t *inputs, *outputs; /* slots of what is given and wanted */
    size_t input_count, output_count;
    struct capture *captures;
    size_t capture_count;
};

struct plan {
    const struct net *net;
    struct schedule *schedule;
};

#endif
