/* SPDX-License-Identifier: Apache-2.0
 *
 * A fold as one line of text: the model, and what must come of it. Statements are separated by ';':
 *
 *     in x 2,3,5,7             a graph input (float, or the case's type; "N,3,?" as in build.h, "-" for a scalar);
 *                              "in x 2,3 int64"
 *     init w 4,3,3,3           an initializer of random values, some negative;  init w 4,3 int32
 *     init8 q 4,3              likewise, int8 between -100 and 100
 *     ints shape 0,-1          an int64 vector;  floats scales 1,1,2,2: a float vector
 *     fill k 1,3,1,1 2.5       an initializer of one value;  fill8: int8;  fill k 3 1 int64
 *     y = Conv x w pads=1,1    a node; words with '=' are attributes (build.h), "_" is an absent input;
 *                              y = com.microsoft:QuickGelu x: one of another domain
 *     y = bn x 4               a BatchNormalization of 4 channels with parameters of its own: scales of both signs
 *     y = bn+ x 4              the same with positive scales;  bn0: no shift;  bn1: the same values in all channels
 *     out y                    a graph output
 *     opset 9, ir 3            before anything else (defaults: 13 and 8)
 *     broken                   first of all: the model is valid and cannot run, before as after; only the outcome
 *                              counts
 *     gone w                   after "broken": what initializer w holds is in a file that cannot be read
 *     says WORDS               in the words on the first that stays (where, detail) these are found
 *     within 1e-7              the results may differ by so much of the largest element (default: 1e-12) */
#ifndef TESTS_FOLD_CASE_H
#define TESTS_FOLD_CASE_H

#include "passes/passes.h"

struct fold_case {
    const char *text;
    int left;           /* BatchNormalization nodes afterwards */
    enum reason reason; /* why the first of those stays; NONE: not looked at */
    const char *ops;    /* all operators afterwards, in file order, between blanks; NULL: not looked at */
    enum dtype type;    /* of the inputs and initializers; 0: float32 */
};

/* Folds, and fails the test unless the outcome is as said, the folded graph computes in double what the other one
 * computes (1e-12 of the largest element), it is valid, folding it again changes nothing, and the order of nodes in the
 * file does not matter. When it simplifies, the two are compared bit for bit in their own types instead, on numbers
 * among which are zeros of both signs, NaN and infinities. NULL: default options. */
void fold_case_run(const struct fold_case *c, const struct bnfuse_fuse_options *options);
/* All of an array. */
#define RUN(cases, options) \
    for (size_t i_ = 0; i_ < sizeof(cases) / sizeof(*cases); i_++) fold_case_run(&cases[i_], options)

#endif
