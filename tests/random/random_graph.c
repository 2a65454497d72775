/* SPDX-License-Identifier: Apache-2.0
 *
 * How a random model is made: a few inputs, then segments one after the other, each reading a value made before. A
 * segment is an anchor and a BatchNormalization with a path between them, in either order, or something in between
 * segments: an activation, a residual, a body with segments of its own. What is inside a segment nobody else reads,
 * unless the segment is a spoilt one; so what a segment plants stays planted. */
#include "random_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RANK   5
#define MAX_LIVE   64
#define MAX_SHARED 32
#define MAX_COUNT  3000 /* elements of a value; beyond it nothing grows any more */

/* A value and its shape. A dim that is open has no declared size: dims holds what it will be fed with. */
struct val {
    const char *name;
    int rank;
    int64_t dims[MAX_RANK];
    bool open[MAX_RANK];
};

struct live {
    struct val val;
    bool read;
};

struct shared {
    const char *name, *dims;
};

struct maker {
    struct random_graph *graph;
    struct build *b;
    uint64_t random;
    int64_t opset, ir;
    enum dtype type;
    bool equal_sizes; /* N == C == H == W */
    int64_t equal_size;
    bool overridable; /* initializers are inputs that callers can replace */
    bool may_plant;
    bool positive;    /* scales made now are above zero */
    bool shiftless;   /* shifts made now are zero */
    int depth;        /* of bodies */
    bool in_function; /* where there are no initializers */
    bool has_functions;
    bool shares_nothing; /* weights made now are read by one anchor */
    bool plants_affines; /* Mul, Add and their like made now have a home */
    int names;
    struct live live[MAX_LIVE];
    size_t live_count;
    struct shared shared[MAX_SHARED];
    size_t shared_count;
};

/* A value with the axis that an affine runs along. */
struct path {
    struct val val;
    int channel;
};

/* Chance. splitmix64. */

static uint64_t next(struct maker *m)
{
    uint64_t z = m->random += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static int below(struct maker *m, int64_t count)
{
    return (int)(next(m) % (uint64_t)count);
}

static int64_t between(struct maker *m, int64_t least, int64_t most)
{
    return least + below(m, most - least + 1);
}

static bool chance(struct maker *m, int percent)
{
    return below(m, 100) < percent;
}

static double real(struct maker *m, double least, double most)
{
    return least + (most - least) * (double)(next(m) >> 11) * 0x1p-53;
}

/* Text. In the arena. */

static const char *fresh(struct maker *m, const char *stem)
{
    return arena_printf(&m->b->arena, "%s%d", stem, ++m->names);
}

static const char *two(struct maker *m, const char *a, const char *b)
{
    return arena_printf(&m->b->arena, "%s %s", a, b);
}

/* 3,4,5 and 3, for a list of one. */
static const char *list_text(struct maker *m, const int64_t *list, int count)
{
    char *text = arena_alloc(&m->b->arena, 24 * (size_t)(count + 1)), *to = text;
    for (int i = 0; i < count; i++) to += sprintf(to, "%s%lld", i ? "," : "", (long long)list[i]);
    if (count == 1) strcpy(to, ",");
    return text;
}

static const char *attribute(struct maker *m, const char *name, const int64_t *list, int count)
{
    return arena_printf(&m->b->arena, "%s=%s", name, list_text(m, list, count));
}

/* Values and constants */

static int64_t count_of(const struct val *val)
{
    int64_t count = 1;
    for (int i = 0; i < val->rank; i++) count *= val->dims[i];
    return count;
}

static void emit(struct maker *m, const char *op, const char *inputs, const char *outputs, const char *attributes)
{
    build_node(m->b, op, chance(m, 60) ? fresh(m, op) : NULL, inputs, outputs, attributes);
}

/* The node's only output, shaped like `shape`. */
static struct val result(struct maker *m, const char *op, const char *inputs, const char *attributes, struct val shape)
{
    shape.name = fresh(m, "v");
    emit(m, op, inputs, shape.name, attributes);
    return shape;
}

static void initializer(struct maker *m, const char *name, enum dtype type, const char *dims, const double *values)
{
    build_init_values(m->b, name, type, dims, values);
    if (m->depth == 0 && (m->ir < 4 || (m->overridable && chance(m, 50)))) build_input(m->b, name, type, dims);
}

/* A constant in one of the forms that models have them in. */
static const char *constant_of(struct maker *m, enum dtype type, const char *dims, const double *values)
{
    const char *name = fresh(m, "k");
    if (!m->in_function && chance(m, 60)) {
        initializer(m, name, type, dims, values);
    } else if (m->in_function || chance(m, 60)) {
        build_node(m->b, "Constant", NULL, "", name, NULL);
        build_attribute_tensor(m->b, "value", build_tensor(m->b, "", type, dims, values));
    } else {
        const char *inner = fresh(m, "k");
        initializer(m, inner, type, dims, values);
        build_node(m->b, "Identity", NULL, inner, name, NULL);
    }
    return name;
}

static const char *whole_list(struct maker *m, const int64_t *list, int count)
{
    double values[16];
    for (int i = 0; i < count; i++) values[i] = (double)list[i];
    return constant_of(m, DTYPE_INT64, list_text(m, (int64_t[]){ count }, 1), values);
}

static const char *whole_scalar(struct maker *m, int64_t number)
{
    double value = (double)number;
    return constant_of(m, DTYPE_INT64, "", &value);
}

static int64_t product_of(const int64_t *dims, int rank)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    return count;
}

static const char *random_constant(struct maker *m, enum dtype type, const int64_t *dims, int rank, double least,
                                   double most)
{
    int64_t count = product_of(dims, rank);
    double *values = NEW_ARRAY(&m->b->arena, double, (size_t)count);
    for (int64_t i = 0; i < count; i++) values[i] = real(m, least, most);
    return constant_of(m, type, list_text(m, dims, rank), values);
}

/* A weight that sums of `fan_in` products stay near 1 with; now and then one that another anchor has already. */
static const char *weight(struct maker *m, const int64_t *dims, int rank, int64_t fan_in)
{
    const char *text = list_text(m, dims, rank);
    for (size_t i = 0; i < m->shared_count && !m->shares_nothing; i++)
        if (strcmp(m->shared[i].dims, text) == 0 && chance(m, 30)) return m->shared[i].name;
    double bound = 1.5;
    while (bound * bound * (double)fan_in > 4) bound /= 1.4;
    const char *name = random_constant(m, m->type, dims, rank, -bound, bound);
    if (m->depth == 0 && !m->shares_nothing && m->shared_count < MAX_SHARED)
        m->shared[m->shared_count++] = (struct shared){ name, text };
    return name;
}

static const char *vector(struct maker *m, int64_t count, double least, double most)
{
    return random_constant(m, m->type, &count, 1, least, most);
}

static double scale_bound(const struct maker *m)
{
    return m->positive ? 0.4 : -1.6;
}

/* BatchNormalization */

enum bn { BN_INFERENCE, BN_TRAINING, BN_DYNAMIC, BN_PER_ELEMENT };

/* A scale that depends on the data. */
static const char *dynamic_vector(struct maker *m, const struct val *x)
{
    int64_t axes[MAX_RANK];
    int count = 0;
    for (int i = 0; i < x->rank; i++)
        if (i != 1) axes[count++] = i;
    const char *name = fresh(m, "v"), *positive = fresh(m, "v");
    if (m->opset < 18) {
        const char *attributes = arena_printf(&m->b->arena, "keepdims=0 %s", attribute(m, "axes", axes, count));
        emit(m, "ReduceMax", x->name, name, attributes);
    } else {
        emit(m, "ReduceMax", two(m, x->name, whole_list(m, axes, count)), name, "keepdims=0");
    }
    emit(m, "Sigmoid", name, positive, NULL);
    return positive;
}

/* Per-channel statistics; or per-element ones (spatial=0), where the sizes are known. */
static const char *parameters(struct maker *m, const struct val *x, enum bn kind)
{
    bool mixed = m->opset >= 15 && m->type == DTYPE_FLOAT16 && chance(m, 40);
    enum dtype type = mixed ? DTYPE_FLOAT : m->type;
    int64_t dims[MAX_RANK] = { x->dims[1] };
    int rank = 1;
    for (; kind == BN_PER_ELEMENT && rank < x->rank - 1; rank++) dims[rank] = x->dims[rank + 1];
    double shift = m->shiftless ? 0 : 1;
    const char *scale =
        kind == BN_DYNAMIC ? dynamic_vector(m, x) : random_constant(m, type, dims, rank, scale_bound(m), 1.6);
    const char *bias = random_constant(m, type, dims, rank, -shift, shift);
    const char *mean = random_constant(m, type, dims, rank, -shift, shift);
    const char *var = random_constant(m, type, dims, rank, 0.3, 2);
    return arena_printf(&m->b->arena, "%s %s %s %s %s", x->name, scale, bias, mean, var);
}

static const char *bn_attributes(struct maker *m, enum bn kind)
{
    const char *mode = "";
    if (m->opset < 7) mode = kind == BN_TRAINING ? "" : "is_test=1 ";
    else if (m->opset < 9) mode = kind == BN_PER_ELEMENT ? "spatial=0 " : chance(m, 30) ? "spatial=1 " : "";
    else if (m->opset >= 14) mode = kind == BN_TRAINING ? "training_mode=1 " : chance(m, 30) ? "training_mode=0 " : "";
    return arena_printf(&m->b->arena, "%s%s", mode, chance(m, 30) ? "epsilon=0.01 momentum=0.8" : "");
}

static void plant(struct maker *m, const char *name, bool is_affine)
{
    if (m->may_plant && m->graph->planted_count < RANDOM_MAX_PLANTED)
        m->graph->planted[m->graph->planted_count++] = (struct planted){ name, is_affine, 0, 0 };
}

static struct val bn(struct maker *m, struct val x, enum bn kind, bool has_home)
{
    struct val y = x;
    const char *name = fresh(m, "bn"), *outputs = y.name = fresh(m, "v");
    m->graph->amplifies |= kind == BN_TRAINING;
    if (kind == BN_TRAINING && m->opset >= 14) outputs = two(m, y.name, two(m, fresh(m, "v"), fresh(m, "v")));
    else if (kind == BN_TRAINING && m->opset >= 7)
        outputs = two(m, two(m, y.name, two(m, fresh(m, "v"), fresh(m, "v"))), two(m, fresh(m, "v"), fresh(m, "v")));
    build_node(m->b, "BatchNormalization", name, parameters(m, &x, kind), outputs, bn_attributes(m, kind));
    if (has_home) plant(m, name, false);
    return y;
}

/* Constants per channel */

/* The shape of a constant that lies along axis `channel`: [C, 1, 1] or with 1s before it. */
static const char *along(struct maker *m, const struct path *p, double least, double most)
{
    int64_t dims[MAX_RANK];
    int from = chance(m, 50) ? p->channel : below(m, p->channel + 1), rank = 0;
    if (m->opset < 7) return vector(m, p->val.dims[p->channel], least, most);
    if (chance(m, 20)) return random_constant(m, m->type, (int64_t[]){ 1 }, below(m, 2), least, most);
    for (int i = from; i < p->val.rank; i++) dims[rank++] = i == p->channel ? p->val.dims[i] : 1;
    return random_constant(m, m->type, dims, rank, least, most);
}

/* The node's only output, shaped like the path's value. */
static void affine_node(struct maker *m, struct path *p, const char *op, const char *inputs, const char *attributes)
{
    const char *name = m->plants_affines || chance(m, 60) ? fresh(m, op) : NULL;
    p->val.name = fresh(m, "v");
    build_node(m->b, op, name, inputs, p->val.name, attributes);
    if (m->plants_affines) plant(m, name, true);
}

static void affine_constant(struct maker *m, struct path *p)
{
    static const char *const ops[] = { "Mul", "Add", "Sub", "Div", "Neg", "Sub" };
    int kind = below(m, 6);
    const char *attributes = m->opset < 7 ? arena_printf(&m->b->arena, "broadcast=1 axis=%d", p->channel) : NULL;
    if (m->shiftless && (kind == 1 || kind == 2)) kind = 0;
    if ((m->positive || m->shiftless || m->opset < 7) && kind > 3) kind = 3;
    if (kind == 4) {
        affine_node(m, p, "Neg", p->val.name, NULL);
        return;
    }
    double least = kind == 0 ? scale_bound(m) : kind == 3 ? 0.6 : -1;
    const char *other = along(m, p, least, 1.6);
    bool swapped = m->opset >= 7 && (kind == 5 || (kind < 2 && chance(m, 50)));
    affine_node(m, p, ops[kind], swapped ? two(m, other, p->val.name) : two(m, p->val.name, other), attributes);
}

/* Movers. Each leaves an affine along p->channel whole, or refuses. */

static bool identity(struct maker *m, struct path *p)
{
    p->val = result(m, "Identity", p->val.name, NULL, p->val);
    return true;
}

static bool dropout(struct maker *m, struct path *p)
{
    const char *attributes = m->opset < 7 ? "is_test=1" : m->opset < 12 && chance(m, 50) ? "ratio=0.4" : NULL;
    p->val = result(m, "Dropout", p->val.name, attributes, p->val);
    return true;
}

static void apply_perm(struct maker *m, struct path *p, const int64_t *perm)
{
    struct val y = p->val;
    int channel = 0;
    for (int i = 0; i < y.rank; i++) {
        y.dims[i] = p->val.dims[perm[i]];
        y.open[i] = p->val.open[perm[i]];
        if (perm[i] == p->channel) channel = i;
    }
    bool reversed = true;
    for (int i = 0; i < y.rank; i++) reversed &= perm[i] == y.rank - 1 - i;
    p->val =
        result(m, "Transpose", p->val.name, reversed && chance(m, 50) ? NULL : attribute(m, "perm", perm, y.rank), y);
    p->channel = channel;
}

static bool transpose(struct maker *m, struct path *p)
{
    int64_t perm[MAX_RANK] = { 0 };
    for (int i = 0; i < p->val.rank; i++) {
        int at = below(m, i + 1);
        perm[i] = perm[at];
        perm[at] = i;
    }
    apply_perm(m, p, perm);
    return true;
}

/* Brings the channel to `axis`, by exchanging two axes or by turning those between. */
static void channel_to(struct maker *m, struct path *p, int axis)
{
    int64_t perm[MAX_RANK];
    int count = 0;
    if (p->channel == axis) return;
    for (int i = 0; i < p->val.rank; i++) perm[i] = i;
    if (chance(m, 50)) {
        perm[axis] = p->channel;
        perm[p->channel] = axis;
    } else {
        for (int i = 0; i < p->val.rank; i++)
            if (i != p->channel) perm[count++] = i;
        memmove(&perm[axis + 1], &perm[axis], (size_t)(p->val.rank - 1 - axis) * sizeof *perm);
        perm[axis] = p->channel;
    }
    apply_perm(m, p, perm);
}

static struct val with_axes(struct maker *m, const char *op, const struct val *x, const int64_t *axes, int count,
                            struct val shape)
{
    if (m->opset < 13) return result(m, op, x->name, attribute(m, "axes", axes, count), shape);
    return result(m, op, two(m, x->name, whole_list(m, axes, count)), NULL, shape);
}

static bool unsqueeze(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int64_t axis = below(m, y.rank + 1), listed = axis;
    if (y.rank == MAX_RANK) return false;
    memmove(&y.dims[axis + 1], &y.dims[axis], (size_t)(y.rank - axis) * sizeof *y.dims);
    memmove(&y.open[axis + 1], &y.open[axis], (size_t)(y.rank - axis) * sizeof *y.open);
    y.dims[axis] = 1;
    y.open[axis] = false;
    y.rank++;
    if (m->opset >= 11 && chance(m, 30)) listed -= y.rank;
    p->val = with_axes(m, "Unsqueeze", &p->val, &listed, 1, y);
    p->channel += p->channel >= axis;
    return true;
}

static bool squeeze(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int64_t axis = below(m, y.rank);
    if (y.rank < 3 || axis == p->channel || y.open[axis] || y.dims[axis] != 1) return false;
    y.rank--;
    memmove(&y.dims[axis], &y.dims[axis + 1], (size_t)(y.rank - axis) * sizeof *y.dims);
    memmove(&y.open[axis], &y.open[axis + 1], (size_t)(y.rank - axis) * sizeof *y.open);
    p->val = with_axes(m, "Squeeze", &p->val, &axis, 1, y);
    p->channel -= p->channel > axis;
    return true;
}

static const char *shape_piece(struct maker *m, const struct val *x, int64_t axis)
{
    const char *shape = fresh(m, "v"), *piece = fresh(m, "v");
    emit(m, "Shape", x->name, shape, NULL);
    if (chance(m, 50)) {
        emit(m, "Gather", two(m, shape, whole_list(m, &axis, 1)), piece, "axis=0");
    } else {
        struct val unused = { 0 }, scalar = { .name = fresh(m, "v") };
        emit(m, "Gather", two(m, shape, whole_scalar(m, axis)), scalar.name, "axis=0");
        return with_axes(m, "Unsqueeze", &scalar, (int64_t[]){ 0 }, 1, unused).name;
    }
    return piece;
}

/* Reshape of x to y, where y's axis i is x's axis from[i], or new (-1). Open dims go by 0, -1 or Shape arithmetic. */
static struct val reshape_to(struct maker *m, const struct val *x, struct val y, const int *from)
{
    int64_t target[MAX_RANK];
    const char *pieces = NULL;
    int rest = -1;
    for (int i = 0; i < y.rank; i++)
        if (y.open[i] && from[i] < 0) rest = i; /* nothing else can say its size */
    for (int i = 0; i < y.rank; i++) {
        target[i] = i == rest ? -1 : y.open[i] ? INT64_MIN : y.dims[i];
        if (from[i] == i && chance(m, 60)) target[i] = 0;
        else if (rest < 0 && chance(m, 30)) target[rest = i] = -1;
    }
    for (int i = 0; i < y.rank; i++) {
        const char *piece = target[i] == INT64_MIN ? shape_piece(m, x, from[i]) : NULL;
        if (piece) target[i] = 1;
        if (!piece && !pieces) continue;
        if (!pieces && i > 0) pieces = whole_list(m, target, i);
        if (!piece) piece = whole_list(m, &target[i], 1);
        pieces = pieces ? two(m, pieces, piece) : piece;
    }
    if (!pieces) return result(m, "Reshape", two(m, x->name, whole_list(m, target, y.rank)), NULL, y);
    const char *shape = fresh(m, "v");
    emit(m, "Concat", pieces, shape, "axis=0");
    return result(m, "Reshape", two(m, x->name, shape), NULL, y);
}

/* Two neighboring axes beside the channel become one. A new dim that is open must be the only one. */
static bool merge_axes(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int at = below(m, y.rank), from[MAX_RANK];
    bool others_open = false;
    if (at + 1 >= y.rank || at == p->channel || at + 1 == p->channel || y.rank < 3) return false;
    y.dims[at] *= y.dims[at + 1];
    y.open[at] = y.open[at] || y.open[at + 1];
    for (int i = at + 1; i + 1 < y.rank; i++) {
        y.dims[i] = y.dims[i + 1];
        y.open[i] = y.open[i + 1];
    }
    y.rank--;
    for (int i = 0; i < y.rank; i++) {
        from[i] = i == at ? -1 : i > at ? i + 1 : i;
        others_open |= i != at && y.open[i];
    }
    if (y.open[at] && others_open) return false;
    p->val = reshape_to(m, &p->val, y, from);
    p->channel -= p->channel > at;
    return true;
}

static int64_t split_factor(int64_t size)
{
    return size % 2 == 0 ? 2 : size % 3 == 0 ? 3 : 1;
}

/* The axis becomes two by a Reshape, whose result is returned; there is room for one more. */
static struct val split_at(struct maker *m, struct path *p, int at)
{
    struct val y = p->val;
    int from[MAX_RANK];
    int64_t size = y.dims[at], factor = split_factor(size);
    for (int i = y.rank; i > at + 1; i--) {
        y.dims[i] = y.dims[i - 1];
        y.open[i] = y.open[i - 1];
    }
    y.dims[at] = factor;
    y.dims[at + 1] = size / factor;
    y.open[at + 1] = false;
    y.rank++;
    for (int i = 0; i < y.rank; i++) from[i] = i == at || i == at + 1 ? -1 : i > at ? i - 1 : i;
    p->val = reshape_to(m, &p->val, y, from);
    return y;
}

static bool split_axis(struct maker *m, struct path *p)
{
    int at = below(m, p->val.rank);
    if (p->val.rank == MAX_RANK || at == p->channel || p->val.open[at] || p->val.dims[at] < 2) return false;
    split_at(m, p, at);
    p->channel += p->channel > at;
    return true;
}

static bool is_image(const struct path *p)
{
    return p->val.rank >= 3 && p->channel == 1;
}

/* Without padding, and only whole windows. */
static bool pool(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int64_t kernel[MAX_RANK], strides[MAX_RANK];
    int space = y.rank - 2;
    bool max = chance(m, 50);
    if (!is_image(p) || (max && !m->positive)) return false;
    for (int i = 0; i < space; i++) {
        kernel[i] = between(m, 1, y.dims[i + 2] < 3 ? y.dims[i + 2] : 3);
        strides[i] = between(m, 1, 2);
        y.dims[i + 2] = (y.dims[i + 2] - kernel[i]) / strides[i] + 1;
    }
    const char *attributes =
        two(m, attribute(m, "kernel_shape", kernel, space), attribute(m, "strides", strides, space));
    if (!max && m->opset >= 7 && chance(m, 30)) attributes = two(m, attributes, "count_include_pad=1");
    p->val = result(m, max ? "MaxPool" : "AveragePool", p->val.name, attributes, y);
    return true;
}

static bool global_pool(struct maker *m, struct path *p)
{
    struct val y = p->val;
    bool max = m->positive && chance(m, 30);
    if (!is_image(p)) return false;
    for (int i = 2; i < y.rank; i++) {
        y.dims[i] = 1;
        y.open[i] = false;
    }
    p->val = result(m, max ? "GlobalMaxPool" : "GlobalAveragePool", p->val.name, NULL, y);
    return true;
}

static bool reduce(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int64_t axis = below(m, y.rank);
    bool keep = y.rank < 3 || chance(m, 50), max = m->positive && chance(m, 30);
    if (axis == p->channel) return false;
    const char *op = max ? "ReduceMax" : "ReduceMean",
               *kept = keep ? (chance(m, 50) ? "keepdims=1" : "") : "keepdims=0";
    int channel = p->channel - (!keep && p->channel > axis);
    if (keep) {
        y.dims[axis] = 1;
        y.open[axis] = false;
    } else {
        y.rank--;
        for (int i = (int)axis; i < y.rank; i++) {
            y.dims[i] = y.dims[i + 1];
            y.open[i] = y.open[i + 1];
        }
    }
    if (m->opset < 18) p->val = result(m, op, p->val.name, two(m, kept, attribute(m, "axes", &axis, 1)), y);
    else p->val = result(m, op, two(m, p->val.name, whole_list(m, &axis, 1)), kept, y);
    p->channel = channel;
    return true;
}

static bool resize(struct maker *m, struct path *p)
{
    struct val y = p->val;
    double scales[4] = { 1, 1, 2, 1 };
    const char *text = chance(m, 50) ? "1.0,1.0,2.0,1.0" : "1.0,1.0,1.0,2.0";
    int axis = text[8] == '2' ? 2 : 3;
    if (!is_image(p) || y.rank != 4 || count_of(&y) > MAX_COUNT / 2) return false;
    scales[2] = axis == 2 ? 2 : 1;
    scales[3] = axis == 3 ? 2 : 1;
    y.dims[axis] *= 2;
    const char *mode = chance(m, 50) ? "mode=nearest" : "mode=linear";
    if (m->opset < 7) return false;
    if (m->opset < 9) {
        p->val = result(m, "Upsample", p->val.name, arena_printf(&m->b->arena, "%s scales=%s", mode, text), y);
        return true;
    }
    const char *list = constant_of(m, DTYPE_FLOAT, "4,", scales);
    const char *roi = m->opset < 11 ? "" : m->opset < 13 ? constant_of(m, DTYPE_FLOAT, "0,", scales) : "_";
    const char *inputs = arena_printf(&m->b->arena, "%s %s %s", p->val.name, roi, list);
    if (m->opset >= 11 && chance(m, 50)) mode = two(m, mode, "coordinate_transformation_mode=asymmetric");
    p->val = result(m, m->opset == 9 ? "Upsample" : "Resize", inputs, mode, y);
    return true;
}

static bool pad_by_copies(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int64_t pads[2 * MAX_RANK] = { 0 };
    const char *mode = chance(m, 50) ? "mode=reflect" : "mode=edge";
    int axis = below(m, y.rank);
    if (axis == p->channel || y.dims[axis] < 3 || y.rank > 4 || count_of(&y) > MAX_COUNT) return false;
    if (axis < y.rank - 2) return false;
    pads[axis] = between(m, 0, 2);
    pads[axis + y.rank] = between(m, 0, 2);
    y.dims[axis] += pads[axis] + pads[axis + y.rank];
    if (m->opset < 11) p->val = result(m, "Pad", p->val.name, two(m, mode, attribute(m, "pads", pads, 2 * y.rank)), y);
    else p->val = result(m, "Pad", two(m, p->val.name, whole_list(m, pads, 2 * y.rank)), mode, y);
    return true;
}

/* Along another axis than the channel. */
static bool slice(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int64_t axis = below(m, y.rank), size = y.dims[axis];
    if (axis == p->channel || y.open[axis] || size < 2) return false;
    int64_t start = between(m, 0, size - 1), end = between(m, start + 1, size);
    y.dims[axis] = end - start;
    if (m->opset < 10) {
        const char *attributes = arena_printf(&m->b->arena, "%s %s %s", attribute(m, "starts", &start, 1),
                                              attribute(m, "ends", &end, 1), attribute(m, "axes", &axis, 1));
        p->val = result(m, "Slice", p->val.name, attributes, y);
    } else {
        const char *bounds = two(m, whole_list(m, &start, 1), whole_list(m, &end, 1));
        p->val = result(m, "Slice", two(m, p->val.name, two(m, bounds, whole_list(m, &axis, 1))), NULL, y);
    }
    return true;
}

/* A channel shuffle: the channel axis is split, its parts change places, and they are one axis again. */
static bool shuffle(struct maker *m, struct path *p)
{
    struct val whole = p->val;
    int at = p->channel, from[MAX_RANK];
    int64_t size = whole.dims[at], factor = split_factor(size), perm[MAX_RANK];
    if (whole.rank == MAX_RANK || whole.open[at] || factor == 1 || size == factor) return false;
    struct val y = split_at(m, p, at);
    for (int i = 0; i < y.rank; i++) perm[i] = i == at ? at + 1 : i == at + 1 ? at : i;
    apply_perm(m, p, perm);
    for (int i = 0; i < whole.rank; i++) from[i] = i == at ? -1 : i > at ? i + 1 : i;
    p->val = reshape_to(m, &p->val, whole, from);
    p->channel = at;
    return true;
}

/* An Einsum that exchanges two axes. */
static bool einsum_turn(struct maker *m, struct path *p)
{
    struct val y = p->val;
    char in[MAX_RANK + 1] = "abcde", out[MAX_RANK + 1] = "abcde";
    int one = below(m, y.rank), other = below(m, y.rank);
    if (m->opset < 12) return false;
    in[y.rank] = out[y.rank] = 0;
    out[one] = in[other];
    out[other] = in[one];
    y.dims[one] = p->val.dims[other];
    y.open[one] = p->val.open[other];
    y.dims[other] = p->val.dims[one];
    y.open[other] = p->val.open[one];
    p->val = result(m, "Einsum", p->val.name, arena_printf(&m->b->arena, "equation=%s->%s", in, out), y);
    p->channel = p->channel == one ? other : p->channel == other ? one : p->channel;
    return true;
}

/* Samples between elements; what lies outside is the border. */
static bool sample(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int64_t dims[4] = { y.dims[0], 2, 3, 2 };
    if (m->opset < 16 || y.rank != 4 || p->channel != 1 || y.open[0]) return false;
    const char *grid = random_constant(m, m->type, dims, 4, -1.5, 1.5);
    y.dims[2] = 2;
    y.dims[3] = 3;
    y.open[2] = y.open[3] = false;
    p->val = result(m, "GridSample", two(m, p->val.name, grid),
                    chance(m, 50) ? "padding_mode=border" : "padding_mode=reflection align_corners=1", y);
    return true;
}

/* A factor that no constant is: an input of its own. */
static const char *computed(struct maker *m, const int64_t *dims, int rank)
{
    const char *name = fresh(m, "factor");
    build_input(m->b, name, m->type, list_text(m, dims, rank));
    return name;
}

static const char *product_inputs(struct maker *m, const char *data, const char *factor, bool swapped)
{
    return swapped ? two(m, factor, data) : two(m, data, factor);
}

/* Sums over axis `summed`, one of the last two, which is `count` long afterwards. */
static void matrix_product(struct maker *m, struct path *p, int summed, int64_t count)
{
    struct val y = p->val;
    bool is_right = summed != y.rank - 1;
    int64_t dims[2] = { y.dims[summed], count };
    y.dims[summed] = count;
    if (m->opset < 12 || chance(m, 60)) {
        if (is_right) memcpy(dims, (int64_t[]){ count, p->val.dims[summed] }, sizeof dims);
        p->val = result(m, "MatMul", product_inputs(m, p->val.name, computed(m, dims, 2), is_right), NULL, y);
        return;
    }
    char data[MAX_RANK + 1] = "abcde", to[MAX_RANK + 1] = "abcde";
    data[y.rank] = to[y.rank] = 0;
    to[summed] = 'z';
    bool swapped = chance(m, 50);
    const char *factor = arena_printf(&m->b->arena, "%cz", data[summed]);
    const char *equation =
        arena_printf(&m->b->arena, "equation=%s,%s->%s", swapped ? factor : data, swapped ? data : factor, to);
    p->val = result(m, "Einsum", product_inputs(m, p->val.name, computed(m, dims, 2), swapped), equation, y);
}

/* Times something computed that has no part in the channels: a scale crosses it, a shift does not. */
static bool product(struct maker *m, struct path *p)
{
    int last = p->val.rank - 1, summed = last - below(m, 2);
    if (m->opset < 7 || m->depth || p->val.rank < 2) return false;
    if (chance(m, 30)) {
        int64_t dims[MAX_RANK];
        for (int i = 0; i <= last; i++) dims[i] = i == p->channel || p->val.open[i] ? 1 : p->val.dims[i];
        const char *factor = computed(m, dims, last + 1);
        p->val = result(m, "Mul", product_inputs(m, p->val.name, factor, chance(m, 50)), NULL, p->val);
        return true;
    }
    if (summed == p->channel || p->val.open[summed]) return false;
    matrix_product(m, p, summed, between(m, 1, 4));
    return true;
}

/* The same, times a constant: of another axis than the channel's. */
static bool per_column_scale(struct maker *m, struct path *p)
{
    int last = p->val.rank - 1;
    if (p->channel == last || p->val.open[last] || m->opset < 7) return false;
    const char *other = random_constant(m, m->type, &p->val.dims[last], 1, 0.5, 1.5);
    p->val = result(m, "Mul", product_inputs(m, p->val.name, other, chance(m, 50)), NULL, p->val);
    return true;
}

/* In front of an anchor, where there is no shift. */
static bool scale_only(struct maker *m, struct path *p)
{
    return m->shiftless && (chance(m, 50) ? product(m, p) : per_column_scale(m, p));
}

static struct val slice_of(struct maker *m, struct val x, int64_t axis, int64_t start, int64_t end, int64_t step)
{
    int64_t steps = step > 0 ? end - start : start - end;
    const char *bounds = two(m, whole_list(m, &start, 1), whole_list(m, &end, 1));
    const char *inputs = two(m, x.name, two(m, bounds, whole_list(m, &axis, 1)));
    if (step != 1) inputs = two(m, inputs, whole_list(m, &step, 1));
    x.dims[axis] = steps;
    return result(m, "Slice", inputs, NULL, x);
}

/* Parts of one value, put together in another order. */
static bool roll(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int axis = below(m, y.rank);
    if (axis == p->channel || y.open[axis] || y.dims[axis] < 2 || m->opset < 10) return false;
    int64_t at = between(m, 1, y.dims[axis] - 1);
    struct val tail = slice_of(m, y, axis, at, y.dims[axis], 1), head = slice_of(m, y, axis, 0, at, 1);
    p->val = result(m, "Concat", two(m, tail.name, head.name), arena_printf(&m->b->arena, "axis=%d", axis), y);
    return true;
}

/* A value and its mirror image, added or joined. */
static bool mirror(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int axis = below(m, y.rank);
    if (axis == p->channel || y.open[axis] || m->opset < 10 || count_of(&y) > MAX_COUNT) return false;
    struct val image = slice_of(m, y, axis, y.dims[axis] - 1, -y.dims[axis] - 1, -1);
    image.dims[axis] = y.dims[axis];
    if (chance(m, 50)) {
        y.dims[axis] *= 2;
        p->val = result(m, "Concat", two(m, image.name, p->val.name), arena_printf(&m->b->arena, "axis=%d", axis), y);
    } else {
        p->val = result(m, "Add", two(m, p->val.name, image.name), NULL, y);
    }
    return true;
}

typedef bool mover(struct maker *m, struct path *p);

static mover *const movers[] = { identity, dropout,       transpose,  transpose, unsqueeze,   squeeze,
                                 squeeze,  merge_axes,    split_axis, pool,      global_pool, reduce,
                                 resize,   pad_by_copies, slice,      shuffle,   shuffle,     einsum_turn,
                                 sample,   scale_only,    roll,       mirror };

/* A few steps that an affine can cross in either direction. */
static void travel(struct maker *m, struct path *p, int most)
{
    for (int steps = below(m, most + 1); steps > 0; steps--) {
        if (chance(m, 35)) affine_constant(m, p);
        else movers[below(m, (int)(sizeof movers / sizeof *movers))](m, p);
    }
}

/* Only towards the anchor, and where no scale is negative: not below, or not above, one number or one a channel. */
static bool bounded(struct maker *m, struct path *p)
{
    if (!m->positive || m->opset < 8) return false;
    const char *inputs = product_inputs(m, p->val.name, along(m, p, -1, 1), chance(m, 50));
    p->val = result(m, chance(m, 50) ? "Max" : "Min", inputs, NULL, p->val);
    return true;
}

/* Only towards the anchor: the channels of several pixels of a block come from one each. */
static bool depth_to_space(struct maker *m, struct path *p)
{
    struct val y = p->val;
    if (!is_image(p) || y.rank != 4 || y.dims[1] % 4 != 0) return false;
    y.dims[1] /= 4;
    y.dims[2] *= 2;
    y.dims[3] *= 2;
    bool crd = m->opset >= 11 && chance(m, 50);
    if (chance(m, 60) || y.open[2] || y.open[3]) {
        p->val = result(m, "DepthToSpace", p->val.name, crd ? "blocksize=2 mode=CRD" : "blocksize=2", y);
        return true;
    }
    struct val six = p->val, turned;
    int64_t target[6] = { 0, 2, 2, y.dims[1], y.dims[2] / 2, y.dims[3] / 2 };
    int64_t last[4] = { 0, y.dims[1], y.dims[2], y.dims[3] };
    if (crd) memcpy(target, (int64_t[]){ 0, y.dims[1], 2, 2, y.dims[2] / 2, y.dims[3] / 2 }, sizeof target);
    six = result(m, "Reshape", two(m, six.name, whole_list(m, target, 6)), NULL, six);
    turned = result(m, "Transpose", six.name, crd ? "perm=0,1,4,2,5,3" : "perm=0,3,4,1,5,2", six);
    p->val = result(m, "Reshape", two(m, turned.name, whole_list(m, last, 4)), NULL, y);
    return true;
}

/* Steps that an affine may or may not cross: in spoilt segments only. Whatever is folded across them must be right. */

static bool any_pool(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int64_t kernel[MAX_RANK], strides[MAX_RANK], pads[2 * MAX_RANK];
    int space = y.rank - 2;
    bool max = chance(m, 50), ceil = m->opset >= 10 && chance(m, 30);
    if (!is_image(p)) return false;
    for (int i = 0; i < space; i++) {
        kernel[i] = between(m, 1, y.dims[i + 2] < 3 ? y.dims[i + 2] : 3);
        strides[i] = between(m, 1, kernel[i]);
        pads[i] = below(m, kernel[i]);
        pads[i + space] = below(m, kernel[i]);
        int64_t in = y.dims[i + 2], room = in + pads[i] + pads[i + space] - kernel[i];
        y.dims[i + 2] = room / strides[i] + 1;
        if (ceil && room % strides[i] && y.dims[i + 2] * strides[i] < in + pads[i]) y.dims[i + 2]++;
        y.open[i + 2] |= ceil; /* opsets and runtimes differ about the last window */
    }
    const char *text = two(m, attribute(m, "kernel_shape", kernel, space), attribute(m, "strides", strides, space));
    text = two(m, text, attribute(m, "pads", pads, 2 * space));
    if (ceil) text = two(m, text, "ceil_mode=1");
    if (!max && m->opset >= 7 && chance(m, 50)) text = two(m, text, "count_include_pad=1");
    p->val = result(m, max ? "MaxPool" : "AveragePool", p->val.name, text, y);
    return true;
}

/* With a constant, or cutting off. */
static bool any_pad(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int64_t pads[2 * MAX_RANK] = { 0 };
    double value = real(m, -1, 1);
    int axis = below(m, y.rank);
    if (count_of(&y) > MAX_COUNT) return false;
    pads[axis] = between(m, y.dims[axis] > 2 ? -1 : 0, 2);
    pads[axis + y.rank] = between(m, 0, 1);
    y.dims[axis] += pads[axis] + pads[axis + y.rank];
    if (m->opset < 11) {
        const char *text =
            arena_printf(&m->b->arena, "mode=constant value=%.3f %s", value, attribute(m, "pads", pads, 2 * y.rank));
        p->val = result(m, "Pad", p->val.name, text, y);
    } else {
        const char *inputs = two(m, p->val.name, whole_list(m, pads, 2 * y.rank));
        if (chance(m, 60)) inputs = two(m, inputs, constant_of(m, m->type, "", &value));
        p->val = result(m, "Pad", inputs, NULL, y);
    }
    return true;
}

static bool any_reduce(struct maker *m, struct path *p)
{
    static const char *const ops[] = { "ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceL2" };
    struct val y = p->val;
    int kind = below(m, 5);
    int64_t axis = below(m, y.rank);
    bool by_input = m->opset >= 18 || (kind == 0 && m->opset >= 13);
    y.dims[axis] = 1;
    y.open[axis] = false;
    if (by_input) p->val = result(m, ops[kind], two(m, p->val.name, whole_list(m, &axis, 1)), NULL, y);
    else p->val = result(m, ops[kind], p->val.name, attribute(m, "axes", &axis, 1), y);
    return true;
}

/* Any other shape of as many elements: axes may mix. */
static bool any_reshape(struct maker *m, struct path *p)
{
    struct val y = { .rank = (int)between(m, 2, 4) };
    int64_t left = count_of(&p->val);
    int from[MAX_RANK];
    for (int i = 0; i < p->val.rank; i++)
        if (p->val.open[i]) return false;
    for (int i = 0; i < y.rank; i++) {
        int64_t size = i + 1 == y.rank ? left : between(m, 1, 6);
        while (left % size) size--;
        y.dims[i] = size;
        left /= size;
        from[i] = -1;
    }
    p->val = reshape_to(m, &p->val, y, from);
    if (p->channel >= y.rank) p->channel = 1;
    return true;
}

static bool cut_channels(struct maker *m, struct path *p)
{
    struct path other = *p;
    other.channel = -1;
    struct val before = p->val;
    if (!slice(m, &other)) return false;
    p->val = other.val;
    return p->val.dims[p->channel] <= before.dims[p->channel];
}

static bool space_to_depth(struct maker *m, struct path *p)
{
    struct val y = p->val;
    if (!is_image(p) || y.rank != 4 || y.dims[2] % 2 || y.dims[3] % 2 || y.dims[1] > 8) return false;
    y.dims[1] *= 4;
    y.dims[2] /= 2;
    y.dims[3] /= 2;
    p->val = result(m, "SpaceToDepth", p->val.name, "blocksize=2", y);
    return true;
}

/* Times something computed, as squeeze-and-excite has it. */
static bool gate(struct maker *m, struct path *p)
{
    struct val y = p->val, pooled = y;
    if (!is_image(p) || m->opset < 7) return false;
    for (int i = 2; i < y.rank; i++) {
        pooled.dims[i] = 1;
        pooled.open[i] = false;
    }
    pooled = result(m, "GlobalAveragePool", y.name, NULL, pooled);
    pooled = result(m, "Sigmoid", pooled.name, NULL, pooled);
    p->val = result(m, "Mul", chance(m, 50) ? two(m, y.name, pooled.name) : two(m, pooled.name, y.name), NULL, y);
    return true;
}

/* Joined with itself, or with a constant of its own along the channel. */
static bool doubled(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int axis = below(m, y.rank);
    if (count_of(&y) > MAX_COUNT || y.dims[1] > 8) return false;
    y.dims[axis] *= 2;
    p->val = result(m, "Concat", two(m, p->val.name, p->val.name), arena_printf(&m->b->arena, "axis=%d", axis), y);
    return true;
}

static bool clip(struct maker *m, struct path *p)
{
    double least = -1, most = 1;
    if (m->opset < 6) return false;
    if (m->opset < 11) {
        p->val = result(m, "Clip", p->val.name, "min=-1.0 max=1.0", p->val);
        return true;
    }
    const char *inputs = two(m, p->val.name, chance(m, 20) ? "_" : constant_of(m, m->type, "", &least));
    p->val = result(m, "Clip", two(m, inputs, constant_of(m, m->type, "", &most)), NULL, p->val);
    return true;
}

static bool per_channel_relu(struct maker *m, struct path *p)
{
    int64_t dims[MAX_RANK];
    int rank = 0;
    if (m->opset < 7) return false;
    for (int i = p->channel; i < p->val.rank; i++) dims[rank++] = i == p->channel ? p->val.dims[i] : 1;
    p->val = result(m, "PRelu", two(m, p->val.name, random_constant(m, m->type, dims, rank, -0.5, 0.5)), NULL, p->val);
    return true;
}

/* Through the wider type and back. */
static bool cast(struct maker *m, struct path *p)
{
    if (m->type == DTYPE_DOUBLE || m->opset < 6) return false;
    struct val wide = result(m, "Cast", p->val.name, "to=11", p->val);
    p->val = result(m, "Cast", wide.name, m->type == DTYPE_FLOAT ? "to=1" : "to=10", p->val);
    return true;
}

static mover *const wild_movers[] = { any_pool,     any_pad,        any_reduce,       any_reshape,
                                      cut_channels, space_to_depth, depth_to_space,   gate,
                                      doubled,      clip,           per_channel_relu, cast };

static void stumble(struct maker *m, struct path *p)
{
    for (int steps = below(m, 3); steps > 0; steps--)
        wild_movers[below(m, (int)(sizeof wild_movers / sizeof *wild_movers))](m, p);
}

/* Anchors: an output with an affine along one axis to take. */

/* Kernel, strides, dilations, pads of a convolution over x; the sizes that come out go to *y. `padded` false: none. */
static const char *window(struct maker *m, const struct val *x, bool padded, int64_t *kernel, struct val *y)
{
    int64_t strides[MAX_RANK], dilations[MAX_RANK], pads[2 * MAX_RANK] = { 0 };
    int space = x->rank - 2;
    bool same = padded && chance(m, 15), valid = !padded && chance(m, 20);
    for (int i = 0; i < space; i++) {
        int64_t size = x->dims[i + 2];
        kernel[i] = between(m, 1, size < 3 ? size : 3);
        strides[i] = between(m, 1, 2);
        dilations[i] = (kernel[i] - 1) * 2 + 1 <= size && chance(m, 30) ? 2 : 1;
        if (padded && !same) {
            pads[i] = between(m, 0, 2);
            pads[i + space] = between(m, 0, 2);
        }
        int64_t room = size + pads[i] + pads[i + space] - (kernel[i] - 1) * dilations[i] - 1;
        y->dims[i + 2] = same ? (size + strides[i] - 1) / strides[i] : room / strides[i] + 1;
    }
    const char *text = two(m, attribute(m, "strides", strides, space), attribute(m, "dilations", dilations, space));
    if (chance(m, 50)) text = two(m, text, attribute(m, "kernel_shape", kernel, space));
    if (same) return two(m, text, chance(m, 50) ? "auto_pad=SAME_UPPER" : "auto_pad=SAME_LOWER");
    if (valid) return two(m, text, "auto_pad=VALID");
    return padded || chance(m, 30) ? two(m, text, attribute(m, "pads", pads, 2 * space)) : text;
}

static int64_t channels(struct maker *m)
{
    static const int64_t counts[] = { 1, 2, 3, 4, 5, 6, 8, 12 };
    return m->equal_sizes && chance(m, 70) ? m->equal_size : counts[below(m, 8)];
}

static int64_t divisor(struct maker *m, int64_t number)
{
    int64_t d = number;
    if (chance(m, 50)) return 1;
    while (d > 1 && (number % d != 0 || chance(m, 50))) d--;
    return number % d == 0 ? d : 1;
}

static bool conv_with(struct maker *m, struct path *p, bool padded)
{
    struct val y = p->val;
    int64_t dims[MAX_RANK], group = divisor(m, y.dims[1]), out = group * (1 + (channels(m) - 1) / group);
    if (y.rank < 3 || p->channel != 1 || out > 16) return false;
    const char *attributes =
        two(m, window(m, &p->val, padded, &dims[2], &y), arena_printf(&m->b->arena, "group=%lld", (long long)group));
    dims[0] = out;
    dims[1] = y.dims[1] / group;
    y.dims[1] = out;
    const char *inputs = two(m, p->val.name, weight(m, dims, y.rank, product_of(dims + 1, y.rank - 1)));
    if (chance(m, 60)) inputs = two(m, inputs, vector(m, out, -1, 1));
    p->val = result(m, "Conv", inputs, attributes, y);
    return true;
}

static bool conv(struct maker *m, struct path *p)
{
    return conv_with(m, p, chance(m, 60));
}

static const char *spread(struct maker *m, const struct val *x, bool plain, int64_t *kernel, struct val *y)
{
    int64_t strides[MAX_RANK], dilations[MAX_RANK], pads[2 * MAX_RANK] = { 0 }, more[MAX_RANK], sizes[MAX_RANK];
    int space = x->rank - 2, form = plain ? 0 : below(m, 6);
    for (int i = 0; i < space; i++) {
        kernel[i] = plain ? 1 : between(m, 1, 3);
        strides[i] = plain ? 1 : between(m, 1, 2);
        dilations[i] = !plain && chance(m, 20) ? 2 : 1;
        more[i] = plain || strides[i] == 1 ? 0 : below(m, 2);
        int64_t full = strides[i] * (x->dims[i + 2] - 1) + more[i] + (kernel[i] - 1) * dilations[i] + 1;
        if (!plain && full > 3) {
            pads[i] = below(m, 2);
            pads[i + space] = below(m, 2);
        }
        y->dims[i + 2] = form == 1 ? x->dims[i + 2] * strides[i] : full - pads[i] - pads[i + space];
        sizes[i] = full;
    }
    const char *text =
        arena_printf(&m->b->arena, "%s %s %s", attribute(m, "strides", strides, space),
                     attribute(m, "dilations", dilations, space), attribute(m, "output_padding", more, space));
    bool open = false;
    for (int i = 0; i < space; i++) open |= x->open[i + 2];
    if (form == 1) return two(m, text, chance(m, 50) ? "auto_pad=SAME_UPPER" : "auto_pad=SAME_LOWER");
    if (form != 2 || open) return two(m, text, attribute(m, "pads", pads, 2 * space));
    memcpy(&y->dims[2], sizes, (size_t)space * sizeof *sizes);
    return two(m, text, attribute(m, "output_shape", sizes, space));
}

static bool conv_transpose_with(struct maker *m, struct path *p, bool plain)
{
    struct val y = p->val;
    int64_t dims[MAX_RANK], group = divisor(m, y.dims[1]), each = between(m, 1, 3);
    if (y.rank < 3 || p->channel != 1 || count_of(&y) > MAX_COUNT / 4 || group * each > 16) return false;
    const char *attributes =
        two(m, spread(m, &p->val, plain, &dims[2], &y), arena_printf(&m->b->arena, "group=%lld", (long long)group));
    dims[0] = y.dims[1];
    dims[1] = each;
    y.dims[1] = group * each;
    const char *inputs = two(m, p->val.name, weight(m, dims, y.rank, product_of(dims, y.rank) / each));
    if (chance(m, 60)) inputs = two(m, inputs, vector(m, group * each, -1, 1));
    p->val = result(m, "ConvTranspose", inputs, attributes, y);
    return true;
}

static bool conv_transpose(struct maker *m, struct path *p)
{
    return conv_transpose_with(m, p, chance(m, 30));
}

/* C of a Gemm: one of the shapes that broadcast to [M, N]; NULL for none. */
static const char *gemm_bias(struct maker *m, const struct val *y)
{
    int64_t n = y->dims[1], rows = y->dims[0];
    int form = below(m, y->open[0] ? 5 : 7);
    if (m->opset < 11 && form == 0) form = 3;
    switch (form) {
    case 0: return NULL;
    case 1: return random_constant(m, m->type, NULL, 0, -1, 1);
    case 2: return vector(m, 1, -1, 1);
    case 3: return vector(m, n, -1, 1);
    case 4: return random_constant(m, m->type, (int64_t[]){ 1, n }, 2, -1, 1);
    case 5: return random_constant(m, m->type, (int64_t[]){ rows, 1 }, 2, -1, 1);
    default: return random_constant(m, m->type, (int64_t[]){ rows, n }, 2, -1, 1);
    }
}

static bool gemm_with(struct maker *m, struct path *p, bool turned)
{
    struct val y = p->val;
    int contracted = turned ? 0 : 1;
    int64_t k = y.dims[contracted], n = channels(m), dims[2] = { k, n };
    bool turned_b = chance(m, 50);
    if (y.rank != 2 || y.open[contracted] || p->channel != 1) return false;
    if (turned_b) memcpy(dims, (int64_t[]){ n, k }, sizeof dims);
    y.dims[0] = p->val.dims[1 - contracted];
    y.open[0] = p->val.open[1 - contracted];
    y.dims[1] = n;
    y.open[1] = false;
    const char *inputs = two(m, p->val.name, weight(m, dims, 2, k)), *bias = gemm_bias(m, &y);
    if (bias) inputs = two(m, inputs, bias);
    const char *text = arena_printf(&m->b->arena, "%s%s%s%s%s", turned ? "transA=1 " : "", turned_b ? "transB=1 " : "",
                                    chance(m, 30) ? "alpha=0.7 " : "", chance(m, 30) ? "beta=1.3 " : "",
                                    m->opset < 7 ? "broadcast=1" : "");
    p->val = result(m, "Gemm", inputs, text, y);
    return true;
}

static bool gemm(struct maker *m, struct path *p)
{
    return gemm_with(m, p, chance(m, 15));
}

/* A constant after MatMul, as linear layers have it: where there is none, a shift would have to leave one behind, which
 * may cost more than it saves. */
static void bias_after(struct maker *m, struct path *p)
{
    int64_t dims[MAX_RANK];
    int rank = 0;
    for (int i = p->channel; i < p->val.rank; i++) dims[rank++] = i == p->channel ? p->val.dims[i] : 1;
    const char *bias = random_constant(m, m->type, dims, rank, -1, 1);
    p->val = result(m, "Add", chance(m, 50) ? two(m, p->val.name, bias) : two(m, bias, p->val.name), NULL, p->val);
}

static bool matmul_right(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int last = y.rank - 1;
    int64_t n = channels(m), dims[2] = { y.dims[last], n };
    if (y.open[last] || y.rank < 2 || m->opset < 7) return false;
    y.dims[last] = n;
    p->val = result(m, "MatMul", two(m, p->val.name, weight(m, dims, 2, dims[0])), NULL, y);
    p->channel = last;
    bias_after(m, p);
    return true;
}

static bool matmul_left(struct maker *m, struct path *p)
{
    struct val y = p->val;
    int axis = y.rank - 2;
    int64_t rows = channels(m), dims[2] = { rows, y.dims[axis < 0 ? 0 : axis] };
    if (y.rank < 3 || y.open[axis] || m->opset < 7) return false;
    y.dims[axis] = rows;
    p->val = result(m, "MatMul", two(m, weight(m, dims, 2, dims[1]), p->val.name), NULL, y);
    p->channel = axis;
    bias_after(m, p);
    return true;
}

static bool instance_normalization(struct maker *m, struct path *p)
{
    int64_t c = p->val.dims[1], space = count_of(&p->val) / (p->val.dims[0] * c);
    if (p->val.rank < 3 || p->channel != 1 || space < 3 || m->opset < 6) return false;
    const char *inputs = two(m, p->val.name, two(m, vector(m, c, 0.5, 1.5), vector(m, c, -1, 1)));
    p->val = result(m, "InstanceNormalization", inputs, "epsilon=0.01", p->val);
    return true;
}

static bool layer_normalization(struct maker *m, struct path *p)
{
    int last = p->val.rank - 1;
    int64_t c = p->val.dims[last];
    if (m->opset < 17 || p->val.rank < 2 || c < 3 || p->val.open[last]) return false;
    const char *inputs = two(m, p->val.name, vector(m, c, 0.5, 1.5));
    if (chance(m, 60)) inputs = two(m, inputs, vector(m, c, -1, 1));
    p->val = result(m, "LayerNormalization", inputs, "epsilon=0.01", p->val);
    p->channel = last;
    return true;
}

static bool group_normalization(struct maker *m, struct path *p)
{
    int64_t c = p->val.dims[1], groups = divisor(m, c);
    if (m->opset < 21 || p->val.rank < 3 || p->channel != 1 || count_of(&p->val) / p->val.dims[0] / groups < 3)
        return false;
    const char *inputs = two(m, p->val.name, two(m, vector(m, c, 0.5, 1.5), vector(m, c, -1, 1)));
    p->val = result(m, "GroupNormalization", inputs,
                    arena_printf(&m->b->arena, "epsilon=0.01 num_groups=%lld", (long long)groups), p->val);
    return true;
}

/* A table of its own input: p's value is not read. */
static bool gather_table(struct maker *m, struct path *p)
{
    int64_t rows = between(m, 3, 6), c = channels(m), dims[2] = { rows, c };
    struct val y = { .rank = 3, .dims = { 2, 3, c } };
    if (m->depth) return false;
    const char *ids = fresh(m, "ids");
    build_input(m->b, ids, DTYPE_INT64, "2,3");
    const char *table = random_constant(m, m->type, dims, 2, -1, 1);
    p->val = result(m, "Gather", two(m, table, ids), chance(m, 50) ? "axis=0" : NULL, y);
    p->channel = 2;
    return true;
}

static mover *const anchors[] = { conv,
                                  conv,
                                  conv,
                                  conv_transpose,
                                  gemm,
                                  gemm,
                                  matmul_right,
                                  matmul_right,
                                  matmul_left,
                                  instance_normalization,
                                  layer_normalization,
                                  group_normalization,
                                  gather_table };

/* Any anchor that fits the value. */
static bool anchor(struct maker *m, struct path *p)
{
    for (int tries = 0; tries < 40; tries++) {
        p->channel = 1;
        if (p->val.rank < 2 || p->val.open[1]) break;
        if (anchors[below(m, (int)(sizeof anchors / sizeof *anchors))](m, p)) return true;
    }
    return false;
}

/* Takers: an input with an affine along one axis to take. */

static bool take_conv(struct maker *m, struct path *p)
{
    if (p->val.rank < 3) return false;
    channel_to(m, p, 1);
    return conv_with(m, p, m->shiftless && chance(m, 60));
}

static bool take_conv_transpose(struct maker *m, struct path *p)
{
    if (p->val.rank < 3) return false;
    channel_to(m, p, 1);
    return conv_transpose_with(m, p, !m->shiftless || chance(m, 30));
}

/* Through Flatten, where the sizes that merge are known. */
static bool take_flat(struct maker *m, struct path *p)
{
    struct val y = p->val;
    if (p->channel != 1 || y.open[1]) return false;
    for (int i = 2; i < y.rank; i++) {
        if (y.open[i]) return false;
        y.dims[1] *= y.dims[i];
    }
    y.rank = 2;
    if (y.dims[1] > 200) return false;
    if (p->val.rank > 2) p->val = result(m, "Flatten", p->val.name, chance(m, 50) ? "axis=1" : NULL, y);
    return chance(m, 50) ? gemm_with(m, p, false) : matmul_right(m, p);
}

static bool take_matmul(struct maker *m, struct path *p)
{
    bool left = p->val.rank > 2 && chance(m, 50);
    channel_to(m, p, p->val.rank - (left ? 2 : 1));
    return left ? matmul_left(m, p) : matmul_right(m, p);
}

static bool take_recurrent(struct maker *m, struct path *p)
{
    static const struct {
        const char *op;
        int gates;
    } kinds[] = { { "LSTM", 4 }, { "GRU", 3 }, { "RNN", 1 } };
    static const char *const directions[] = { "", "direction=reverse ", "direction=bidirectional " };
    int kind = below(m, 3), direction = below(m, 3);
    int64_t each = direction == 2 ? 2 : 1, hidden = between(m, 1, 3), in;
    if (p->val.rank != 3 || m->opset < 7) return false;
    channel_to(m, p, 2);
    in = p->val.dims[2];
    int64_t w[3] = { each, kinds[kind].gates * hidden, in }, r[3] = { each, w[1], hidden }, b[2] = { each, 2 * w[1] };
    const char *inputs =
        two(m, p->val.name,
            two(m, random_constant(m, m->type, w, 3, -0.5, 0.5), random_constant(m, m->type, r, 3, -0.5, 0.5)));
    if (chance(m, 60)) inputs = two(m, inputs, random_constant(m, m->type, b, 2, -0.5, 0.5));
    struct val y = { .rank = 4,
                     .dims = { p->val.dims[0], each, p->val.dims[1], hidden },
                     .open = { p->val.open[0], false, p->val.open[1], false } };
    const char *text = arena_printf(&m->b->arena, "%shidden_size=%lld", directions[direction], (long long)hidden);
    p->val = result(m, kinds[kind].op, inputs, text, y);
    return true;
}

static mover *const takers[] = { take_conv, take_conv,   take_conv_transpose, take_flat,
                                 take_flat, take_matmul, take_recurrent };

static bool take(struct maker *m, struct path *p)
{
    for (int tries = 0; tries < 30; tries++)
        if (takers[below(m, (int)(sizeof takers / sizeof *takers))](m, p)) return true;
    return false;
}

/* What stands in the way */

static struct val activation(struct maker *m, struct val x)
{
    static const char *const ops[] = { "Relu", "Sigmoid", "Tanh", "LeakyRelu", "Softplus", "Elu", "Abs", "Softmax" };
    return result(m, ops[below(m, 8)], x.name, NULL, x);
}

static void keep(struct maker *m, struct val val, bool read)
{
    if (m->live_count == MAX_LIVE || m->depth) return;
    m->live[m->live_count++] = (struct live){ val, read };
}

/* Lets somebody else see the value. */
static void expose(struct maker *m, struct val val)
{
    if (chance(m, 50)) keep(m, activation(m, val), false);
    else keep(m, val, false);
}

/* A constant that is not per channel though it looks like it where sizes agree; needs the last size to be known. */
static bool per_column(struct maker *m, struct path *p)
{
    int last = p->val.rank - 1;
    if (p->channel == last || p->val.open[last] || m->opset < 7) return false;
    const char *other = vector(m, p->val.dims[last], -1, 1);
    p->val = result(m, chance(m, 50) ? "Add" : "Mul", two(m, p->val.name, other), NULL, p->val);
    return true;
}

static void spoil(struct maker *m, struct path *p)
{
    switch (below(m, 6)) {
    case 0: expose(m, p->val); break;
    case 1: per_column(m, p); break;
    case 2: p->val = activation(m, p->val); break;
    case 3: break;
    default: stumble(m, p); break;
    }
}

static enum bn odd_bn(struct maker *m, const struct val *x)
{
    int kind = below(m, 6);
    bool closed = true;
    for (int i = 1; i < x->rank; i++) closed &= !x->open[i];
    if (kind == 0) return BN_TRAINING;
    if (kind == 1 && m->type != DTYPE_FLOAT16) return BN_DYNAMIC;
    if (kind == 2 && (m->opset == 7 || m->opset == 8) && closed && x->rank > 2) return BN_PER_ELEMENT;
    return BN_INFERENCE;
}

/* Segments. Each reads x and returns what the next may read; false when x does not suit. */

static void choose_signs(struct maker *m)
{
    m->positive = chance(m, 40);
    m->shiftless = chance(m, 15);
}

/* anchor, path, BatchNormalization */
static bool backward(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    bool spoilt = chance(m, 25);
    choose_signs(m);
    m->shiftless = false;
    if (!anchor(m, &p)) return false;
    travel(m, &p, 3);
    if (chance(m, 15)) depth_to_space(m, &p);
    if (chance(m, 15)) bounded(m, &p);
    if (chance(m, 10)) per_column_scale(m, &p); /* The shift is left over as one Add. */
    if (spoilt) spoil(m, &p);
    if (p.val.rank < 2 || p.val.open[p.channel]) return false;
    channel_to(m, &p, 1);
    *x = bn(m, p.val, spoilt ? odd_bn(m, &p.val) : BN_INFERENCE, !spoilt);
    return true;
}

/* BatchNormalization, path, anchor */
static bool forward(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    bool spoilt = chance(m, 25);
    if (x->rank < 2 || x->open[1]) return false;
    choose_signs(m);
    enum bn kind = spoilt ? odd_bn(m, x) : BN_INFERENCE;
    size_t planted = m->graph->planted_count;
    p.val = bn(m, p.val, kind, !spoilt);
    travel(m, &p, 3);
    if (spoilt) spoil(m, &p);
    if (p.val.rank < 2 || p.val.open[p.channel] || !take(m, &p))
        m->graph->planted_count = planted; /* nothing took it */
    *x = p.val;
    return true;
}

/* BatchNormalization where it happens to be. */
static bool stray(struct maker *m, struct val *x)
{
    if (x->rank < 2 || x->open[1]) return false;
    choose_signs(m);
    *x = bn(m, *x, odd_bn(m, x), false);
    return true;
}

static bool wander(struct maker *m, struct val *x)
{
    struct path p = { *x, x->rank > 1 ? 1 : 0 };
    choose_signs(m);
    travel(m, &p, 3);
    stumble(m, &p);
    if (chance(m, 20)) per_column(m, &p);
    if (p.val.rank < 2) return false;
    *x = p.val;
    return true;
}

static bool activate(struct maker *m, struct val *x)
{
    *x = activation(m, *x);
    return true;
}

/* Several anchors over one value, joined: by Add (each takes the scale) or Concat (each takes its part). */
static bool joined(struct maker *m, struct val *x)
{
    struct path parts[3];
    int count = (int)between(m, 2, 3);
    bool concat = chance(m, 50), elsewhere = concat && x->rank > 2 && chance(m, 30); /* not along the channel */
    const char *inputs = "";
    int64_t total = 0;
    if (x->rank < 2 || x->open[1] || m->opset < 7) return false;
    choose_signs(m);
    m->shiftless = false;
    int64_t each = channels(m);
    for (int i = 0; i < count; i++) {
        int64_t out = concat && !elsewhere ? channels(m) : each, dims[MAX_RANK] = { out, x->dims[1], 1, 1, 1 };
        struct val y = *x;
        y.dims[1] = out;
        total += out;
        if (x->rank > 2) parts[i].val = result(m, "Conv", two(m, x->name, weight(m, dims, x->rank, dims[1])), NULL, y);
        else {
            dims[0] = dims[1];
            dims[1] = out;
            parts[i].val = result(m, "MatMul", two(m, x->name, weight(m, dims, 2, dims[0])), NULL, y);
        }
        parts[i].channel = 1;
        if (x->rank == 2) bias_after(m, &parts[i]);
        if (chance(m, 40)) affine_constant(m, &parts[i]);
        if (chance(m, 30)) identity(m, &parts[i]);
        inputs = i ? two(m, inputs, parts[i].val.name) : parts[i].val.name;
    }
    struct val y = parts[0].val;
    int axis = concat && elsewhere ? 2 * below(m, 2) : 1;
    if (concat && axis != 1) y.dims[axis] *= count;
    else if (concat) y.dims[1] = total;
    const char *op = concat                                           ? "Concat"
                     : m->opset >= 8 && m->positive && chance(m, 20)  ? (chance(m, 50) ? "Max" : "Min")
                     : m->opset >= 8 && chance(m, 10)                 ? "Mean"
                     : count == 3 || (m->opset >= 8 && chance(m, 30)) ? "Sum"
                     : chance(m, 20) && !m->positive                  ? "Sub"
                                                                      : "Add";
    y = result(m, op, inputs, concat ? arena_printf(&m->b->arena, "axis=%d", axis) : NULL, y);
    *x = bn(m, y, BN_INFERENCE, true);
    return true;
}

/* An anchor whose output is cut along the channel, with a BatchNormalization on each piece. */
static bool parted(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    choose_signs(m);
    m->shiftless = false;
    if (!anchor(m, &p) || p.val.rank < 2) return false;
    channel_to(m, &p, 1);
    if (p.val.dims[1] < 2) {
        *x = p.val;
        return true;
    }
    int64_t sizes[2] = { between(m, 1, p.val.dims[1] - 1), 0 };
    sizes[1] = p.val.dims[1] - sizes[0];
    struct val a = p.val, b = p.val;
    a.name = fresh(m, "v");
    b.name = fresh(m, "v");
    a.dims[1] = sizes[0];
    b.dims[1] = sizes[1];
    if (m->opset < 13) {
        emit(m, "Split", p.val.name, two(m, a.name, b.name), two(m, "axis=1", attribute(m, "split", sizes, 2)));
    } else {
        emit(m, "Split", two(m, p.val.name, whole_list(m, sizes, 2)), two(m, a.name, b.name), "axis=1");
    }
    a = bn(m, a, BN_INFERENCE, true);
    *x = bn(m, b, BN_INFERENCE, true);
    keep(m, a, false);
    return true;
}

/* A linear layer whose features become channels and space, as generators begin. */
static bool generator_start(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    int64_t c = between(m, 2, 4), h = m->equal_sizes ? c : 3, w = m->equal_sizes ? c : 2, dims[2] = { 0, c * h * w };
    if (x->rank != 2 || x->open[1] || m->opset < 7) return false;
    choose_signs(m);
    m->shiftless = false;
    dims[0] = x->dims[1];
    struct val y = *x;
    y.dims[1] = c * h * w;
    const char *inputs = two(m, x->name, weight(m, dims, 2, dims[0]));
    bool with_gemm = m->opset >= 11 && chance(m, 50);
    p.val = result(m, with_gemm ? "Gemm" : "MatMul", inputs, NULL, y);
    if (!with_gemm) bias_after(m, &p);
    struct val image = { .rank = 4, .dims = { x->dims[0], c, h, w }, .open = { x->open[0] } };
    image = reshape_to(m, &p.val, image, (int[]){ 0, -1, -1, -1 });
    *x = bn(m, image, BN_INFERENCE, true);
    return true;
}

static bool residual(struct maker *m, struct val *x)
{
    struct val y = *x;
    if (x->rank < 2 || m->opset < 7 || !(chance(m, 50) ? activate(m, &y) : stray(m, &y))) return false;
    *x = result(m, "Add", two(m, x->name, y.name), NULL, *x);
    return true;
}

/* Bodies */

/* Anchor and BatchNormalization, with the shape of x again. */
static struct val same_shape(struct maker *m, struct val x)
{
    int64_t c = x.dims[1], dims[MAX_RANK] = { c, c, 1, 1, 1 };
    struct path p = { x, 1 };
    choose_signs(m);
    m->shiftless = false;
    bool before = chance(m, 30);
    if (before) p.val = bn(m, p.val, BN_INFERENCE, true);
    const char *inputs = two(m, p.val.name, weight(m, dims, x.rank, c));
    p.val = result(m, x.rank > 2 ? "Conv" : "MatMul", inputs, NULL, p.val);
    if (x.rank == 2 && m->opset >= 7) bias_after(m, &p);
    if (chance(m, 40)) affine_constant(m, &p);
    return before ? p.val : bn(m, p.val, BN_INFERENCE, true);
}

static void body(struct maker *m, const char *name, struct val x)
{
    build_body(m->b, name);
    m->depth++;
    struct val y = same_shape(m, x);
    build_output(m->b, y.name, m->type, NULL);
    m->depth--;
    build_end(m->b);
}

static bool branches(struct maker *m, struct val *x)
{
    double yes = 1;
    if (x->rank < 2 || x->open[1]) return false;
    const char *condition = fresh(m, "cond");
    if (chance(m, 50) && m->depth == 0) build_input(m->b, condition, DTYPE_BOOL, "");
    else condition = constant_of(m, DTYPE_BOOL, "", &yes);
    struct val y = *x;
    y.name = fresh(m, "v");
    build_node(m->b, "If", fresh(m, "if"), condition, y.name, NULL);
    body(m, "then_branch", *x);
    body(m, "else_branch", *x);
    *x = y;
    return true;
}

static bool turns(struct maker *m, struct val *x)
{
    double yes = 1;
    if (x->rank < 2 || x->open[1]) return false;
    const char *count = whole_scalar(m, 2), *condition = constant_of(m, DTYPE_BOOL, "", &yes);
    struct val y = *x, state = *x;
    const char *shape = "";
    for (int i = 0; i < x->rank; i++) {
        shape = arena_printf(&m->b->arena, "%s%s%lld", shape, i ? "," : "", (long long)x->dims[i]);
        if (i != 1) y.open[i] = state.open[i] = true; /* what a loop carries may change its sizes */
    }
    if (x->open[0]) shape = arena_printf(&m->b->arena, "?%s", strchr(shape, ','));
    y.name = fresh(m, "v");
    state.name = fresh(m, "state");
    build_node(m->b, "Loop", fresh(m, "loop"), two(m, two(m, count, condition), x->name), y.name, NULL);
    build_body(m->b, "body");
    m->depth++;
    const char *go = fresh(m, "go"), *on = fresh(m, "go");
    build_input(m->b, fresh(m, "turn"), DTYPE_INT64, "");
    build_input(m->b, go, DTYPE_BOOL, "");
    build_input(m->b, state.name, m->type, shape);
    build_node(m->b, "Identity", NULL, go, on, NULL);
    struct val next_state = same_shape(m, state);
    build_output(m->b, on, DTYPE_BOOL, NULL);
    build_output(m->b, next_state.name, m->type, NULL);
    m->depth--;
    build_end(m->b);
    *x = y;
    return true;
}

static void call(struct maker *m, const char *function, const struct val *x, const char *output)
{
    build_node(m->b, function, fresh(m, "call"), x->name, output, NULL)->domain =
        arena_copy_text(&m->b->arena, "local");
}

/* A local function; what it holds can be folded when it is called once. */
static bool function_call(struct maker *m, struct val *x)
{
    struct val y = *x, inside = *x;
    const char *function = fresh(m, "f"), *output = fresh(m, "v");
    bool twice = chance(m, 30);
    size_t planted = m->graph->planted_count, shared = m->shared_count;
    if (m->ir < 8 || x->rank < 2 || x->open[1]) return false;
    if (!m->has_functions) build_import(m->b, "local", 1);
    m->has_functions = true;
    y.name = fresh(m, "v");
    call(m, function, x, y.name);
    if (!twice) {
        *x = y;
    } else { /* nothing is known of what it returns */
        struct val again = y;
        again.name = fresh(m, "v");
        call(m, function, &y, again.name);
        build_output(m->b, again.name, m->type, NULL);
    }
    inside.name = fresh(m, "a");
    build_function(m->b, "local", function, inside.name, output, NULL);
    build_import(m->b, "", m->opset);
    m->in_function = true;
    m->depth++;
    m->shared_count = 0;
    inside = same_shape(m, inside);
    build_node(m->b, "Identity", NULL, inside.name, output, NULL);
    m->shared_count = shared;
    m->depth--;
    m->in_function = false;
    build_end(m->b);
    if (twice) m->graph->planted_count = planted;
    return true;
}

/* An If that makes something of the value in either branch. */
static void choice(struct maker *m, const char *value, const char *output)
{
    static const char *const bodies[] = { "then_branch", "else_branch" }, *const ops[] = { "Abs", "Neg" };
    const char *condition = fresh(m, "c");
    build_node(m->b, "Constant", NULL, "", condition, NULL);
    build_attribute_tensor(m->b, "value", build_tensor(m->b, "", DTYPE_BOOL, "", (double[]){ chance(m, 50) ? 1 : 0 }));
    build_node(m->b, "If", fresh(m, "if"), condition, output, NULL);
    for (int i = 0; i < 2; i++) {
        const char *made = fresh(m, "v");
        build_body(m->b, bodies[i]);
        build_node(m->b, ops[i], NULL, value, made, NULL);
        build_output(m->b, made, m->type, NULL);
        build_end(m->b);
    }
}

/* A function that is a BatchNormalization of what its calls pass, and may choose something else for one of them. */
static bool function_of_parameters(struct maker *m, struct val *x)
{
    const char *function = fresh(m, "f"), *names[7];
    struct path p = { *x, 1 };
    if (m->ir < 8 || m->opset < 9 || m->depth || m->type == DTYPE_FLOAT16) return false;
    choose_signs(m);
    if (!anchor(m, &p) || p.val.rank < 2) return false;
    channel_to(m, &p, 1);
    if (p.val.open[1]) return false;
    if (!m->has_functions) build_import(m->b, "local", 1);
    m->has_functions = true;
    const bool chooses = chance(m, 40);
    for (int calls = (int)between(m, 1, 3); calls > 0; calls--) {
        struct val y = p.val;
        y.name = fresh(m, "v");
        const char *chosen = fresh(m, "v"), *outputs = chooses ? two(m, y.name, chosen) : y.name;
        build_node(m->b, function, fresh(m, "call"), parameters(m, &p.val, BN_INFERENCE), outputs, NULL)->domain =
            arena_copy_text(&m->b->arena, "local");
        if (chooses) build_output(m->b, chosen, m->type, NULL);
        p.val = y;
        if (calls > 1 && chance(m, 60) && !conv(m, &p)) break;
    }
    for (int i = 0; i < 7; i++) names[i] = fresh(m, "a");
    const char *outputs = chooses ? two(m, names[5], names[6]) : names[5];
    const char *inputs = arena_printf(&m->b->arena, "%s %s %s %s %s", names[0], names[1], names[2], names[3], names[4]);
    if (chance(m, 40)) { /* It only hands on what it is called with. */
        const char *called = fresh(m, "f");
        build_function(m->b, "local", function, inputs, outputs, NULL);
        build_import(m->b, "", m->opset);
        build_import(m->b, "local", 1);
        build_node(m->b, called, fresh(m, "call"), inputs, outputs, NULL)->domain =
            arena_copy_text(&m->b->arena, "local");
        build_end(m->b);
        function = called;
    }
    build_function(m->b, "local", function, inputs, outputs, NULL);
    build_import(m->b, "", m->opset);
    const char *name = fresh(m, "bn");
    build_node(m->b, "BatchNormalization", name, inputs, names[5], NULL);
    if (chooses) choice(m, names[4], names[6]);
    build_end(m->b);
    plant(m, name, false);
    build_output(m->b, p.val.name, m->type, NULL); /* nothing is known of its shape */
    return true;
}

/* What goes without a BatchNormalization, past other readers, or beside a Conv. */

/* The value under an affine, added to itself or taken from it. */
static void beside_itself(struct maker *m, struct path *p)
{
    static const char *const ops[] = { "Add", "Sum", "Sub" };
    const struct val x = p->val;
    affine_constant(m, p);
    const int kind = below(m, m->positive ? 2 : 3);
    p->val = result(m, ops[kind], product_inputs(m, p->val.name, x.name, chance(m, 50)), NULL, p->val);
}

/* Mul, Add and their like after an anchor, or before a Conv; between what is no part of a pattern that runtimes look
 * for. After a MatMul one of them may stay in the place of its bias. */
static bool affines(struct maker *m, struct val *x)
{
    static mover *const linear[] = { conv, conv_transpose, gemm, matmul_right, matmul_left };
    struct path p = { *x, 1 };
    if (x->rank < 2 || x->open[1]) return false;
    size_t planted = m->graph->planted_count;
    choose_signs(m);
    m->shares_nothing = true;
    bool before = x->rank > 2 && chance(m, 50), good = before;
    int kind = 0;
    for (int tries = 0; !good && tries < 10; tries++) good = linear[kind = below(m, 5)](m, &p);
    if (before) p.val = result(m, "Relu", p.val.name, NULL, p.val);
    m->plants_affines = good && kind < 3;
    for (int i = (int)between(m, 1, 3); good && i > 0; i--)
        if (chance(m, 25)) beside_itself(m, &p);
        else affine_constant(m, &p);
    m->plants_affines = false;
    if (good && chance(m, 20)) transpose(m, &p);
    if (before) good = take_conv(m, &p);
    m->shares_nothing = false;
    if (good) p.val = result(m, "Relu", p.val.name, NULL, p.val);
    else m->graph->planted_count = planted;
    *x = p.val;
    return good;
}

/* Products of what is computed, and an Add, between anchor and BatchNormalization: the scale goes into the anchor, the
 * shift into the Add, or into one of its own. */
static bool past_product(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    bool made = false;
    choose_signs(m);
    m->shiftless = false;
    if (m->opset < 7 || !anchor(m, &p) || p.val.rank < 2) return false;
    if (chance(m, 30)) channel_to(m, &p, below(m, p.val.rank));
    for (int tries = 0; tries < 6 && !made; tries++) made = product(m, &p);
    if (!made || p.val.open[p.channel]) return false;
    if (chance(m, 50)) bias_after(m, &p);
    channel_to(m, &p, 1);
    *x = bn(m, p.val, BN_INFERENCE, true);
    return true;
}

/* A constant that differs from element to element. */
static void add_map(struct maker *m, struct path *p)
{
    int64_t dims[MAX_RANK];
    for (int i = 0; i < p->val.rank; i++) dims[i] = p->val.open[i] ? 1 : p->val.dims[i];
    const char *map = random_constant(m, m->type, dims, p->val.rank, -1, 1);
    p->val = result(m, "Add", product_inputs(m, p->val.name, map, chance(m, 50)), NULL, p->val);
}

/* BatchNormalization, Add of a constant, which takes the shift and the inverse of the scale, and an anchor that pads or
 * stands after a product. */
static bool past_add(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    if (m->opset < 7 || x->rank < 2 || x->open[1] || count_of(x) > MAX_COUNT) return false;
    choose_signs(m);
    size_t planted = m->graph->planted_count;
    p.val = bn(m, p.val, BN_INFERENCE, m->positive || m->type != DTYPE_FLOAT16);
    if (chance(m, 50)) bias_after(m, &p);
    else add_map(m, &p);
    m->shiftless = true; /* from here on */
    if (chance(m, 60)) product(m, &p);
    if (!take(m, &p)) m->graph->planted_count = planted;
    *x = p.val;
    return true;
}

/* Affines of one value that are added, or subtracted: one affine of it. */
static bool affines_of_one(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    if (!anchor(m, &p) || p.val.rank < 2) return false;
    channel_to(m, &p, 1);
    if (p.val.open[1]) return false;
    choose_signs(m);
    struct val a = bn(m, p.val, BN_INFERENCE, true), b = chance(m, 40) ? bn(m, p.val, BN_INFERENCE, true) : p.val;
    if (chance(m, 40)) {
        *x = result(m, "Sum", two(m, p.val.name, two(m, b.name, a.name)), NULL, a);
        return true;
    }
    *x = result(m, chance(m, 50) ? "Add" : "Sub", product_inputs(m, a.name, b.name, chance(m, 50)), NULL, a);
    return true;
}

/* A vector is one channel: between two layers of one feature. */
static bool vector_norm(struct maker *m, struct val *x)
{
    int64_t dims[2] = { x->rank > 1 ? x->dims[1] : 0, 1 };
    struct path p = { *x, 1 };
    bool before = chance(m, 50);
    if (x->rank != 2 || x->open[1] || m->opset < 7) return false;
    choose_signs(m);
    m->shiftless = false;
    struct val y = *x, vector;
    y.dims[1] = 1;
    p.val = result(m, "MatMul", two(m, x->name, weight(m, dims, 2, dims[0])), NULL, y);
    if (before) bias_after(m, &p);
    else p.val = activation(m, p.val);
    vector = p.val;
    vector.rank = 1; /* and its dims[1] is still the one channel */
    vector = with_axes(m, "Squeeze", &p.val, (int64_t[]){ 1 }, 1, vector);
    vector = bn(m, vector, BN_INFERENCE, true);
    y.name = "";
    p.val = with_axes(m, "Unsqueeze", &vector, (int64_t[]){ 1 }, 1, y);
    if (!before) {
        dims[0] = 1;
        dims[1] = channels(m);
        y.dims[1] = dims[1];
        p.val = result(m, "MatMul", two(m, p.val.name, weight(m, dims, 2, 1)), NULL, y);
        bias_after(m, &p);
    }
    *x = p.val;
    return true;
}

/* Gemm or MatMul of a square matrix. */
static struct val square_product(struct maker *m, const struct val *x)
{
    int64_t c = x->dims[1], dims[2] = { c, c };
    const char *inputs = two(m, x->name, weight(m, dims, 2, c));
    if (chance(m, 40)) return result(m, "MatMul", inputs, NULL, *x);
    if (m->opset < 11 || chance(m, 60)) inputs = two(m, inputs, vector(m, c, -1, 1));
    return result(m, "Gemm", inputs, chance(m, 50) ? "transB=1 alpha=0.5" : NULL, *x);
}

/* product(x) + BatchNormalization(x): a MatMul leaves the shift in the sum. */
static bool flat_sibling(struct maker *m, struct val *x)
{
    struct val sum = *x, a, b;
    if (x->rank != 2 || x->open[1] || m->opset < 7 || x->dims[1] > 16) return false;
    choose_signs(m);
    a = square_product(m, x);
    b = bn(m, *x, BN_INFERENCE, true);
    if (chance(m, 30)) a = result(m, "Add", two(m, a.name, activation(m, *x).name), NULL, sum);
    *x = result(m, "Add", chance(m, 50) ? two(m, a.name, b.name) : two(m, b.name, a.name), NULL, sum);
    return true;
}

/* Conv(x) + BatchNormalization(x), of one shape. */
static bool sibling(struct maker *m, struct val *x)
{
    int64_t c = x->dims[1], group = divisor(m, c), pads[2 * MAX_RANK], dims[MAX_RANK] = { c, c / group };
    int space = x->rank - 2;
    struct val sum = *x;
    if (x->rank == 2) return flat_sibling(m, x);
    if (x->rank < 3 || x->open[1] || m->opset < 7 || c > 16) return false;
    for (int i = 0; i < space; i++) {
        dims[i + 2] = between(m, 1, 3);
        pads[i] = between(m, 0, dims[i + 2] - 1);
        pads[i + space] = dims[i + 2] - 1 - pads[i];
    }
    const char *attributes =
        two(m, attribute(m, "pads", pads, 2 * space), arena_printf(&m->b->arena, "group=%lld", (long long)group));
    const char *inputs = two(m, x->name, weight(m, dims, x->rank, product_of(dims + 1, x->rank - 1)));
    if (chance(m, 50)) inputs = two(m, inputs, vector(m, c, -1, 1));
    struct val a = result(m, "Conv", inputs, attributes, *x), b = bn(m, *x, BN_INFERENCE, true);
    if (chance(m, 50)) a = bn(m, a, BN_INFERENCE, true);
    if (chance(m, 30)) a = result(m, "Add", two(m, a.name, activation(m, *x).name), NULL, sum);
    *x = result(m, "Add", chance(m, 50) ? two(m, a.name, b.name) : two(m, b.name, a.name), NULL, sum);
    return true;
}

/* An anchor read by a BatchNormalization and by a linear operator. Its home depends on how small the scales are; those
 * that are positive are not small. */
static bool inverse(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 }, q;
    choose_signs(m);
    if (!anchor(m, &p) || p.val.rank < 2) return false;
    channel_to(m, &p, 1);
    if (p.val.open[1]) return false;
    q = p;
    if (q.val.rank == 2 ? !take_flat(m, &q) : !take_conv(m, &q)) return false;
    expose(m, q.val);
    *x = activation(m, bn(m, p.val, BN_INFERENCE, m->positive && m->type != DTYPE_FLOAT16));
    return true;
}

/* Conv, ReLU or Clip, perhaps a pool, BatchNormalization, Conv: a home where floors are allowed. */
static bool bend(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    if (x->rank < 3 || x->open[1] || m->opset < 8) return false;
    choose_signs(m);
    if (!conv(m, &p)) return false;
    if (chance(m, 70)) p.val = result(m, "Relu", p.val.name, NULL, p.val);
    else if (!clip(m, &p)) return false;
    bool pooled = chance(m, 30) && any_pool(m, &p);
    size_t planted = m->graph->planted_count;
    p.val = bn(m, p.val, BN_INFERENCE, m->graph->floors && !pooled && m->type != DTYPE_FLOAT16);
    if (chance(m, 30)) { /* Where the sign of a scale cannot go, or nothing linear follows. */
        if (!any_pool(m, &p)) p.val = activation(m, p.val);
    } else if (p.val.open[1] || !conv_with(m, &p, chance(m, 70)) || chance(m, 30)) {
        m->graph->planted_count = planted;
    }
    *x = p.val;
    return true;
}

/* Conv of kernel 3 that keeps the shape. */
static struct val same_conv(struct maker *m, struct val x)
{
    int64_t dims[MAX_RANK] = { x.dims[1], x.dims[1], 3, 3, 3 };
    const char *pads = x.rank == 3 ? "pads=1,1" : x.rank == 4 ? "pads=1,1,1,1" : "pads=1,1,1,1,1,1";
    const char *inputs = two(m, x.name, weight(m, dims, x.rank, product_of(dims + 1, x.rank - 1)));
    if (chance(m, 50)) inputs = two(m, inputs, vector(m, x.dims[1], -1, 1));
    return result(m, "Conv", inputs, pads, x);
}

/* Pre-activation blocks with the value itself as skip. At home where every scale is positive: the shift goes into the
 * stem, the scale across the ReLU. */
static bool preactivation(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    if (x->rank < 3 || x->open[1] || m->opset < 7 || !conv(m, &p) || p.val.dims[1] > 8) return false;
    choose_signs(m);
    m->shiftless = false;
    bool plant = m->positive && m->type != DTYPE_FLOAT16;
    for (int blocks = (int)between(m, 1, 2); blocks > 0; blocks--) {
        struct val inner = result(m, "Relu", bn(m, p.val, BN_INFERENCE, plant).name, NULL, p.val);
        inner = same_conv(m, inner);
        p.val = result(m, "Add", chance(m, 50) ? two(m, inner.name, p.val.name) : two(m, p.val.name, inner.name), NULL,
                       p.val);
    }
    p.val = result(m, "Relu", bn(m, p.val, BN_INFERENCE, plant).name, NULL, p.val);
    *x = same_conv(m, p.val);
    return true;
}

/* Convs of one value that are added; merged on request. */
static bool branched(struct maker *m, struct val *x)
{
    int64_t c = x->rank > 2 ? x->dims[1] : 0, out = channels(m);
    int space = x->rank - 2;
    struct val y = *x;
    const char *terms = NULL;
    if (x->rank < 3 || x->open[1] || m->opset < 8) return false;
    choose_signs(m);
    m->shiftless = false;
    y.dims[1] = out;
    int64_t stride = between(m, 1, 2), strides[MAX_RANK];
    for (int i = 0; i < space; i++) strides[i] = stride;
    for (int i = 0; i < space; i++) y.dims[i + 2] = (x->dims[i + 2] - 1) / stride + 1;
    for (int count = (int)between(m, 2, 3); count > 0; count--) {
        int64_t dims[MAX_RANK] = { out, c }, pads[2 * MAX_RANK];
        for (int i = 0; i < space; i++) {
            dims[i + 2] = chance(m, 50) ? 1 : 3;
            pads[i] = pads[i + space] = dims[i + 2] / 2;
        }
        const char *text = two(m, attribute(m, "pads", pads, 2 * space), attribute(m, "strides", strides, space));
        const char *inputs = two(m, x->name, weight(m, dims, x->rank, product_of(dims + 1, x->rank - 1)));
        if (chance(m, 50)) inputs = two(m, inputs, vector(m, out, -1, 1));
        struct val term = result(m, "Conv", inputs, text, y);
        if (chance(m, 60)) term = bn(m, term, BN_INFERENCE, true);
        terms = terms ? two(m, terms, term.name) : term.name;
    }
    *x = result(m, "Sum", terms, NULL, y);
    return true;
}

/* BatchNormalization, padded Conv, an average over the whole plane, and what takes the shift then. */
static bool averaged(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    if (x->rank < 3 || !m->may_plant) return false; /* sizes that a caller may change are no sizes */
    for (int i = 1; i < x->rank; i++)
        if (x->open[i]) return false;
    choose_signs(m);
    size_t planted = m->graph->planted_count;
    p.val = bn(m, p.val, BN_INFERENCE, true);
    if (!(chance(m, 70) ? conv_with(m, &p, true) : conv_transpose_with(m, &p, true))) return false;
    struct val y = p.val;
    for (int i = 2; i < y.rank; i++) {
        y.dims[i] = 1;
        y.open[i] = false;
    }
    p.val = result(m, "GlobalAveragePool", p.val.name, NULL, y);
    if (!conv_with(m, &p, false)) m->graph->planted_count = planted;
    *x = p.val;
    return true;
}

/* A Conv whose weight is integers with one scale for all or one a channel. */
static bool quantized(struct maker *m, struct val *x)
{
    struct path p = { *x, 1 };
    if (x->rank < 3 || x->open[1] || m->opset < 13 || m->type != DTYPE_FLOAT || m->in_function || !m->may_plant
        || m->ir < 4)
        return false;
    int64_t dims[MAX_RANK] = { channels(m), x->dims[1], 1, 1, 1 };
    bool each = chance(m, 40);
    choose_signs(m);
    const char *integers = fresh(m, "q"), *scales = random_constant(m, m->type, dims, each, 0.005, 0.02);
    build_init(m->b, integers, DTYPE_INT8, list_text(m, dims, x->rank), next(m));
    struct val w = { .rank = x->rank }, y = *x;
    w = result(m, "DequantizeLinear", two(m, integers, scales), each ? "axis=0" : NULL, w);
    y.dims[1] = dims[0];
    p.val = result(m, "Conv", two(m, x->name, w.name), NULL, y);
    *x = bn(m, p.val, BN_INFERENCE, true);
    return true;
}

typedef bool segment(struct maker *m, struct val *x);

static segment *const segments[] = { backward, backward, backward,    backward,      forward,
                                     forward,  forward,  forward,     stray,         wander,
                                     activate, activate, joined,      parted,        generator_start,
                                     residual, branches, turns,       function_call, function_of_parameters,
                                     affines,  affines,  sibling,     sibling,       inverse,
                                     inverse,  bend,     bend,        preactivation, preactivation,
                                     branched, averaged, quantized,   past_product,  past_product,
                                     past_add, past_add, vector_norm, affines_of_one };

/* The model */

static void add_input(struct maker *m)
{
    struct val x = { .name = fresh(m, "x"), .rank = (int)between(m, 2, MAX_RANK) };
    static const int64_t sizes[MAX_RANK] = { 2, 3, 5, 4, 6 };
    static const char *const letters[MAX_RANK] = { "N", "C", "D", "H", "W" };
    char text[128], *to = text;
    int64_t shift = below(m, 3);
    for (int i = 0; i < x.rank; i++) {
        x.dims[i] = m->equal_sizes ? m->equal_size : sizes[i] + (i == 1 ? shift : 0);
        x.open[i] = i == 0 ? chance(m, 50) : i > 1 && chance(m, 15);
        if (x.rank == MAX_RANK && !m->equal_sizes && i > 2) x.dims[i] -= 2;
        to += x.open[i] ? sprintf(to, "%s%s%d,", letters[i], x.name, i) : sprintf(to, "%lld,", (long long)x.dims[i]);
        if (x.open[i] && m->graph->dim_count < 8) {
            const char *name = arena_printf(&m->b->arena, "%s%s%d", letters[i], x.name, i);
            m->graph->dims[m->graph->dim_count++] = (bnfuse_dim){ name, x.dims[i] };
        }
    }
    to[-1] = 0;
    build_input(m->b, x.name, m->type, text);
    keep(m, x, true);
}

static void choose_model(struct maker *m)
{
    static const int64_t opsets[] = { 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22 };
    m->opset = opsets[below(m, (int)(sizeof opsets / sizeof *opsets))];
    m->ir = chance(m, 15) ? 3 : m->opset >= 21 ? 10 : 8;
    m->type = chance(m, 70) ? DTYPE_FLOAT : chance(m, 50) ? DTYPE_DOUBLE : DTYPE_FLOAT16;
    m->equal_sizes = chance(m, 40);
    m->equal_size = between(m, 2, 4);
    m->overridable = m->ir >= 4 && chance(m, 10);
    m->graph->freeze_weights = m->overridable && chance(m, 60);
    m->graph->floors = chance(m, 30);
    if (m->graph->floors) m->graph->enabled[m->graph->enabled_count++] = "floor";
    if (chance(m, 25)) m->graph->enabled[m->graph->enabled_count++] = "reparam";
    if (chance(m, 25)) m->graph->enabled[m->graph->enabled_count++] = "shift-map";
    m->may_plant = !m->overridable || m->graph->freeze_weights;
}

static void add_segment(struct maker *m)
{
    size_t at = chance(m, 65) ? m->live_count - 1 : (size_t)below(m, (int)m->live_count);
    struct val val = m->live[at].val;
    size_t planted = m->graph->planted_count;
    int from = m->names + 1;
    if (count_of(&val) > 4 * MAX_COUNT || val.rank < 2) return;
    bool made = segments[below(m, (int)(sizeof segments / sizeof *segments))](m, &val);
    for (; planted < m->graph->planted_count; planted++) {
        m->graph->planted[planted].from = from;
        m->graph->planted[planted].to = m->names;
    }
    if (!made) return;
    m->live[at].read = true;
    if (val.rank > 1) keep(m, val, false);
}

void random_graph(struct random_graph *graph, uint64_t seed)
{
    struct maker m = { .graph = graph, .b = &graph->build, .random = seed };
    *graph = (struct random_graph){ .seed = seed };
    choose_model(&m);
    build_open(&graph->build, m.ir, m.opset);
    for (int i = (int)between(&m, 1, 2); i > 0; i--) add_input(&m);
    for (int i = (int)between(&m, 1, 7); i > 0; i--) add_segment(&m);
    for (size_t i = 0; i < m.live_count; i++) {
        bool input = m.live[i].val.name[0] == 'x';
        if (!input && (!m.live[i].read || chance(&m, 10)))
            build_output(&graph->build, m.live[i].val.name, m.type, NULL);
    }
}
