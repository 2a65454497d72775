/* SPDX-License-Identifier: Apache-2.0
 *
 * How many places a window takes as it slides over the spatial axes: convolutions, pools and what undoes them. */
#ifndef ONNX_SHAPE_SLIDE_H
#define ONNX_SHAPE_SLIDE_H

#include "onnx/shape/rules.h"

#define SLIDE_MAX (SHAPE_MAX_RANK - 2) /* spatial axes */

enum slide_padding { SLIDE_EXPLICIT, SLIDE_SAME, SLIDE_VALID };

/* The attributes of a window, with their defaults. */
struct sliding {
    int space; /* spatial axes */
    enum slide_padding padding;
    bool ceil;
    struct dim kernel[SLIDE_MAX];
    int64_t stride[SLIDE_MAX], dilation[SLIDE_MAX], begin[SLIDE_MAX], end[SLIDE_MAX];
};

/* A list with one entry for each spatial axis, or all `absent`. False when it is of another length, or an entry is
 * less than `least`. */
bool slide_list(const struct shaping *s, const char *name, int count, int64_t absent, int64_t least, int64_t *list);
/* `space` as the inputs tell it, -1 if they do not; the kernel from the attribute, else from `weight` (NULL: none). */
bool slide_read(struct shaping *s, int space, const struct dim *weight, struct sliding *window);
/* How many windows fit along a spatial axis; and what size so many windows came from. */
struct dim slide_dim(struct shaping *s, const struct sliding *window, int axis, struct dim in);
struct dim slide_back(struct shaping *s, const struct sliding *window, int axis, struct dim in, int64_t more);
/* A convolution with the weight at an input. */
bool slide_convolve(struct shaping *s, size_t weight, enum dtype type);
/* The rule of those with the weight at input 1. */
bool shape_conv(struct shaping *s);

#endif
