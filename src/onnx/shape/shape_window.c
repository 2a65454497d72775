/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what slides a window over space, or resamples it: Conv, ConvTranspose, pools, Resize, RoiAlign, ... */
#include "onnx/shape/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SPACE (SHAPE_MAX_RANK - 2)

enum padding { PAD_EXPLICIT, PAD_SAME, PAD_VALID };

/* The attributes of a window, with their defaults. */
struct window {
    int space; /* spatial axes */
    enum padding padding;
    bool ceil;
    struct dim kernel[MAX_SPACE];
    int64_t stride[MAX_SPACE], dilation[MAX_SPACE], begin[MAX_SPACE], end[MAX_SPACE];
};

static enum padding read_padding(const struct shaping *s)
{
    const char *text = node_text(s->node, "auto_pad", "NOTSET");
    if (strcmp(text, "SAME_UPPER") == 0 || strcmp(text, "SAME_LOWER") == 0) return PAD_SAME;
    return strcmp(text, "VALID") == 0 ? PAD_VALID : PAD_EXPLICIT;
}

/* A list with one entry for each spatial axis, or all `absent`. */
static bool read_list(const struct shaping *s, const char *name, int count, int64_t absent, int64_t least,
                      int64_t *list)
{
    const int64_t *values;
    size_t listed = node_ints(s->node, name, &values);
    if (listed && listed != (size_t)count) return false;
    for (int i = 0; i < count; i++) {
        list[i] = listed ? values[i] : absent;
        if (list[i] < least || llabs(list[i]) > INT32_MAX) return false;
    }
    return true;
}

/* `space` as the inputs tell it, -1 if they do not; the kernel from the attribute, else from `weight` (NULL: none). */
static bool read_window(struct shaping *s, int space, const struct dim *weight, struct window *window)
{
    const int64_t *values;
    size_t listed = node_ints(s->node, "kernel_shape", &values);
    int64_t kernel[MAX_SPACE], pads[2 * MAX_SPACE];
    *window = (struct window){ .space = space < 0 ? (int)(listed > MAX_SPACE ? 0 : listed) : space,
                               .padding = read_padding(s),
                               .ceil = node_int(s->node, "ceil_mode", 0) != 0 };
    if (window->space < 1 || (!listed && !weight)) return false;
    if (!read_list(s, "kernel_shape", window->space, 1, 1, kernel)) return false;
    for (int i = 0; i < window->space; i++) window->kernel[i] = listed ? number_dim(kernel[i]) : weight[i + 2];
    if (!read_list(s, "strides", window->space, 1, 1, window->stride)
        || !read_list(s, "dilations", window->space, 1, 1, window->dilation)
        || !read_list(s, "pads", 2 * window->space, 0, -INT32_MAX, pads))
        return false;
    for (int i = 0; i < window->space && window->padding == PAD_EXPLICIT; i++) {
        window->begin[i] = pads[i];
        window->end[i] = pads[i + window->space];
    }
    return true;
}

/* (kernel - 1) * dilation + 1 */
static int extent(struct shaping *s, const struct window *window, int axis)
{
    struct dim reach = scale_dim(s, add_to_dim(s, window->kernel[axis], -1), window->dilation[axis]);
    return dim_symbol(s, add_to_dim(s, reach, 1));
}

/* How many windows fit. With ceil_mode the last may hang over the end; one that would start beyond the input is dropped
 * for certain since opset 22 only, so where that makes a difference before, the size is left open. */
static struct dim slide(struct shaping *s, const struct window *window, int axis, struct dim in)
{
    struct symbols *symbols = s->symbols;
    int stride = symbol_number(symbols, window->stride[axis]), one = symbol_number(symbols, 1);
    int size = dim_symbol(s, in);
    if (window->padding == PAD_SAME) return symbol_dim(s, symbol_divide_up(symbols, size, stride));
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
    if (window->padding == PAD_VALID || !symbol_is_number(symbols, symbol_subtract(symbols, last, limit), &beyond))
        return fresh_dim(s);
    if (beyond < 0) return symbol_dim(s, hang);
    return s->node->opset >= 22 ? symbol_dim(s, fit) : fresh_dim(s);
}

/* Where the weight is and what the result's type is differs between the kinds of convolution. */
static bool convolve(struct shaping *s, size_t weight, enum dtype type)
{
    struct window window;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), weight_rank = input_rank(s, weight);
    if (rank < 0 && weight_rank < 0) return set_type(s, 0, type);
    if (rank >= 0 && weight_rank >= 0 && rank != weight_rank) return false;
    const struct dim *weight_dims = weight_rank >= 0 ? input_dims(s, weight) : NULL;
    if (rank < 0) rank = weight_rank;
    if (rank < 3) return false;
    dims[0] = input_rank(s, 0) >= 0 ? input_dim(s, 0, 0) : fresh_dim(s);
    dims[1] = weight_dims ? weight_dims[0] : fresh_dim(s);
    if (weight_dims && input_rank(s, 0) >= 0) {
        struct dim channels = scale_dim(s, weight_dims[1], node_int(s->node, "group", 1)), merged;
        if (channels.size < -1 || !merge_dims(channels, input_dim(s, 0, 1), &merged)) return false;
    }
    const int64_t *listed;
    bool kernel_known = weight_dims || node_ints(s->node, "kernel_shape", &listed);
    if (kernel_known && !read_window(s, rank - 2, weight_dims, &window)) return false;
    for (int i = 2; i < rank; i++)
        dims[i] = kernel_known && input_rank(s, 0) >= 0 ? slide(s, &window, i - 2, input_dim(s, 0, i)) : fresh_dim(s);
    return set_output(s, 0, type, rank, dims);
}

static bool conv(struct shaping *s)
{
    return convolve(s, 1, common_type(s, 2));
}

static bool quantized_conv(struct shaping *s)
{
    return convolve(s, 3, rule_type(s));
}

/* stride * (in - 1) + output_padding + extent - pads */
static struct dim spread(struct shaping *s, const struct window *window, int axis, struct dim in, int64_t more)
{
    struct dim stretched = scale_dim(s, in, window->stride[axis]);
    if (window->padding == PAD_SAME) return stretched;
    int64_t rest = more - window->stride[axis] - window->begin[axis] - window->end[axis];
    int size = symbol_add(s->symbols, dim_symbol(s, stretched), extent(s, window, axis));
    return symbol_dim(s, symbol_add(s->symbols, size, symbol_number(s->symbols, rest)));
}

static bool conv_transpose(struct shaping *s)
{
    struct window window;
    struct dim dims[SHAPE_MAX_RANK];
    const int64_t *shape;
    int64_t more[MAX_SPACE];
    int rank = input_rank(s, 0), weight_rank = input_rank(s, 1);
    size_t listed = node_ints(s->node, "output_shape", &shape);
    if (rank < 0 && weight_rank < 0) return set_type(s, 0, common_type(s, 2));
    if (rank >= 0 && weight_rank >= 0 && rank != weight_rank) return false;
    const struct dim *weight = weight_rank >= 0 ? input_dims(s, 1) : NULL;
    if (rank < 0) rank = weight_rank;
    if (rank < 3) return false;
    if (!weight) return set_rank(s, 0, common_type(s, 2), rank);
    if (!read_window(s, rank - 2, weight, &window) || !read_list(s, "output_padding", window.space, 0, 0, more))
        return false;
    dims[0] = input_rank(s, 0) >= 0 ? input_dim(s, 0, 0) : fresh_dim(s);
    dims[1] = scale_dim(s, weight[1], node_int(s->node, "group", 1));
    struct dim merged;
    if (input_rank(s, 0) >= 0 && !merge_dims(weight[0], input_dim(s, 0, 1), &merged)) return false;
    for (int i = 0; i < window.space; i++) {
        if (listed == (size_t)window.space) dims[i + 2] = number_dim(shape[i]);
        else if (listed || input_rank(s, 0) < 0) dims[i + 2] = fresh_dim(s);
        else dims[i + 2] = spread(s, &window, i, input_dim(s, 0, i + 2), more[i]);
    }
    return set_output(s, 0, common_type(s, 2), rank, dims);
}

static bool pool(struct shaping *s)
{
    struct window window;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    if (rank >= 0 && rank < 3) return false;
    if (!read_window(s, rank - 2, NULL, &window)) return rank < 0 ? set_type(s, 0, rule_type(s)) : false;
    for (int i = 0; i < window.space + 2; i++)
        dims[i] = rank < 0 ? fresh_dim(s) : i < 2 ? input_dim(s, 0, i) : slide(s, &window, i - 2, input_dim(s, 0, i));
    return set_output(s, 0, rule_type(s), window.space + 2, dims)
           && set_output(s, 1, DTYPE_INT64, window.space + 2, dims);
}

static bool global_pool(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    for (int i = 0; i < rank; i++) dims[i] = i < 2 ? input_dim(s, 0, i) : number_dim(1);
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool max_unpool(struct shaping *s)
{
    struct window window;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    const struct dim *sizes = input_content(s, 2);
    if (rank < 3) return rank < 0 ? set_type(s, 0, rule_type(s)) : false;
    if (!read_window(s, rank - 2, NULL, &window) || (sizes && input_count(s, 2) != rank)) return false;
    for (int i = 0; i < rank; i++) {
        if (node_input(s->node, 2))
            dims[i] = symbol_dim(s, sizes && symbol_minimum(s->symbols, sizes[i].symbol) >= 0 ? sizes[i].symbol : 0);
        else dims[i] = i < 2 ? input_dim(s, 0, i) : spread(s, &window, i - 2, input_dim(s, 0, i), 0);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* Resampling */

/* floor(in * scale), unless float and double disagree about it. */
static struct dim scaled_dim(struct shaping *s, struct dim dim, double scale)
{
    if (!(scale > 0 && scale < INT32_MAX)) return number_dim(-1);
    if (scale == floor(scale)) return scale_dim(s, dim, (int64_t)scale);
    if (dim.size < 0 || dim.size > INT32_MAX) return fresh_dim(s);
    double exact = floor((double)dim.size * scale), single = floor((double)((float)dim.size * (float)scale));
    return exact == single ? number_dim((int64_t)exact) : fresh_dim(s);
}

/* The axes that scales and sizes are for: all, or those listed (opset 18). */
static bool resize_axes(const struct shaping *s, int rank, struct axes *axes)
{
    bool marked[SHAPE_MAX_RANK];
    axes_from_attribute(s, "axes", axes);
    if (axes->known == AXES_ABSENT)
        for (; axes->count < rank; axes->count++) axes->at[axes->count] = axes->count;
    return axes->known != AXES_UNKNOWN && mark_axes(axes, rank, marked);
}

/* False when an input is there and is not the empty list that some write for "absent". */
static bool is_absent(const struct shaping *s, size_t slot)
{
    return !node_input(s->node, slot) || input_count(s, slot) == 0;
}

static bool scale_by(struct shaping *s, const struct axes *axes, const double *scales, struct dim *dims)
{
    int rank = input_rank(s, 0), axis;
    for (int i = 0; i < axes->count; i++) {
        normal_axis(axes->at[i], rank, &axis);
        dims[axis] = scales ? scaled_dim(s, dims[axis], scales[i]) : fresh_dim(s);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* With a policy the sizes are bounds, and what comes out depends on all of them. */
static bool size_to(struct shaping *s, const struct axes *axes, size_t slot, struct dim *dims)
{
    int rank = input_rank(s, 0), axis;
    const struct dim *sizes = input_content(s, slot);
    bool exactly = strcmp(node_text(s->node, "keep_aspect_ratio_policy", "stretch"), "stretch") == 0;
    if (sizes && input_count(s, slot) != axes->count) return false;
    for (int i = 0; i < axes->count; i++) {
        int size = sizes && exactly ? sizes[i].symbol : 0;
        normal_axis(axes->at[i], rank, &axis);
        dims[axis] = symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool resize_by(struct shaping *s, size_t scales_slot, size_t sizes_slot)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    double scales[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    if (rank < 0) return set_type(s, 0, rule_type(s));
    if (!resize_axes(s, rank, &axes)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    if (sizes_slot && !is_absent(s, sizes_slot)) return size_to(s, &axes, sizes_slot, dims);
    struct value *value = node_input(s->node, scales_slot);
    const struct tensor *tensor = value ? value_constant(value) : NULL;
    if (!tensor) return scale_by(s, &axes, NULL, dims);
    bool read = tensor->count == axes.count && dtype_kind(tensor->type) == KIND_REAL
                && tensor_read_real(tensor, 0, tensor->count, scales, NULL);
    return read && scale_by(s, &axes, scales, dims);
}

static bool resize(struct shaping *s)
{
    return resize_by(s, 2, 3);
}

static bool scale_by_input(struct shaping *s)
{
    return resize_by(s, 1, 0);
}

static bool scale_by_attribute(struct shaping *s)
{
    const float *listed;
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    double scales[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    size_t count = node_floats(s->node, "scales", &listed);
    if (rank < 0) return set_type(s, 0, rule_type(s));
    if (count != (size_t)rank || !resize_axes(s, rank, &axes)) return false;
    for (size_t i = 0; i < count; i++) scales[i] = (double)listed[i];
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    return scale_by(s, &axes, scales, dims);
}

/* [N, C] of the data, space of the grid. */
static bool grid_sample(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), grid = input_rank(s, 1);
    if (rank < 0 || grid < 0) return set_rank(s, 0, rule_type(s), rank < 0 ? grid : rank);
    if (rank != grid || rank < 3) return false;
    for (int i = 0; i < rank; i++) dims[i] = i < 2 ? input_dim(s, 0, i) : input_dim(s, 1, i - 1);
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* (N, C, space...) -> (N, space..., number of spatial axes) */
static bool affine_grid(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int64_t rank = input_count(s, 1);
    const struct dim *sizes = input_content(s, 1);
    if (rank < 3 || rank > SHAPE_MAX_RANK) return rank < 0 ? set_type(s, 0, rule_type(s)) : false;
    for (int i = 0; i < rank - 1; i++) {
        int size = sizes ? sizes[i == 0 ? 0 : i + 1].symbol : 0;
        dims[i] = symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size);
    }
    dims[rank - 1] = number_dim(rank - 2);
    return set_output(s, 0, rule_type(s), (int)rank, dims);
}

/* Regions */

static struct dim first_dim(struct shaping *s, size_t slot)
{
    return input_rank(s, slot) > 0 ? input_dim(s, slot, 0) : fresh_dim(s);
}

static struct dim channel_dim(struct shaping *s)
{
    return input_rank(s, 0) > 1 ? input_dim(s, 0, 1) : fresh_dim(s);
}

static bool roi_align(struct shaping *s)
{
    struct dim dims[4] = { first_dim(s, 1), channel_dim(s), number_dim(node_int(s->node, "output_height", 1)),
                           number_dim(node_int(s->node, "output_width", 1)) };
    return set_output(s, 0, rule_type(s), 4, dims);
}

static bool max_roi_pool(struct shaping *s)
{
    const int64_t *shape;
    if (node_ints(s->node, "pooled_shape", &shape) != 2) return false;
    struct dim dims[4] = { first_dim(s, 1), channel_dim(s), number_dim(shape[0]), number_dim(shape[1]) };
    return set_output(s, 0, rule_type(s), 4, dims);
}

static bool non_max_suppression(struct shaping *s)
{
    struct dim dims[2] = { fresh_dim(s), number_dim(3) };
    return set_output(s, 0, DTYPE_INT64, 2, dims);
}

/* [N, C * product of block, blocks] -> [N, C, image...] */
static bool col_to_image(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int64_t block[MAX_SPACE], space = input_count(s, 1), product = 1;
    const struct dim *image = input_content(s, 1);
    if (space < 1 || space > MAX_SPACE) return set_type(s, 0, rule_type(s));
    bool known = input_numbers(s, 2, block, MAX_SPACE) == space;
    for (int i = 0; known && i < space; i++)
        if (!size_multiply(product, block[i], &product) || product == 0) return false;
    dims[0] = first_dim(s, 0);
    dims[1] = channel_dim(s);
    if (known && dims[1].size >= 0 && dims[1].size % product != 0) return false;
    int channels = symbol_divide(s->symbols, dim_symbol(s, dims[1]), symbol_number(s->symbols, product));
    dims[1] = symbol_dim(s, known ? channels : 0);
    for (int i = 0; i < space; i++) {
        int size = image ? image[i].symbol : 0;
        dims[i + 2] = symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size);
    }
    return set_output(s, 0, rule_type(s), (int)space + 2, dims);
}

const struct shape_rule shape_window_rules[] = {
    { "AffineGrid", 20, SHAPE_LATEST, .infer = affine_grid },
    { "AveragePool", 1, SHAPE_LATEST, .infer = pool },
    { "Col2Im", 18, SHAPE_LATEST, .infer = col_to_image },
    { "Conv", 1, SHAPE_LATEST, .infer = conv },
    { "ConvInteger", 10, SHAPE_LATEST, .infer = conv, .type = DTYPE_INT32 },
    { "ConvTranspose", 1, SHAPE_LATEST, .infer = conv_transpose },
    { "DeformConv", 19, SHAPE_LATEST, .infer = conv },
    { "GlobalAveragePool", 1, SHAPE_LATEST, .infer = global_pool },
    { "GlobalLpPool", 1, SHAPE_LATEST, .infer = global_pool },
    { "GlobalMaxPool", 1, SHAPE_LATEST, .infer = global_pool },
    { "GridSample", 16, SHAPE_LATEST, .infer = grid_sample },
    { "LpPool", 1, SHAPE_LATEST, .infer = pool },
    { "MaxPool", 1, SHAPE_LATEST, .infer = pool },
    { "MaxRoiPool", 1, SHAPE_LATEST, .infer = max_roi_pool },
    { "MaxUnpool", 9, SHAPE_LATEST, .infer = max_unpool },
    { "NonMaxSuppression", 10, SHAPE_LATEST, .infer = non_max_suppression },
    { "QLinearConv", 10, SHAPE_LATEST, .infer = quantized_conv, .slot = 7 },
    { "Resize", 10, 10, .infer = scale_by_input },
    { "Resize", 11, SHAPE_LATEST, .infer = resize },
    { "RoiAlign", 10, SHAPE_LATEST, .infer = roi_align },
    { "Upsample", 7, 8, .infer = scale_by_attribute },
    { "Upsample", 9, 9, .infer = scale_by_input },
    { 0 }
};
