/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: channels to unstrided channels. */
#include "runtime/math/window.h"

#include <string.h>

#define CHUNK 2048 /* results worked on while they stay in the first level cache */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t divisor(int64_t a, int64_t b)
{
    return b == 0 ? a : divisor(b, a % b);
}

/* Trailing axes that are nothing but ones would only make rows short. */
static void drop_ones(struct window *window)
{
    while (window->rank > 1) {
        int last = window->rank - 1;
        if (window->in[last] != 1 || window->kernel[last] != 1 || window->out[last] != 1 || window->begin[last]) return;
        window->rank--;
    }
}

/* A row is a plane of one. */
static void add_axis(struct window *window)
{
    int64_t *const ones[] = { window->in, window->out, window->kernel, window->stride, window->dilation };
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) {
        ones[i][1] = ones[i][0];
        ones[i][0] = 1;
    }
    window->begin[1] = window->begin[0];
    window->begin[0] = 0;
    window->rank = 2;
}

static const int64_t *tap_offsets(struct call *call, const struct unstride *unstride, int64_t plane)
{
    const struct window *w = &unstride->window;
    int64_t *offsets = NEW_ARRAY(call->scratch, int64_t, (size_t)w->taps);
    for (int64_t i = 0; i < w->taps; i++) {
        int64_t rest = i, slot = 0, size = 1, shift = 0;
        for (int a = w->rank - 1; a >= 0; a--) {
            int64_t tap = rest % w->kernel[a];
            rest /= w->kernel[a];
            slot += tap % unstride->phases[a] * size;
            size *= unstride->phases[a];
            shift += tap * w->dilation[a] / w->stride[a] * unstride->pitch[a];
        }
        offsets[i] = slot * plane + shift;
    }
    return offsets;
}

static struct phase_axis phase_along(const struct unstride *unstride, int axis, int64_t number)
{
    const struct window *w = &unstride->window;
    int64_t stride = w->stride[axis], size = w->in[axis];
    struct phase_axis along = { .shift = number * w->dilation[axis] % stride - w->begin[axis] };
    if (along.shift < size) along.tail = least((size - 1 - along.shift) / stride + 1, unstride->length[axis]);
    if (along.shift < 0) along.head = least((-along.shift + stride - 1) / stride, along.tail);
    return along;
}

static const struct phase *find_phases(struct call *call, struct unstride *unstride, int64_t count, int64_t plane)
{
    struct phase *each = NEW_ARRAY(call->scratch, struct phase, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i;
        each[i].place = i * plane;
        for (int a = unstride->window.rank - 1; a >= 0; a--) {
            struct phase_axis along = phase_along(unstride, a, rest % unstride->phases[a]);
            unstride->is_padded |= along.head > 0 || along.tail < unstride->length[a];
            each[i].axes[a] = along;
            rest /= unstride->phases[a];
        }
    }
    return each;
}

bool unstride_plan(struct call *call, const struct window *window, struct unstride *unstride)
{
    *unstride = (struct unstride){ .window = *window, .flat = 1 };
    struct window *w = &unstride->window;
    drop_ones(w);
    if (w->rank == 1) add_axis(w);
    int64_t plane = 1, planes = 1;
    for (int a = w->rank - 1; a >= 0; a--) {
        int64_t period = w->stride[a] / divisor(w->stride[a], w->dilation[a]);
        unstride->phases[a] = period < w->kernel[a] ? period : w->kernel[a];
        unstride->length[a] = w->out[a] + (w->kernel[a] - 1) * w->dilation[a] / w->stride[a];
        unstride->pitch[a] = plane;
        unstride->flat += (w->out[a] - 1) * plane;
        if (!size_multiply(plane, unstride->length[a], &plane) || !size_multiply(planes, unstride->phases[a], &planes))
            return call_fail(call, "the padded input is too large");
    }
    if (!size_multiply(plane, planes, &unstride->channel)) return call_fail(call, "the padded input is too large");
    unstride->taps = tap_offsets(call, unstride, plane);
    unstride->each = find_phases(call, unstride, planes, plane);
    unstride->phase_count = planes;
    return true;
}

/* Where plane `p` of one phase is in the input, counted in planes; -1 when it is all padding. */
static int64_t plane_source(const struct unstride *unstride, const struct phase *phase, int64_t p)
{
    const struct window *w = &unstride->window;
    int64_t source = 0, size = 1;
    for (int a = w->rank - 3; a >= 0; a--) {
        int64_t index = p % unstride->length[a];
        p /= unstride->length[a];
        if (index < phase->axes[a].head || index >= phase->axes[a].tail) return -1;
        source += (index * w->stride[a] + phase->axes[a].shift) * size;
        size *= w->in[a];
    }
    return source;
}

static void unstride_plane(const struct unstride *unstride, const struct simd *simd, const struct phase *phase,
                           const char *from, char *to)
{
    const struct window *w = &unstride->window;
    int last = w->rank - 1;
    const struct phase_axis *x = &phase->axes[last], *y = &phase->axes[last - 1];
    int64_t width = w->in[last], length = unstride->length[last], step = w->stride[last], skip = w->stride[last - 1];
    if (y->head >= y->tail || x->head >= x->tail) return;
    int64_t first = (y->shift + y->head * skip) * width + x->shift + x->head * step;
    simd->copy_rows(from + first * (int64_t)simd->element, skip * width, step, y->tail - y->head, x->tail - x->head,
                    to + (y->head * length + x->head) * (int64_t)simd->element, length);
}

void unstride_channel(const struct unstride *unstride, const struct simd *simd, const void *from, void *to)
{
    int rank = unstride->window.rank;
    int64_t element = (int64_t)simd->element, planes = dims_product(unstride->length, 0, rank - 2);
    int64_t source = dims_product(unstride->window.in, rank - 2, rank) * element;
    int64_t target = dims_product(unstride->length, rank - 2, rank) * element;
    for (int64_t i = 0; i < unstride->phase_count; i++)
        for (int64_t p = 0; p < planes; p++) {
            const struct phase *phase = &unstride->each[i];
            int64_t plane = plane_source(unstride, phase, p);
            if (plane >= 0)
                unstride_plane(unstride, simd, phase, (const char *)from + plane * source,
                               (char *)to + phase->place * element + p * target);
        }
}

/* Rows of a chunk: neighbors along the last axis but one. */
static int64_t rows_of_chunk(const struct unstride *unstride)
{
    int last = unstride->window.rank - 1;
    int64_t fit = CHUNK / unstride->length[last];
    return fit < 1 ? 1 : least(fit, unstride->window.out[last - 1]);
}

/* A thread's: an unstrided channel, and results, which are as far apart as its rows are long. */
struct slide_room {
    char *channel, *results;
};

static void slide_plane(const struct slide *slide, int64_t output, const char *from, const struct slide_room *room,
                        char *to)
{
    const struct unstride *unstride = slide->unstride;
    int last = unstride->window.rank - 1;
    int64_t element = (int64_t)slide->simd->element, width = unstride->window.out[last];
    int64_t height = unstride->window.out[last - 1], pitch = unstride->length[last];
    for (int64_t row = 0, count; row < height; row += count) {
        count = least(slide->rows, height - row);
        slide->chunk(slide, output, from + row * pitch * element, (count - 1) * pitch + width, room->results);
        slide->simd->copy_rows(room->results, pitch, 1, count, width, to + row * width * element, width);
        if (!slide->is_small) epilogue_apply(slide->epilogue, to + row * width * element, count * width, 1, 0);
    }
}

static void slide_channel(const struct slide *slide, int64_t output, const struct slide_room *room)
{
    const struct unstride *unstride = slide->unstride;
    int rank = unstride->window.rank;
    int64_t plane = dims_product(unstride->window.out, rank - 2, rank), element = (int64_t)slide->simd->element;
    char *to = (char *)slide->to + output * unstride->window.out_count * element;
    for (int64_t done = 0; done < unstride->window.out_count; done += plane) {
        int64_t place = done > 0 ? unstride_place(unstride, done) : 0;
        slide_plane(slide, output, room->channel + place * element, room, to + done * element);
    }
}

/* Channels whose results stay in the first level cache, at least one. */
static void slide_group(const struct slide *slide, int64_t first, int64_t end, const struct slide_room *room)
{
    const struct unstride *unstride = slide->unstride;
    int64_t element = (int64_t)slide->simd->element, in = unstride->window.in_count, out = unstride->window.out_count;
    for (int64_t i = first; i < end; i++) {
        unstride_channel(unstride, slide->simd, (const char *)slide->from + i * in * element, room->channel);
        for (int64_t m = 0; m < slide->outputs; m++) slide_channel(slide, i * slide->outputs + m, room);
    }
    const char *to = (const char *)slide->to + first * slide->outputs * out * element;
    if (slide->is_small) epilogue_apply(slide->epilogue, to, out, (end - first) * slide->outputs, out);
}

static void slide_channels(const void *context, int64_t first, int64_t end, int member)
{
    const struct slide *slide = context;
    const struct unstride *unstride = slide->unstride;
    int64_t element = (int64_t)slide->simd->element;
    int64_t group = slide->is_small ? CHUNK / unstride->window.out_count : 1;
    struct slide_room room = { .channel = slide->rooms + member * slide->room * element };
    room.results = room.channel + (unstride->channel + SIMD_ROOM) * element;
    for (; first < end; first += group) slide_group(slide, first, least(first + group, end), &room);
}

static void fill_all(struct array *array, double value)
{
    if (array->store == STORE_F32)
        for (int64_t i = 0; i < array->count; i++) array->f32[i] = (float)value;
    else
        for (int64_t i = 0; i < array->count; i++) array->f64[i] = value;
}

void slide_run(const struct call *call, struct slide *slide)
{
    const struct unstride *unstride = slide->unstride;
    const struct window *window = &unstride->window;
    CALL_WORK(call, slide->channels, slide->outputs, window->out_count, window->taps);
    if (window->out_count == 0) return;
    slide->rows = rows_of_chunk(unstride);
    slide->is_small = window->out_count <= CHUNK;
    int64_t chunk = slide->rows * unstride->length[unstride->window.rank - 1] + SIMD_ROOM;
    int64_t dims[] = { call->threads, unstride->channel + SIMD_ROOM + chunk };
    struct array *rooms = array_room(call->pool, DTYPE_DOUBLE, slide->store, 2, dims);
    fill_all(rooms, slide->fill);
    slide->simd = simd_for(slide->store, call->simd_row);
    slide->rooms = rooms->data;
    slide->room = dims[1];
    int64_t piece = team_piece(slide->channels, slide->channels * unstride->channel);
    team_run(call->team, slide->channels, piece, slide_channels, slide);
    array_drop(rooms);
}

/* Where the row that outputs of row `r` see through a tap starts in the input; -1 when it is in the padding. */
static int64_t row_target(const struct window *window, const int64_t *tap, int64_t r)
{
    int last = window->rank - 1;
    int64_t target = 0, size = window->in[last];
    for (int a = last - 1; a >= 0; a--) {
        int64_t position = r % window->out[a] * window->stride[a] + tap[a];
        r /= window->out[a];
        if (position < 0 || position >= window->in[a]) return -1;
        target += position * size;
        size *= window->in[a];
    }
    return target;
}

void scatter_channel(const struct window *window, const struct simd *simd, int64_t element, const void *columns,
                     void *to)
{
    if (window->out_count == 0) return;
    int last = window->rank - 1;
    int64_t rows = window->out_count / window->out[last], stride = window->stride[last];
    const char *from = columns;
    for (int64_t t = 0; t < window->taps; t++) {
        int64_t tap[ARRAY_MAX_RANK], rest = t;
        for (int a = last; a >= 0; a--) {
            tap[a] = rest % window->kernel[a] * window->dilation[a] - window->begin[a];
            rest /= window->kernel[a];
        }
        int64_t head = tap[last] < 0 ? (-tap[last] + stride - 1) / stride : 0, size = window->in[last];
        int64_t tail = tap[last] < size ? (size - 1 - tap[last]) / stride + 1 : 0;
        if (tail > window->out[last]) tail = window->out[last];
        for (int64_t r = 0; r < rows; r++, from += window->out[last] * element) {
            int64_t target = row_target(window, tap, r);
            if (target < 0 || head >= tail) continue;
            char *row = (char *)to + (target + tap[last] + head * stride) * element;
            simd->scatter(from + head * element, tail - head, stride, row);
        }
    }
}

int64_t unstride_place(const struct unstride *unstride, int64_t index)
{
    int64_t place = 0;
    for (int a = unstride->window.rank - 1; a >= 0; a--) {
        place += index % unstride->window.out[a] * unstride->pitch[a];
        index /= unstride->window.out[a];
    }
    return place;
}
