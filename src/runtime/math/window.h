/* SPDX-License-Identifier: Apache-2.0
 *
 * The geometry that convolutions and pools share, and planes laid out without strides for it.
 *
 * A window of taps slides over the spatial axes. Along an axis, output o sees through tap t the position
 * o * stride + t * dilation of the padded input. Unstriding a channel sorts its positions by their remainder (phase)
 * modulo the stride, padding included, so that the positions that one tap shows to neighboring outputs are side by
 * side, whatever stride and dilation are. Every tap then is one offset into the unstrided channel, and a whole plane of
 * outputs one long vector: output (o0, o1, ...) is at o0 * pitch[0] + o1 * pitch[1] + ... from there. */
#ifndef RUNTIME_MATH_WINDOW_H
#define RUNTIME_MATH_WINDOW_H

#include "runtime/kernel.h"
#include "runtime/math/simd.h"

struct window {
    int rank; /* spatial axes */
    int64_t in[ARRAY_MAX_RANK], out[ARRAY_MAX_RANK], kernel[ARRAY_MAX_RANK];
    int64_t stride[ARRAY_MAX_RANK], dilation[ARRAY_MAX_RANK];
    int64_t begin[ARRAY_MAX_RANK], end[ARRAY_MAX_RANK]; /* padding */
    int64_t in_count, out_count, taps;                  /* products of in, out, kernel */
};

/* What auto_pad asks for. */
enum auto_pad { PAD_GIVEN, PAD_SAME_UPPER, PAD_SAME_LOWER, PAD_VALID };

/* auto_pad, strides, dilations and pads of the node, checked, for input dims `in`; `kernel` NULL: kernel_shape. Leaves
 * `out` to window_size. *mode says what became of the padding. */
bool window_read(struct call *call, int rank, const int64_t *in, const int64_t *kernel, struct window *window,
                 enum auto_pad *mode);
/* Sizes of the output, padding by auto_pad. `up`: ceil_mode. */
bool window_size(struct call *call, struct window *window, enum auto_pad mode, bool up);

/* Along an axis, every stride-th position: of `length`, those from head to tail are the input's. */
struct phase_axis {
    int64_t shift; /* of the first one, from the input's */
    int64_t head, tail;
};

/* One of the blocks that an unstrided channel consists of. */
struct phase {
    struct phase_axis axes[ARRAY_MAX_RANK];
    int64_t place; /* in the unstrided channel */
};

struct unstride {
    struct window window; /* without trailing axes of size one, but with two at least */
    int64_t phases[ARRAY_MAX_RANK], length[ARRAY_MAX_RANK], pitch[ARRAY_MAX_RANK];
    int64_t channel; /* elements of a unstrided channel */
    int64_t flat;    /* one more than the place of the last output */
    const struct phase *each;
    int64_t phase_count;
    bool is_padded;      /* not all of a channel is the input's */
    const int64_t *taps; /* offsets, last axis fastest; in the call's scratch */
};

bool unstride_plan(struct call *call, const struct window *window, struct unstride *unstride);
/* Unstrides one channel of window->in_count elements. `to` has room for unstride->channel + SIMD_ROOM; the padding
 * there is left as it is, and is the same for all channels. */
void unstride_channel(const struct unstride *unstride, const struct simd *simd, const void *from, void *to);
/* Where output `index` of a plane, counted without gaps, is in the long vector. */
int64_t unstride_place(const struct unstride *unstride, int64_t index);

/* A window that slides over channels one by one: `outputs` planes of results per channel. */
struct slide {
    const struct unstride *unstride;
    enum store store;
    const void *from; /* channels of window.in_count elements */
    void *to;         /* channels * outputs planes of window.out_count */
    int64_t channels, outputs;
    double fill; /* of the padding */
    /* `count` results of plane `output`; `from` is where the first one looks in the unstrided channel. Both have
     * SIMD_ROOM to spare. */
    void (*chunk)(const struct slide *slide, int64_t output, const void *from, int64_t count, void *results);
    const void *context;
    const struct epilogue *epilogue; /* of the array that begins with `to`; or NULL */
    const struct simd *simd;         /* this and the rest: set by slide_run */
    int64_t rows;                    /* that are computed at once */
    bool is_small;                   /* the results of a channel are fewer than are computed at once */
    char *rooms;
    int64_t room;
};

void slide_run(const struct call *call, struct slide *slide);

/* The reverse of reading windows: `columns` holds one element per tap and output [taps][out_count]; each is added to
 * the position of `to` [in_count] that the output sees through the tap. */
void scatter_channel(const struct window *window, const struct simd *simd, int64_t element, const void *columns,
                     void *to);

#endif
