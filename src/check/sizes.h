/* SPDX-License-Identifier: Apache-2.0
 *
 * Which constants of a model are sizes rather than weights: the scales of a Resize, the limits of a Range, an index
 * that was stored as a real number, and whatever such a value is computed from. A weight may move by its last bit and
 * nothing much happens; a scale of 2 that becomes a hair less loses a row. */
#ifndef CHECK_SIZES_H
#define CHECK_SIZES_H

#include "base/pointer_map.h"
#include "onnx/graph/graph.h"

/* The values (struct value) that are sizes, as a set in the arena. */
struct pointer_map *sizes_find(const struct net *net, struct arena *arena);

#endif
