/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows over dims that may be unknown. */
#include "onnx/shape/slide.h"

#include <stdlib.h>
#include <string.h>

static enum slide_padding read_padding(const struct shaping *s)
{
    const char *text = node_text(s->node, "auto_pad", "NOTSET");
    if (strcmp(text, "SAME_UPPER") == 0 || strcmp(text, "SAME_LOWER") == 0) return SLIDE_SAME;
    return strcmp(text, "VALID") == 0 ? SLIDE_VALID : SLIDE_EXPLICIT;
}

/* A list with one entry for each spatial axis, or all `absent`. */
bool slide_list(const struct shaping *s, const char *name, int count, int64_t absent, int64_t least, int64_t *list)
{
    const int64_t *values;
    size_t listed = node_ints(s->node, name, &values);
    if (node_attribute(s->node, name) && listed != (size_t)count) return false;
    for (int i = 0; i < count; i++) {
        list[i] = listed ? values[i] : absent;
        if (list[i] < least || llabs(list[i]) > INT32_MAX) return false;
    }
    return true;
}

/* `space` as the inputs tell it, -1 if they do not; the kernel from the attribute, else from `weight` (NULL: none). */
bool slide_read(struct shaping *s, int space, const struct dim *weight, struct sliding *window)
{
    const int64_t *values;
    size_t listed = node_ints(s->node, "kernel_shape", &values);
    int64_t kernel[SLIDE_MAX], pads[2 * SLIDE_MAX];
    *window = (struct sliding){ .space = space < 0 ? (int)(listed > SLIDE_MAX ? 0 : listed) : space,
                                .padding = read_padding(s),
                                .ceil = node_int(s->node, "ceil_mode", 0) != 0 };
    if (window->space < 1 || (!listed && !weight)) return false;
    if (!slide_list(s, "kernel_shape", window->space, 1, 1, kernel)) return false;
    for (int i = 0; i < window->space; i++) {
        window->kernel[i] = listed ? number_dim(kernel[i]) : weight[i + 2];
        if (weight && !merge_dims(window->kernel[i], weight[i + 2], &window->kernel[i])) return false;
        if (window->kernel[i].size == 0) return false;
    }
    if (!slide_list(s, "strides", window->space, 1, 1, window->stride)
        || !slide_list(s, "dilations", window->space, 1, 1, window->dilation)
        || !slide_list(s, "pads", 2 * window->space, 0, -INT32_MAX, pads))
        return false;
    /* Where both say what the padding is, runtimes refuse convolutions, and take pools whose pads are zeros. */
    const bool is_explicit = window->padding == SLIDE_EXPLICIT;
    if (weight && !is_explicit && node_attribute(s->node, "pads")) return false;
    for (int i = 0; i < 2 * window->space && !is_explicit; i++)
        if (pads[i]) return false;
    for (int i = 0; i < window->space && is_explicit; i++) {
        window->begin[i] = pads[i];
        window->end[i] = pads[i + window->space];
    }
    return true;
}

/* (kernel - 1) * dilation + 1 */
static int extent(struct shaping *s, const struct sliding *window, int axis)
{
    struct dim reach = scale_dim(s, add_to_dim(s, window->kernel[axis], -1), window->dilation[axis]);
    return dim_symbol(s, add_to_dim(s, reach, 1));
}

/* How many windows fit. With ceil_mode the last may hang over the end; one that would start beyond the input is dropped
 * for certain since opset 22 only, so where that makes a difference before, the size is left open. */
struct dim slide_dim(struct shaping *s, const struct sliding *window, int axis, struct dim in)
{
    struct symbols *symbols = s->symbols;
    int stride = symbol_number(symbols, window->stride[axis]), one = symbol_number(symbols, 1);
    int size = dim_symbol(s, in);
    if (window->padding == SLIDE_SAME) return symbol_dim(s, symbol_divide_up(symbols, size, stride));
    int padded = symbol_add(symbols, size, symbol_number(symbols, window->begin[axis] + window->end[axis]));
    int room = symbol_subtract(symbols, padded, extent(s, window, axis));
    int fit = symbol_add(symbols, symbol_divide(symbols, room, stride), one);
    int64_t number;
    if (symbol_is_number(symbols, room, &number) && number < 0) return number_dim(-1);
    int hang = symbol_add(symbols, symbol_divide_up(symbols, room, stride), one);
    if (!window->ceil || fit == hang) return symbol_dim(s, fit);
    int last = symbol_multiply(symbols, symbol_subtract(symbols, hang, one), stride);
    int limit = symbol_add(symbols, size, symbol_number(symbols, window->begin[axis]));
    int64_t beyond;
    if (window->padding == SLIDE_VALID || !symbol_is_number(symbols, symbol_subtract(symbols, last, limit), &beyond))
        return fresh_dim(s);
    if (beyond < 0) return symbol_dim(s, hang);
    return s->node->opset >= 22 ? symbol_dim(s, fit) : fresh_dim(s);
}

/* Where the weight is and what the result's type is differs between the kinds of convolution. */
bool slide_convolve(struct shaping *s, size_t weight, enum dtype type)
{
    struct sliding window;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), weight_rank = input_rank(s, weight);
    if (rank < 0 && weight_rank < 0) return set_type(s, 0, type);
    if (rank >= 0 && weight_rank >= 0 && rank != weight_rank) return false;
    const struct dim *weight_dims = weight_rank >= 0 ? input_dims(s, weight) : NULL;
    if (rank < 0) rank = weight_rank;
    if (rank < 3) return false;
    dims[0] = input_rank(s, 0) >= 0 ? input_dim(s, 0, 0) : fresh_dim(s);
    dims[1] = weight_dims ? weight_dims[0] : fresh_dim(s);
    const int64_t group = node_int(s->node, "group", 1);
    if (weight_dims && (group < 1 || (weight_dims[0].size > 0 && weight_dims[0].size % group))) return false;
    if (weight_dims && input_rank(s, 0) >= 0) {
        struct dim channels = scale_dim(s, weight_dims[1], group), merged;
        if (channels.size < -1 || !merge_dims(channels, input_dim(s, 0, 1), &merged)) return false;
    }
    const int64_t *listed;
    bool kernel_known = weight_dims || node_ints(s->node, "kernel_shape", &listed);
    if (kernel_known && !slide_read(s, rank - 2, weight_dims, &window)) return false;
    for (int i = 2; i < rank; i++)
        dims[i] =
            kernel_known && input_rank(s, 0) >= 0 ? slide_dim(s, &window, i - 2, input_dim(s, 0, i)) : fresh_dim(s);
    return set_output(s, 0, type, rank, dims);
}

bool shape_conv(struct shaping *s)
{
    return slide_convolve(s, 1, common_type(s, 2));
}

/* stride * (in - 1) + output_padding + extent - pads */
struct dim slide_back(struct shaping *s, const struct sliding *window, int axis, struct dim in, int64_t more)
{
    struct dim stretched = scale_dim(s, in, window->stride[axis]);
    if (window->padding == SLIDE_SAME) return stretched;
    int64_t rest = more - window->stride[axis] - window->begin[axis] - window->end[axis];
    int size = symbol_add(s->symbols, dim_symbol(s, stretched), extent(s, window, axis));
    return symbol_dim(s, symbol_add(s->symbols, size, symbol_number(s->symbols, rest)));
}
