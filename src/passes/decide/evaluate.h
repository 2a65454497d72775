/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants that must be computed: Cast, Transpose, ConstantOfShape, arithmetic of constants. What value_constant
 * cannot see through is run once, by the runtime, in double, within a budget; the result is remembered. */
#ifndef PASSES_DECIDE_EVALUATE_H
#define PASSES_DECIDE_EVALUATE_H

#include "base/pointer_map.h"
#include "onnx/graph/graph.h"

struct constants;

/* For all passes over a net. `limit`: bytes that all computed constants together may take. In the arena. */
struct constants *constants_open(struct arena *arena, uint64_t limit);
void constants_close(struct constants *constants);
/* After a pass: what was found is remembered in the values' marks, which are cleared, and the next pass has a share of
 * work of its own. */
void constants_forget(struct constants *constants);

/* The constant, or NULL: not constant, or (*over_budget) too large to compute. In the arena of `constants`. */
const struct tensor *constant_find(struct constants *constants, struct value *value, bool *over_budget);
/* The same where it does not matter that what is quantized is computed: of parameters that are few. */
const struct tensor *constant_find_expanded(struct constants *constants, struct value *value, bool *over_budget);

/* What is made of stored tensors, which never change, for whoever asks next, in whatever pass: by a tensor, and in an
 * arena that has room for `doubles` more; NULL when it has not. Where little room is left, all of it is let go of: by
 * constants_make_room, when nothing points there. */
struct pointer_map *constants_known(struct constants *constants);
struct arena *constants_room(struct constants *constants, int64_t doubles);
void constants_make_room(struct constants *constants);

/* Where a pass keeps what it made of constants, by a hash of its own, so that equal folds of a shared weight are made
 * once. */
struct pointer_map *constants_folds(struct constants *constants);

/* Bytes of the stored tensors that the value is, or is computed from. */
uint64_t constant_stored_bytes(struct value *value);

/* Bytes of computed constants that went into the model so far count against the limit. */
bool constants_fit(const struct constants *constants, uint64_t bytes);
bool constants_fit_doubles(const struct constants *constants, int64_t count);
void constants_spend(struct constants *constants, uint64_t bytes);
uint64_t constants_spent(const struct constants *constants);

/* What depended on what a run is given may be constant by now: rewrites put what they know in the place of a value. */
void constants_look_again(struct net *net);

#endif
