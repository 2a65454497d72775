/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a value of one of two models, and samples of the arrays that runs gave for it: enough numbers to
 * tell which value of the other model it is. */
#ifndef CHECK_SAMPLE_H
#define CHECK_SAMPLE_H

#include "runtime/array.h"

enum { SAMPLES = 24, MOST_SAMPLED_DRAWS = 3 };

/* What is known of one value. */
struct trace {
    struct value *value;
    uint64_t class, form;  /* form: the class, were its constants told by their types and dims alone */
    struct trace *partner; /* in the other model */
    struct trace *twin;    /* of a value of b: that of a which its samples agree with */
    bool is_guess;
    bool is_given;   /* an input, which has its partner by name or place */
    bool is_matched; /* by its class or its samples */
    bool is_claimed; /* of a value of a: the twin of one of b */
    size_t claims;   /* of a value of a: how many of b are matched with it */
    bool is_alone;   /* of a value of b: its samples led astray, and say nothing any more */
    /* Of the draws that ran. */
    enum dtype type;
    enum store store;
    int rank;
    const int64_t *dims;
    size_t draws;
    bool is_telling; /* enough different numbers to be told by them */
    double scale[MOST_SAMPLED_DRAWS];
    double *samples[MOST_SAMPLED_DRAWS]; /* SAMPLES + 2 of each draw; the mean and the mean size last */
    struct trace *next;
    struct trace *alike; /* of a value of a: the next of its form */
};

/* Keeps samples of an array that a run made; NULL and other dims than before are passed over. */
void trace_sample(struct trace *trace, struct arena *arena, const struct array *array);
/* Whether both have samples, of as many draws, of one shape and of real numbers or one other type. */
bool trace_has_form_of(const struct trace *a, const struct trace *b);
/* The largest difference of two samples, relative to the scale of their draw. */
double trace_distance(const struct trace *a, const struct trace *b);
/* The same, but INFINITY as soon as it is beyond `most`. */
double trace_distance_within(const struct trace *a, const struct trace *b, double most);

#endif
