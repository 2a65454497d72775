/* SPDX-License-Identifier: Apache-2.0
 *
 * Trying an operator: a model of a node or few, run in float and in double, its outputs held against what they must be.
 *
 *     struct trial t;
 *     trial_open(&t, 13);
 *     trial_input(&t, "x", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, 3, 4 });
 *     build_node(&t.build, "ReduceSum", "sum", "x", "y", "keepdims=0");
 *     trial_run(&t, "y");
 *     trial_expect(&t, "y", DTYPE_FLOAT, "", (double[]){ 10 });
 *     trial_close(&t);
 *
 * Whatever goes wrong on the way fails the test, a leak too. */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include "build.h"
#include "runtime/run.h"

#define TRIAL_MOST 16 /* inputs and outputs */

struct trial {
    struct build build;
    struct array_pool pool;
    struct net net;
    struct bnfuse_error error;
    const struct tensor *inputs[TRIAL_MOST];
    struct array *outputs[2][TRIAL_MOST]; /* in float, in double */
    const char *names[TRIAL_MOST];
    size_t input_count, output_count;
    bool exact; /* of the run in progress */
    uint64_t seed;
};

void trial_open(struct trial *t, int64_t opset);
void trial_close(struct trial *t);

/* A graph input with its value. Dims as in "2,3"; "" is a scalar. A NULL dims declares no shape and reads one value.
 * Of a complex type, real and imaginary parts in turn. */
void trial_input(struct trial *t, const char *name, enum dtype type, const char *dims, const double *values);
void trial_text(struct trial *t, const char *name, const char *dims, const char *const *strings);

/* Runs the model for these outputs (names between blanks), which become the graph's. */
void trial_run(struct trial *t, const char *outputs);
/* The same, and it must fail with a message that holds `part`. */
void trial_fails(struct trial *t, const char *outputs, const char *part);

/* What the runs must have made: type, dims and elements, those within 1e-5 (float) and 1e-12 (double) of their size. */
void trial_expect(struct trial *t, const char *name, enum dtype type, const char *dims, const double *values);
void trial_expect_text(struct trial *t, const char *name, const char *dims, const char *const *strings);
/* The array a run made, to look at; NULL for an absent optional. */
const struct array *trial_output(const struct trial *t, const char *name, bool exact);

#endif
