/* SPDX-License-Identifier: Apache-2.0
 *
 * Broadcasting as inner loops. */
#include "runtime/math/broadcast.h"
#include "runtime/element.h"
#include "runtime/math/simd.h"

#include <string.h>

#define INNER_LOOP_MOST 8192 /* elements of an inner loop at most */
#define SHORT_ROW       64   /* shorter rows are taken together, to make inner loops of about BATCH elements */
#define BATCH           512

/* The merged dims, outermost first, and how far each array goes for a step along them (0: it stands still). */
struct walk {
    int rank;
    int64_t dims[ARRAY_MAX_RANK];
    int64_t steps[BROADCAST_MAX][ARRAY_MAX_RANK];
    const char *data[BROADCAST_MAX];
    size_t sizes[BROADCAST_MAX];
    size_t count;
    char *to;
    size_t to_size;
    int64_t batch;    /* rows that are taken together: 1 unless they are short */
    int64_t per_line; /* inner loops of a row; if rows are taken together, of the dim of rows */
};

bool broadcast_shape(struct call *call, size_t count, const struct array *const *arrays, int *rank, int64_t *dims)
{
    *rank = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t joined[ARRAY_MAX_RANK];
        if (!broadcast_dims(*rank, dims, arrays[i]->rank, arrays[i]->dims, rank, joined))
            return call_fail(call, "the dims of input %zu do not broadcast to those of the others", i);
        memcpy(dims, joined, sizeof *dims * (size_t)*rank);
    }
    return true;
}

/* Elements from one index of `axis` (of the result) to the next in this array. */
static int64_t step_along(const struct array *array, int rank, int axis)
{
    int own = axis - (rank - array->rank);
    if (own < 0 || array->dims[own] == 1) return 0;
    return dims_product(array->dims, own + 1, array->rank);
}

/* Whether going once around `inner` is one step of `outer`, for every array. */
static bool merges(const struct walk *walk, const int64_t *steps, int64_t inner_dim, int outer)
{
    for (size_t i = 0; i < walk->count; i++)
        if (steps[i] * inner_dim != walk->steps[i][outer]) return false;
    return true;
}

static void walk_build(struct walk *walk, const struct array *to, size_t count, const struct array *const *from)
{
    *walk = (struct walk){ .count = count, .to = to->data, .to_size = store_size(to->store) };
    for (size_t i = 0; i < count; i++) {
        walk->data[i] = from[i]->data;
        walk->sizes[i] = store_size(from[i]->store);
    }
    for (int axis = 0; axis < to->rank; axis++) {
        int64_t steps[BROADCAST_MAX], dim = to->dims[axis];
        if (dim == 1) continue;
        for (size_t i = 0; i < count; i++) steps[i] = step_along(from[i], to->rank, axis);
        int last = walk->rank - 1;
        if (last >= 0 && merges(walk, steps, dim, last)) walk->dims[last] *= dim;
        else walk->dims[last = walk->rank++] = dim;
        for (size_t i = 0; i < count; i++) walk->steps[i][last] = steps[i];
    }
    if (walk->rank == 0) walk->dims[walk->rank++] = 1;
    int64_t length = walk->dims[walk->rank - 1];
    walk->batch = length < SHORT_ROW && walk->rank > 1 ? BATCH / length : 1;
    int64_t line = walk->batch > 1 ? walk->dims[walk->rank - 2] : length,
            part = walk->batch > 1 ? walk->batch : INNER_LOOP_MOST;
    walk->per_line = (line + part - 1) / part;
}

/* Where each array stands at index `row` of the dims before `end`, flattened. */
static void find_offsets(const struct walk *walk, int end, int64_t row, int64_t *offsets)
{
    for (size_t i = 0; i < walk->count; i++) offsets[i] = 0;
    for (int axis = end - 1; axis >= 0; axis--) {
        for (size_t i = 0; i < walk->count; i++) offsets[i] += row % walk->dims[axis] * walk->steps[i][axis];
        row /= walk->dims[axis];
    }
}

/* Part of a row, which is a run along the innermost dim. */
static struct inner_loop part_of_row(const struct walk *walk, int64_t number)
{
    int inner = walk->rank - 1;
    int64_t row = number / walk->per_line, start = number % walk->per_line * INNER_LOOP_MOST,
            length = walk->dims[inner];
    int64_t offsets[BROADCAST_MAX];
    struct inner_loop loop = { .count = length - start < INNER_LOOP_MOST ? length - start : INNER_LOOP_MOST,
                               .to = walk->to + (size_t)(row * length + start) * walk->to_size };
    find_offsets(walk, inner, row, offsets);
    for (size_t i = 0; i < walk->count; i++) {
        loop.moves[i] = walk->steps[i][inner] != 0;
        offsets[i] += start * walk->steps[i][inner];
        loop.from[i] = walk->data[i] + (size_t)offsets[i] * walk->sizes[i];
    }
    return loop;
}

/* Room for the elements of a batch of rows of each array. */
struct gathered {
    uint64_t elements[BROADCAST_MAX][BATCH];
};

#define SPREAD(type)                         \
    for (int64_t r = 0; r < rows; r++)       \
        for (int64_t i = 0; i < length; i++) \
    ((type *)to)[r * length + i] = ((const type *)from)[r * row_step + i * step]

static void gather_rows(void *to, const void *from, size_t size, int64_t rows, int64_t row_step, int64_t length,
                        int64_t step)
{
    if (size == sizeof(uint32_t)) SPREAD(uint32_t);
    else SPREAD(uint64_t);
}

/* Several rows. An array that neither stands still nor passes them in one go is gathered. */
static struct inner_loop batch_of_rows(const struct walk *walk, int64_t number, struct gathered *gathered)
{
    int inner = walk->rank - 1, outer = inner - 1;
    int64_t plane = number / walk->per_line, row = number % walk->per_line * walk->batch;
    int64_t rows = walk->dims[outer] - row < walk->batch ? walk->dims[outer] - row : walk->batch;
    int64_t length = walk->dims[inner], offsets[BROADCAST_MAX];
    struct inner_loop loop = { .count = rows * length,
                               .to = walk->to + (size_t)((plane * walk->dims[outer] + row) * length) * walk->to_size };
    find_offsets(walk, outer, plane, offsets);
    for (size_t i = 0; i < walk->count; i++) {
        int64_t step = walk->steps[i][inner], row_step = walk->steps[i][outer];
        offsets[i] += row * row_step;
        loop.from[i] = walk->data[i] + (size_t)offsets[i] * walk->sizes[i];
        loop.moves[i] = step != 0 || row_step != 0;
        if (!loop.moves[i] || (step == 1 && row_step == length)) continue;
        gather_rows(gathered->elements[i], loop.from[i], walk->sizes[i], rows, row_step, length, step);
        loop.from[i] = gathered->elements[i];
    }
    return loop;
}

struct inner_loops {
    const struct walk *walk;
    inner_loop_function function;
    const double *parameters;
    const struct simd *simd;
};

static void run_loops(const void *context, int64_t first, int64_t end, int member)
{
    const struct inner_loops *loops = context;
    struct gathered gathered;
    (void)member;
    for (int64_t s = first; s < end; s++) {
        struct inner_loop loop =
            loops->walk->batch > 1 ? batch_of_rows(loops->walk, s, &gathered) : part_of_row(loops->walk, s);
        loop.parameters = loops->parameters;
        loop.simd = loops->simd;
        loops->function(&loop);
    }
}

void broadcast_run(const struct call *call, inner_loop_function function, struct array *to, size_t count,
                   const struct array *const *from, const double *parameters)
{
    struct walk walk;
    if (to->count == 0) return;
    walk_build(&walk, to, count, from);
    int64_t loops = dims_product(walk.dims, 0, walk.rank - (walk.batch > 1 ? 2 : 1)) * walk.per_line;
    const struct simd *simd = is_real(from[0]) ? simd_for(from[0]->store, call->simd_row) : NULL;
    struct inner_loops all = { &walk, function, parameters, simd };
    team_run(call->team, loops, team_piece(loops, to->count), run_loops, &all);
}
