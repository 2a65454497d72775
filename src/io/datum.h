/* SPDX-License-Identifier: Apache-2.0
 *
 * A value as it is in a data file: a tensor, a sequence of such, or an absent optional. The bridge between files
 * (npy.h, npz.h, pb.h) and the arrays of a run. Everything lives in the arena it was read into. */
#ifndef IO_DATUM_H
#define IO_DATUM_H

#include "onnx/read/tensor.h"
#include "runtime/run.h"

#define DATUM_MAX_DEPTH 16 /* sequences of sequences beyond this are refused */

enum form { FORM_TENSOR, FORM_SEQUENCE, FORM_ABSENT };

struct datum {
    const char *name; /* as the file has it; "" if it has none */
    enum form form;
    struct tensor tensor; /* FORM_TENSOR */
    enum dtype type;      /* FORM_SEQUENCE: of its elements, as far as known */
    struct datum *items;
    size_t count;
};

/* As a run with these options (exact, pool) would see it; NULL in *array for an absent one. One owner. */
bool array_from_datum(struct array **array, const struct datum *datum, const struct run_options *options,
                      struct bnfuse_error *error);
/* Gives a tensor the type that it is wanted in, where the file could not have it: types that numpy lacks come as wider
 * ones. True when the datum has the type afterwards; any type will do for UNDEFINED, and for what is no tensor. */
bool datum_convert(struct datum *datum, struct arena *arena, enum dtype type);
/* The datum has copies of its own in the arena. `array` may be NULL: absent. */
void datum_from_array(struct datum *datum, struct arena *arena, const char *name, const struct array *array);

#endif
