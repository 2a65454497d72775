/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution for other families: integer and quantized convolutions are real ones of small whole numbers. */
#ifndef RUNTIME_OPS_CONV_H
#define RUNTIME_OPS_CONV_H

#include "runtime/gradient.h"
#include "runtime/math/window.h"

/* Conv with the call's attributes: x [N, C, ...], w [M, C / group, ...], bias [M] or NULL, all of one real store. The
 * result has x's type. NULL after call_fail. */
struct array *conv(struct call *call, const struct array *x, const struct array *w, const struct array *bias);

/* The window that a Conv or a pool, whose gradient is asked for, slides over `in`, with the padding as it came out;
 * kernel NULL: its attribute says it. */
bool gradient_window(struct backward *b, const struct array *in, const int64_t *kernel, struct window *window);

#endif
