/* SPDX-License-Identifier: Apache-2.0
 *
 * What the families of com.microsoft's attention share. */
#ifndef RUNTIME_OPS_FUSED_ATTENTION_H
#define RUNTIME_OPS_FUSED_ATTENTION_H

#include "runtime/formula.h"

/* [batch, steps, features] or [batch, heads, steps, size], as the latter. */
struct array *heads_apart(struct formula *f, struct array *x, int64_t heads);
/* [batch, heads, steps, size] as [batch, steps, heads * size]. */
struct array *heads_together(struct formula *f, struct array *x);

#endif
