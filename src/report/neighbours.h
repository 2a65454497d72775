/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes of a model for pictures: which one writes a value, which ones read it.
 *
 * Made from the public header alone. Values are found by name; where two bodies use one name, the first counts. */
#ifndef REPORT_NEIGHBOURS_H
#define REPORT_NEIGHBOURS_H

#include "bnfuse.h"
#include "report/picture.h"

struct neighbours;

/* The model as it was loaded, or as it is now. NULL when there is no memory. Free it with neighbours_close. */
struct neighbours *neighbours_open(bnfuse_model *model, bool fused);
void neighbours_close(struct neighbours *neighbours);

/* Draws the node that writes `value`, what its first input comes from, and up to two readers of its outputs. False,
 * with nothing drawn, when no node writes it. */
bool neighbours_draw(const struct neighbours *neighbours, FILE *to, const char *title, const char *value,
                     enum tone tone);

/* The first output of the first node that reads `value`; NULL when there is none. */
const char *neighbours_reader(const struct neighbours *neighbours, const char *value);

#endif
