/* SPDX-License-Identifier: Apache-2.0
 *
 * The algebra of per-channel affine maps. */
#include "passes/algebra/affine.h"

#include <math.h>
#include <string.h>

static const double times_one = 1, plus_zero = 0;
const struct affine affine_identity = { .axis = AXIS_ANY, .channels = 1, .scale = &times_one, .shift = &plus_zero };

struct affine *affine_new(struct arena *arena, int axis, int64_t channels, const double *scale, const double *shift)
{
    struct affine *a = NEW(arena, struct affine);
    *a = (struct affine){ .axis = axis, .channels = channels, .scale = scale, .shift = shift };
    return a;
}

/* Several at a time, by their bits: the search asks this of every affine that it meets. */
enum { AT_A_TIME = 8 };
#define ALL_BITS   UINT64_MAX
#define BUT_A_SIGN (UINT64_MAX >> 1) /* -0 is 0 */

static bool some_differ(const double *values, int64_t count, double number, uint64_t mask)
{
    uint64_t same, bits[AT_A_TIME];
    int64_t c = 0;
    memcpy(&same, &number, sizeof same);
    for (; count - c >= AT_A_TIME; c += AT_A_TIME) {
        uint64_t off = 0;
        memcpy(bits, values + c, sizeof bits);
        for (int k = 0; k < AT_A_TIME; k++) off |= bits[k] ^ same;
        if (off & mask) return true;
    }
    for (; c < count; c++)
        if (values[c] != number) return true;
    return false;
}

bool affine_has_shift(const struct affine *a)
{
    return some_differ(a->shift, a->channels, 0, BUT_A_SIGN);
}

bool affine_has_scale(const struct affine *a)
{
    return some_differ(a->scale, a->channels, 1, ALL_BITS);
}

bool affine_is_identity(const struct affine *a)
{
    return !affine_has_scale(a) && !affine_has_shift(a);
}

bool affine_is_equal(const struct affine *a, const struct affine *b)
{
    if (a->axis != b->axis || a->channels != b->channels || a->spread || b->spread) return false;
    for (int64_t c = 0; c < a->channels; c++)
        if (a->scale[c] != b->scale[c] || a->shift[c] != b->shift[c]) return false;
    return true;
}

int64_t affine_not_finite(const struct affine *a)
{
    double sums[AT_A_TIME] = { 0 }; /* of zeros, and of NaN for what is not finite */
    int64_t whole = a->channels - a->channels % AT_A_TIME;
    for (int64_t c = 0; c < whole; c += AT_A_TIME)
        for (int k = 0; k < AT_A_TIME; k++) sums[k] += 0 * a->scale[c + k] + 0 * a->shift[c + k];
    for (int k = 1; k < AT_A_TIME; k++) sums[0] += sums[k];
    for (int64_t c = sums[0] == 0 ? whole : 0; c < a->channels; c++)
        if (!isfinite(a->scale[c]) || !isfinite(a->shift[c])) return c;
    return -1;
}

struct affine *affine_blank(struct arena *arena, int axis, int64_t channels, double **scale, double **shift)
{
    *scale = NEW_ROOM(arena, double, (size_t)channels);
    *shift = NEW_ROOM(arena, double, (size_t)channels);
    return affine_new(arena, axis, channels, *scale, *shift);
}

/* Brings both along the axis of the wider one, and makes one of that size to be filled; NULL when they run along
 * different axes. */
static struct affine *align(struct arena *arena, const struct affine **a, const struct affine **b, double **scale,
                            double **shift)
{
    const struct affine *wide = (*a)->axis == AXIS_ANY ? *b : *a;
    *a = affine_along(arena, *a, wide->axis, wide->channels);
    *b = affine_along(arena, *b, wide->axis, wide->channels);
    if (!*a || !*b) return NULL;
    struct affine *both = affine_blank(arena, wide->axis, wide->channels, scale, shift);
    both->spread = wide->spread;
    return both;
}

struct affine *affine_compose(struct arena *arena, const struct affine *first, const struct affine *second)
{
    double *scale, *shift;
    if (first->spread && second->spread) return NULL;
    struct affine *both = align(arena, &first, &second, &scale, &shift);
    for (int64_t c = 0; both && c < both->channels; c++) {
        scale[c] = first->scale[c] * second->scale[c];
        shift[c] = first->shift[c] * second->scale[c] + second->shift[c];
    }
    return both;
}

struct affine *affine_sum(struct arena *arena, const struct affine *a, double sign, const struct affine *b)
{
    double *scale, *shift;
    if (a->spread || b->spread) return NULL;
    struct affine *sum = align(arena, &a, &b, &scale, &shift);
    for (int64_t c = 0; sum && c < sum->channels; c++) {
        scale[c] = a->scale[c] + sign * b->scale[c];
        shift[c] = a->shift[c] + sign * b->shift[c];
    }
    return sum;
}

struct affine *affine_along(struct arena *arena, const struct affine *a, int axis, int64_t channels)
{
    if (a->axis != AXIS_ANY) {
        if (a->axis != axis || a->channels != channels) return NULL;
        return affine_new(arena, axis, channels, a->scale, a->shift);
    }
    if (channels > MOST_CHANNELS) return NULL;
    double *scale, *shift;
    struct affine *wide = affine_blank(arena, axis, channels, &scale, &shift);
    for (int64_t c = 0; c < channels; c++) {
        scale[c] = a->scale[0];
        shift[c] = a->shift[0];
    }
    return wide;
}

struct affine *affine_moved(struct arena *arena, const struct affine *a, int axis)
{
    return affine_new(arena, a->axis == AXIS_ANY ? AXIS_ANY : axis, a->channels, a->scale, a->shift);
}

double *vector_of(struct arena *arena, int64_t count, double with)
{
    double *values = NEW_ROOM(arena, double, (size_t)count);
    for (int64_t c = 0; c < count; c++) values[c] = with;
    return values;
}

struct affine *affine_scale_only(struct arena *arena, const struct affine *a)
{
    struct affine *only = affine_new(arena, a->axis, a->channels, a->scale, vector_of(arena, a->channels, 0));
    only->spread = a->spread;
    return only;
}

struct affine *affine_shift_only(struct arena *arena, const struct affine *a)
{
    struct affine *only = affine_new(arena, a->axis, a->channels, vector_of(arena, a->channels, 1), a->shift);
    only->spread = a->spread;
    return only;
}

struct affine *affine_over(struct arena *arena, const struct affine *a, const struct axis_set *axes)
{
    struct axis_set *kept = NEW(arena, struct axis_set);
    struct affine *over = affine_new(arena, AXIS_SEVERAL, a->channels, a->scale, a->shift);
    *kept = *axes;
    over->spread = kept;
    return over;
}

struct affine *affine_picked(struct arena *arena, const struct affine *a, int64_t channels, const int64_t *from)
{
    double *scale, *shift;
    struct affine *picked = affine_blank(arena, a->axis, channels, &scale, &shift);
    for (int64_t c = 0; c < channels; c++) {
        scale[c] = from[c] < 0 ? 1 : a->scale[from[c]];
        shift[c] = from[c] < 0 ? 0 : a->shift[from[c]];
    }
    return picked;
}

/* ---- Reshape ---- */

/* A product of dims: number * the symbols, sorted. Products are compared without knowing what the symbols are. */
#define MAX_FACTORS (2 * TENSOR_MAX_RANK)
struct product {
    bool known;
    int64_t number;
    int symbols[MAX_FACTORS];
    int count;
};

static struct product product_of(const struct shape *shape, int from, int to)
{
    struct product p = { .known = true, .number = 1 };
    for (int i = from; i < to; i++) {
        struct dim d = shape->dims[i];
        if (d.size > 0) {
            p.known = p.known && size_multiply(p.number, d.size, &p.number);
        } else if (d.size < 0 && d.symbol) {
            int at = p.count++;
            while (at > 0 && p.symbols[at - 1] > d.symbol) {
                p.symbols[at] = p.symbols[at - 1];
                at--;
            }
            p.symbols[at] = d.symbol;
        } else {
            p.known = false; /* unknown, or no elements at all */
        }
    }
    return p;
}

/* a == *ratio * b or b == *ratio * a (then *ratio is negative), for whatever the symbols stand for. */
static bool product_ratio(const struct product *a, const struct product *b, int64_t *ratio)
{
    if (!a->known || !b->known || a->count != b->count) return false;
    if (memcmp(a->symbols, b->symbols, sizeof(int) * (size_t)a->count) != 0) return false;
    if (a->number % b->number == 0) *ratio = a->number / b->number;
    else if (b->number % a->number == 0) *ratio = -(b->number / a->number);
    else return false;
    return true;
}

/* How many elements of `to` after axis b make one of those of `from` after axis a: from the dims after both, or, as
 * both shapes have the same number of elements, from the dims up to and including both. */
static bool stride_ratio(const struct shape *from, int a, const struct shape *to, int b, int64_t *ratio)
{
    struct product f = product_of(from, a + 1, from->rank), t = product_of(to, b + 1, to->rank);
    if (product_ratio(&f, &t, ratio)) return true;
    f = product_of(from, 0, a + 1);
    t = product_of(to, 0, b + 1);
    return product_ratio(&t, &f, ratio);
}

/* With u the position along b and all axes before it, channel = floor(u / ratio) mod channels. It is a function of the
 * position along b alone when ratio * channels divides that axis, or nothing stands before it. */
static struct affine *merged(struct arena *arena, const struct affine *a, int axis, int64_t size, int64_t ratio,
                             bool is_first)
{
    int64_t period;
    if (!size_multiply(ratio, a->channels, &period)) return NULL;
    if (size % period != 0 && !is_first) return NULL;
    double *scale, *shift;
    struct affine *to = affine_blank(arena, axis, size, &scale, &shift);
    for (int64_t j = 0; j < size; j++) {
        int64_t c = j / ratio % a->channels;
        scale[j] = a->scale[c];
        shift[j] = a->shift[c];
    }
    return to;
}

/* The channel axis is split over several axes of the target; this one holds position floor(c / block) mod size. Only
 * if the values depend on nothing else. */
static struct affine *split(struct arena *arena, const struct affine *a, int axis, int64_t size, int64_t block,
                            bool *varies)
{
    if (a->channels % block != 0 || a->channels / block % size != 0) return NULL;
    double *scale, *shift;
    struct affine *to = affine_blank(arena, axis, size, &scale, &shift);
    for (int64_t c = a->channels - 1; c >= 0; c--) {
        scale[c / block % size] = a->scale[c];
        shift[c / block % size] = a->shift[c];
    }
    for (int64_t c = 0; c < a->channels; c++)
        if (a->scale[c] != scale[c / block % size] || a->shift[c] != shift[c / block % size]) {
            *varies = true;
            return NULL;
        }
    return to;
}

static struct affine *onto_one_axis(struct arena *arena, const struct affine *a, const struct shape *from,
                                    const struct shape *to, bool *varies)
{
    for (int b = 0; b < to->rank; b++) {
        int64_t ratio, size = to->dims[b].size;
        if (size <= 0 || size > MOST_CHANNELS || (size == 1 && a->channels > 1)
            || !stride_ratio(from, a->axis, to, b, &ratio))
            continue;
        struct affine *moved = ratio > 0 ? merged(arena, a, b, size, ratio, b == 0) : NULL;
        if (!moved && ratio <= 1) moved = split(arena, a, b, size, ratio > 0 ? 1 : -ratio, varies);
        if (moved) return moved;
    }
    return NULL;
}

/* The channel axis becomes several axes that stand side by side and hold nothing else. */
static struct affine *onto_several_axes(struct arena *arena, const struct affine *a, const struct shape *from,
                                        const struct shape *to)
{
    for (int last = 1; last < to->rank; last++) {
        int64_t ratio, product = 1;
        struct axis_set set = { .count = 0 };
        if (to->dims[last].size <= 1 || !stride_ratio(from, a->axis, to, last, &ratio) || ratio != 1) continue;
        int first = last;
        while (first >= 0 && to->dims[first].size > 0 && product < a->channels
               && size_multiply(product, to->dims[first].size, &product))
            first--;
        if (product != a->channels) continue;
        for (int b = first + 1; b <= last; b++) {
            set.axes[set.count] = b;
            set.sizes[set.count++] = to->dims[b].size;
        }
        return affine_over(arena, a, &set);
    }
    return NULL;
}

/* The same with its axes in the order of the tensor's; NULL unless they stand side by side. */
static struct affine *in_order(struct arena *arena, const struct affine *a, struct axis_set *set)
{
    int64_t stride[TENSOR_MAX_RANK], step = 1;
    double *scale, *shift;
    int first = a->spread->axes[0];
    for (int i = 1; i < a->spread->count; i++)
        if (a->spread->axes[i] < first) first = a->spread->axes[i];
    *set = (struct axis_set){ .count = a->spread->count };
    for (int i = set->count - 1; i >= 0; i--) {
        int at = a->spread->axes[i] - first;
        if (at >= set->count) return NULL;
        set->axes[at] = first + at;
        set->sizes[at] = a->spread->sizes[i];
        stride[at] = step;
        step *= a->spread->sizes[i];
    }
    struct affine *ordered = affine_blank(arena, AXIS_SEVERAL, a->channels, &scale, &shift);
    for (int64_t c = 0; c < a->channels; c++) {
        int64_t rest = c, from = 0;
        for (int at = set->count - 1; at >= 0; at--) {
            from += rest % set->sizes[at] * stride[at];
            rest /= set->sizes[at];
        }
        scale[c] = a->scale[from];
        shift[c] = a->shift[from];
    }
    return ordered;
}

/* Over several axes: these are one axis first, and go on as that. */
static struct affine *reshaped_together(struct arena *arena, const struct affine *a, const struct shape *from,
                                        const struct shape *to, bool *varies)
{
    struct axis_set set;
    struct affine *one = in_order(arena, a, &set);
    struct dim dims[TENSOR_MAX_RANK];
    struct shape joined = { .rank = 0, .dims = dims };
    if (!one) return NULL;
    for (int i = 0; i < from->rank; i++) {
        if (i > set.axes[0] && i < set.axes[0] + set.count) continue;
        dims[joined.rank++] = i == set.axes[0] ? (struct dim){ .size = a->channels } : from->dims[i];
    }
    one->axis = set.axes[0];
    return affine_reshaped(arena, one, &joined, to, varies);
}

struct affine *affine_reshaped(struct arena *arena, const struct affine *a, const struct shape *from,
                               const struct shape *to, bool *varies)
{
    *varies = false;
    /* What is alike on all channels fits many axes, and guessing one would hide the others. */
    struct affine *uniform = affine_uniform(arena, a);
    if (uniform) return uniform;
    if (from->rank < 0 || to->rank < 0 || a->axis >= from->rank) return NULL;
    if (a->channels <= 0) return NULL;
    if (a->spread) return reshaped_together(arena, a, from, to, varies);
    struct affine *moved = onto_one_axis(arena, a, from, to, varies);
    return moved ? moved : onto_several_axes(arena, a, from, to);
}

struct affine *affine_uniform(struct arena *arena, const struct affine *a)
{
    for (int64_t c = 1; c < a->channels; c++)
        if (a->scale[c] != a->scale[0] || a->shift[c] != a->shift[0]) return NULL;
    return a->channels ? affine_new(arena, AXIS_ANY, 1, a->scale, a->shift) : NULL;
}
