/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes of a model for pictures: which one writes a value, which ones read it.
 *
 * Made from the public header alone. Values are found by name; where two bodies use one name, the first counts. A few
 * nodes of a model are enough for the pictures of some places: those that neighbors_mark has marked. */
#ifndef REPORT_NEIGHBORS_H
#define REPORT_NEIGHBORS_H

#include "bnfuse.h"
#include "report/picture.h"

struct neighbors;

/* The model as it was loaded, or as it is now. NULL when there is no memory. Free it with neighbors_close. */
struct neighbors *neighbors_open(bnfuse_model *model, bool fused);
/* The same of these nodes, in the order of their file; the nodes live longer. */
struct neighbors *neighbors_of_nodes(const bnfuse_node *const *nodes, size_t count);
void neighbors_close(struct neighbors *neighbors);

/* The value to draw where `value` of the model `of` is meant: itself, or the nearest value downstream of it that a node
 * of `on` writes. NULL when there is none. */
const char *neighbors_find(const struct neighbors *of, const struct neighbors *on, const char *value);

/* Draws the node that writes `value`, what its first input comes from, and up to two readers of its outputs. */
void neighbors_draw(const struct neighbors *neighbors, FILE *to, const char *title, const char *value, enum tone tone);

/* Marks the nodes that neighbors_find and neighbors_draw look at for the value. */
void neighbors_mark(struct neighbors *of, struct neighbors *on, const char *value);
/* The next marked node from place *i on, which goes beyond it; NULL at the end. */
const bnfuse_node *neighbors_marked(const struct neighbors *neighbors, size_t *i);

#endif
