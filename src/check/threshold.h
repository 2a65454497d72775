/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers of a value hold it against: the constant beside it in a comparison, the keys of a table, the splits
 * of a tree. Numbers drawn at random are hardly ever there, and only there do two thresholds differ. */
#ifndef CHECK_THRESHOLD_H
#define CHECK_THRESHOLD_H

#include "onnx/graph/graph.h"
#include "onnx/read/tensor.h"

enum { MAX_FOLLOWED = 64 };

/* Values that hold the same numbers. */
struct followed {
    const struct value *values[MAX_FOLLOWED];
    size_t count;
};

/* The value, once; NULL is left out. */
void follow(struct followed *followed, const struct value *value);
/* What the reader only moves it to. */
void follow_use(struct followed *followed, const struct use *use);
bool passes_numbers_on(const struct use *use);

struct thresholds {
    struct arena *arena;
    enum dtype precision; /* what they may be rounded to as well; UNDEFINED: nothing */
    struct tensor *list;
    size_t count, space;
};

/* Adds those that the value is held against wherever it is moved to. */
void thresholds_collect(struct thresholds *thresholds, const struct value *value);
/* Whether there are any for an element of this kind. */
bool thresholds_have(const struct thresholds *thresholds, enum kind kind);
/* Whether there are whole numbers among them that are no flags. */
bool thresholds_number(const struct thresholds *thresholds);

/* One of them for an element: random bits say which one, and which element of it, unless that at the same place. It is
 * met, or missed by little: far enough for rounding not to decide. */
struct threshold_choice {
    uint64_t which, element;
    int64_t place;
    bool meets;
};

/* False: there is none of the kind, or none that is met for certain. */
bool thresholds_real(const struct thresholds *thresholds, const struct threshold_choice *choice, double *number);
bool thresholds_whole(const struct thresholds *thresholds, const struct threshold_choice *choice, int64_t *number);
/* NULL: there is none. */
const char *thresholds_text(const struct thresholds *thresholds, const struct threshold_choice *choice);

#endif
