/* SPDX-License-Identifier: Apache-2.0
 *
 * Col2Im: what the windows of an image hold, a column each, added back into the image. */
#include "onnx/shape/rules.h"
#include "onnx/shape/slide.h"
#include "runtime/element.h"
#include "runtime/kernel.h"
#include "runtime/math/window.h"
#include "runtime/ops/operators.h"

#include <string.h>

static bool read_columns(struct call *call, const struct array *x, struct window *window)
{
    const int64_t *image, *block;
    int64_t rank = 0, block_rank = 0;
    enum auto_pad mode = PAD_GIVEN;
    if (!x || !(is_real(x) || is_whole(x)) || x->rank != 3) return call_fail(call, "needs columns [N, C * block, L]");
    if (!call_list(call, 1, &image, &rank) || !call_list(call, 2, &block, &block_rank)) return false;
    if (rank < 1 || rank != block_rank || rank + 2 > ARRAY_MAX_RANK)
        return call_fail(call, "has an image of %lld and a block of %lld dimensions", (long long)rank,
                         (long long)block_rank);
    for (int64_t i = 0; i < rank; i++)
        if (image[i] < 0) return call_fail(call, "makes an image of size %lld", (long long)image[i]);
    if (!window_read(call, (int)rank, image, block, window, &mode) || !window_size(call, window, mode, false))
        return false;
    if (x->dims[1] % window->taps || x->dims[2] != window->out_count)
        return call_fail(call, "has %lld rows of %lld columns for windows of %lld at %lld places",
                         (long long)x->dims[1], (long long)x->dims[2], (long long)window->taps,
                         (long long)window->out_count);
    return true;
}

/* The position in the image that place `o` of the window sees through `tap`; -1 in the padding. */
static int64_t seen_through(const struct window *window, int64_t tap, int64_t o)
{
    int64_t at = 0, step = 1;
    for (int axis = window->rank - 1; axis >= 0; axis--) {
        int64_t index = o % window->out[axis] * window->stride[axis] - window->begin[axis]
                        + tap % window->kernel[axis] * window->dilation[axis];
        if (index < 0 || index >= window->in[axis]) return -1;
        at += index * step;
        step *= window->in[axis];
        o /= window->out[axis];
        tap /= window->kernel[axis];
    }
    return at;
}

static bool col2im(struct call *call)
{
    const struct array *x = call_input(call, 0);
    struct window window;
    if (!read_columns(call, x, &window)) return false;
    int64_t dims[ARRAY_MAX_RANK] = { x->dims[0], x->dims[1] / window.taps };
    memcpy(dims + 2, window.in, (size_t)window.rank * sizeof *dims);
    struct array *y = call_output(call, 0, x->type, window.rank + 2, dims);
    double *sums = NEW_ARRAY(call->scratch, double, (size_t)window.in_count);
    if (y->count > 0) CALL_WORK(call, dims[0] * dims[1], window.taps, window.out_count, WORK_ELEMENT);
    for (int64_t plane = 0; y->count > 0 && plane < dims[0] * dims[1]; plane++) {
        memset(sums, 0, (size_t)window.in_count * sizeof *sums);
        for (int64_t i = 0; i < window.taps * window.out_count; i++) {
            int64_t at = seen_through(&window, i / window.out_count, i % window.out_count);
            if (at >= 0) sums[at] += element_real(x, plane * window.taps * window.out_count + i);
        }
        for (int64_t i = 0; i < window.in_count; i++) element_put(y, plane * window.in_count + i, sums[i]);
    }
    return true;
}

/* ---- shapes ---- */

/* [N, C * product of block, blocks] -> [N, C, image...] */
static bool shape_col_to_image(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int64_t block[SLIDE_MAX], space = input_count(s, 1), product = 1;
    const struct dim *image = input_content(s, 1);
    if (space < 1 || space > SLIDE_MAX) return set_type(s, 0, rule_type(s));
    bool known = input_numbers(s, 2, block, SLIDE_MAX) == space;
    for (int i = 0; known && i < space; i++)
        if (!size_multiply(product, block[i], &product) || product == 0) return false;
    dims[0] = shape_first_dim(s, 0);
    dims[1] = shape_channel_dim(s);
    if (known && dims[1].size >= 0 && dims[1].size % product != 0) return false;
    int channels = symbol_divide(s->symbols, dim_symbol(s, dims[1]), symbol_number(s->symbols, product));
    dims[1] = symbol_dim(s, known ? channels : 0);
    for (int i = 0; i < space; i++) {
        int size = image ? image[i].symbol : 0;
        dims[i + 2] = symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size);
    }
    return set_output(s, 0, rule_type(s), (int)space + 2, dims);
}

const struct operator_row col2im_operators[] = {
    { "Col2Im", 18, LATEST, .run = col2im, .complex = COMPLEX_BY_PARTS, .shape = shape_col_to_image,
      .sizes = SLOT(1) | SLOT(2),
      .schemas = SCHEMAS({ 18, LATEST, "Tah[___] i64[k] i64[k] > T", "dilations:N pads:P strides:N" }) },
    { 0 },
};
