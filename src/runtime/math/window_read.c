/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: attributes to geometry. */
#include "runtime/math/window.h"

#include <string.h>

#define WINDOW_LIMIT (INT64_C(1) << 31) /* of every attribute: products of two then fit */

static bool read_each(struct call *call, const char *name, int entries, int64_t absent, int64_t lowest, int64_t *to)
{
    const int64_t *values;
    size_t count = node_ints(call->node, name, &values);
    for (int i = 0; i < entries; i++) to[i] = absent;
    if (count == 0) return true;
    if (count != (size_t)entries) return call_fail(call, "%s has %zu entries, must have %d", name, count, entries);
    for (int i = 0; i < entries; i++) {
        if (values[i] < lowest || values[i] > WINDOW_LIMIT)
            return call_fail(call, "%s holds %lld, which is no size", name, (long long)values[i]);
        to[i] = values[i];
    }
    return true;
}

static bool read_pads(struct call *call, struct window *window)
{
    int64_t pads[2 * ARRAY_MAX_RANK];
    const size_t rank = (size_t)window->rank;
    if (!read_each(call, "pads", 2 * window->rank, 0, 0, pads)) return false;
    memcpy(window->begin, pads, rank * sizeof *pads);
    memcpy(window->end, pads + rank, rank * sizeof *pads);
    return true;
}

static bool read_mode(struct call *call, enum auto_pad *mode)
{
    static const char *const names[] = { "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID" };
    const char *given = node_text(call->node, "auto_pad", "NOTSET"), *text = *given ? given : names[0];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *mode = (enum auto_pad)i;
            return true;
        }
    return call_fail(call, "auto_pad \"%s\" is not known", text);
}

bool window_read(struct call *call, int rank, const int64_t *in, const int64_t *kernel, struct window *window,
                 enum auto_pad *mode)
{
    *window = (struct window){ .rank = rank, .in_count = 1, .out_count = 1, .taps = 1 };
    if (!read_each(call, "kernel_shape", rank, 0, 1, window->kernel)) return false;
    for (int i = 0; i < rank; i++) {
        int64_t size = kernel ? kernel[i] : window->kernel[i];
        if (window->kernel[i] && window->kernel[i] != size)
            return call_fail(call, "kernel_shape is %lld along spatial axis %d, the weight has %lld",
                             (long long)window->kernel[i], i, (long long)size);
        if (size < 1 || size > WINDOW_LIMIT) return call_fail(call, "the kernel is empty along spatial axis %d", i);
        window->kernel[i] = size;
        window->in[i] = in[i];
        if (in[i] > WINDOW_LIMIT || !size_multiply(window->taps, size, &window->taps)
            || !size_multiply(window->in_count, in[i], &window->in_count))
            return call_fail(call, "spatial axis %d is too large", i);
    }
    return read_each(call, "strides", rank, 1, 1, window->stride)
           && read_each(call, "dilations", rank, 1, 1, window->dilation) && read_mode(call, mode)
           && (*mode != PAD_GIVEN || read_pads(call, window));
}

/* Padding that makes out = ceil(in / stride); an odd rest goes where the mode says. */
static void pad_to_same(struct window *window, int axis, bool lower)
{
    int64_t reach = (window->kernel[axis] - 1) * window->dilation[axis] + 1;
    int64_t out = (window->in[axis] + window->stride[axis] - 1) / window->stride[axis];
    int64_t total = (out - 1) * window->stride[axis] + reach - window->in[axis];
    if (total < 0 || out == 0) total = 0;
    window->begin[axis] = lower ? total - total / 2 : total / 2;
    window->end[axis] = total - window->begin[axis];
}

/* One more than the number of steps from the first window to the last. Rounded up, the last window still starts inside
 * the input or the padding before it. */
static int64_t size_along(const struct window *window, int axis, bool up)
{
    int64_t stride = window->stride[axis], start = window->in[axis] + window->begin[axis];
    int64_t rest = start + window->end[axis] - (window->kernel[axis] - 1) * window->dilation[axis] - 1;
    if (rest < 0) return up && rest > -stride && start > 0 ? 1 : 0;
    int64_t out = (up ? rest + stride - 1 : rest) / stride + 1;
    return up && (out - 1) * stride >= start ? out - 1 : out;
}

bool window_size(struct call *call, struct window *window, enum auto_pad mode, bool up)
{
    window->out_count = 1;
    for (int i = 0; i < window->rank; i++) {
        bool same = mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER;
        if (same) pad_to_same(window, i, mode == PAD_SAME_LOWER);
        window->out[i] = same && window->in[i] == 0 ? 0 : size_along(window, i, up && !same);
        if (window->out[i] == 0 && window->in[i] > 0)
            return call_fail(call, "the window is larger than the padded input along spatial axis %d", i);
        if (!size_multiply(window->out_count, window->out[i], &window->out_count))
            return call_fail(call, "the output is too large");
    }
    return true;
}
