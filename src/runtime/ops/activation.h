/* SPDX-License-Identifier: Apache-2.0
 *
 * Activations that other operators apply by their names. */
#ifndef RUNTIME_OPS_ACTIVATION_H
#define RUNTIME_OPS_ACTIVATION_H

#include "runtime/formula.h"
#include "runtime/ops/elementwise.h"

/* The row of an activation, whose case does not count: of an operator that elementwise_unary runs. NULL: none. */
const struct operator_row *activation_find(const char *name);
/* y after the activation that the attribute `activation` of the call's node names, if any, with its parameters. */
struct array *activation_apply(struct formula *f, struct array *y);

#endif
