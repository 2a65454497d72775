/* SPDX-License-Identifier: Apache-2.0
 *
 * What families that compute on real numbers ask of their inputs. */
#ifndef RUNTIME_MATH_REAL_H
#define RUNTIME_MATH_REAL_H

#include "runtime/kernel.h"

/* Input `slot`, which has to be a real tensor of at least `least_rank` dimensions; fails with a line otherwise. An
 * input that is not `required` may be absent: *array is NULL then. */
bool call_real(struct call *call, size_t slot, const char *name, bool required, int least_rank, struct array **array);
/* The same for a vector of `count` elements. */
bool call_vector(struct call *call, size_t slot, const char *name, bool required, int64_t count, struct array **array);

#endif
