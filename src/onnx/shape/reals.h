/* SPDX-License-Identifier: Apache-2.0
 *
 * The elements of a small real tensor that a few nodes compute from constants: the scales of a Resize are often a
 * Concat or a Cast of such. Contents (content.h) hold whole numbers as symbols; this follows fractions too, upstream
 * and within a bound. An operator's row says how its elements come about (reals, combine_reals; content_same means the
 * same here). */
#ifndef ONNX_SHAPE_REALS_H
#define ONNX_SHAPE_REALS_H

#include "onnx/shape/rules.h"

/* The elements of an input, of at most `room`; their count, or -1 when they are not known. */
int64_t input_reals(struct shaping *s, size_t slot, double *reals, int64_t room);

/* Rules for the rows. */
reals_rule reals_cast;   /* rounded to the type that the attribute "to" says */
reals_rule reals_joined; /* vectors one after another */
double real_add(double a, double b);
double real_subtract(double a, double b);
double real_multiply(double a, double b);
double real_divide(double a, double b);

#endif
