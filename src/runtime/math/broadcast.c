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

/* A merged dim, and how far each array goes for a step along it (0: it stands still). */
struct walk_axis {
    int64_t dim, steps[BROADCAST_MAX];
};

/* What is asked for most often comes first, close together. */
struct walk {
    int rank;
    size_t count;
    char *to;
    size_t to_size;
    const char *data[BROADCAST_MAX];
    size_t sizes[BROADCAST_MAX];
    int64_t batch;                         /* rows that are taken together: 1 unless they are short */
    int64_t per_line;                      /* inner loops of a row; if rows are taken together, of the dim of rows */
    struct walk_axis axes[ARRAY_MAX_RANK]; /* outermost first */
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
        if (steps[i] * inner_dim != walk->axes[outer].steps[i]) return false;
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
        if (last >= 0 && merges(walk, steps, dim, last)) walk->axes[last].dim *= dim;
        else walk->axes[last = walk->rank++].dim = dim;
        for (size_t i = 0; i < count; i++) walk->axes[last].steps[i] = steps[i];
    }
    if (walk->rank == 0) walk->axes[walk->rank++].dim = 1;
    int64_t length = walk->axes[walk->rank - 1].dim;
    walk->batch = length < SHORT_ROW && walk->rank > 1 ? BATCH / length : 1;
    int64_t line = walk->batch > 1 ? walk->axes[walk->rank - 2].dim : length,
            part = walk->batch > 1 ? walk->batch : INNER_LOOP_MOST;
    walk->per_line = (line + part - 1) / part;
}

/* Where each array stands at index `row` of the dims before `end`, flattened. */
static void find_offsets(const struct walk *walk, int end, int64_t row, int64_t *offsets)
{
    for (size_t i = 0; i < walk->count; i++) offsets[i] = 0;
    for (int axis = end - 1; axis >= 0; axis--) {
        int64_t index = axis > 0 ? row % walk->axes[axis].dim : row;
        for (size_t i = 0; i < walk->count; i++) offsets[i] += index * walk->axes[axis].steps[i];
        if (axis > 0) row /= walk->axes[axis].dim;
    }
}

/* Part of a row, which is a run along the innermost dim. */
static void part_of_row(const struct walk *walk, int64_t row, int64_t start, int64_t most, struct inner_loop *loop)
{
    int inner = walk->rank - 1;
    int64_t length = walk->axes[inner].dim, offsets[BROADCAST_MAX];
    loop->count = length - start < most ? length - start : most;
    loop->to = walk->to + (size_t)(row * length + start) * walk->to_size;
    find_offsets(walk, inner, row, offsets);
    for (size_t i = 0; i < walk->count; i++) {
        int64_t step = walk->axes[inner].steps[i];
        loop->moves[i] = step != 0;
        loop->from[i] = walk->data[i] + (size_t)(offsets[i] + start * step) * walk->sizes[i];
    }
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
static void batch_of_rows(const struct walk *walk, int64_t number, struct gathered *gathered, struct inner_loop *loop)
{
    int inner = walk->rank - 1, outer = inner - 1;
    int64_t plane = number / walk->per_line, row = number % walk->per_line * walk->batch;
    int64_t rows = walk->axes[outer].dim - row < walk->batch ? walk->axes[outer].dim - row : walk->batch;
    int64_t length = walk->axes[inner].dim, offsets[BROADCAST_MAX];
    loop->count = rows * length;
    loop->to = walk->to + (size_t)((plane * walk->axes[outer].dim + row) * length) * walk->to_size;
    find_offsets(walk, outer, plane, offsets);
    for (size_t i = 0; i < walk->count; i++) {
        int64_t step = walk->axes[inner].steps[i], row_step = walk->axes[outer].steps[i];
        offsets[i] += row * row_step;
        loop->from[i] = walk->data[i] + (size_t)offsets[i] * walk->sizes[i];
        loop->moves[i] = step != 0 || row_step != 0;
        if (!loop->moves[i] || (step == 1 && row_step == length)) continue;
        gather_rows(gathered->elements[i], loop->from[i], walk->sizes[i], rows, row_step, length, step);
        loop->from[i] = gathered->elements[i];
    }
}

struct inner_loops {
    const struct walk *walk;
    inner_loop_function function;
    const double *parameters;
    const struct simd *simd;
    const struct epilogue *epilogue;
};

static void run_loops(const void *context, int64_t first, int64_t end, int member)
{
    const struct inner_loops *loops = context;
    const struct walk *walk = loops->walk;
    struct gathered gathered;
    struct inner_loop loop = { .parameters = loops->parameters, .simd = loops->simd };
    (void)member;
    for (int64_t s = first; s < end; s++) {
        if (walk->batch > 1) batch_of_rows(walk, s, &gathered, &loop);
        else part_of_row(walk, s / walk->per_line, s % walk->per_line * INNER_LOOP_MOST, INNER_LOOP_MOST, &loop);
        loops->function(&loop);
        epilogue_apply(loops->epilogue, loop.to, loop.count, 1, 0);
    }
}

static int64_t count_loops(const struct walk *walk)
{
    int64_t count = walk->per_line;
    for (int axis = 0; axis < walk->rank - (walk->batch > 1 ? 2 : 1); axis++) count *= walk->axes[axis].dim;
    return count;
}

void broadcast_run(const struct call *call, inner_loop_function function, struct array *to, size_t count,
                   const struct array *const *from, const double *parameters, const struct epilogue *epilogue)
{
    struct walk walk;
    if (to->count == 0) return;
    walk_build(&walk, to, count, from);
    int64_t loops = count_loops(&walk);
    const struct simd *simd = is_real(from[0]) ? simd_for(from[0]->store, call->simd_row) : NULL;
    struct inner_loops all = { &walk, function, parameters, simd, epilogue };
    team_run(call->team, loops, team_piece(loops, to->count), run_loops, &all);
}

/* A walk over an output that is also read, in place. */
struct broadcast_pass {
    struct epilogue_pass pass;
    struct walk walk;
    inner_loop_function function;
    double parameters[2];
    const struct simd *simd;
};

/* Elements side by side, which may be of several rows of the walk. */
static void apply_to_row(const struct broadcast_pass *b, int64_t first, int64_t count, struct inner_loop *loop)
{
    int64_t length = b->walk.axes[b->walk.rank - 1].dim;
    for (; count > 0; count -= loop->count, first += loop->count) {
        part_of_row(&b->walk, first / length, first % length, count, loop);
        b->function(loop);
    }
}

/* How far each array goes, in bytes, from a row of the block to the next; false where it is not as far for all of
 * them. */
static bool find_advance(const struct walk *walk, const struct epilogue_block *block, int64_t *advance)
{
    int inner = walk->rank - 1;
    int64_t length = walk->axes[inner].dim;
    bool is_flat = inner == 0 && block->step * (block->rows - 1) + block->count <= length - block->first;
    bool is_plane = inner == 1 && block->step == length && block->first % length + block->count <= length;
    for (size_t i = 0; i < walk->count; i++)
        advance[i] =
            (is_flat ? block->step * walk->axes[0].steps[i] : walk->axes[0].steps[i]) * (int64_t)walk->sizes[i];
    return is_flat || is_plane;
}

/* Where rows of the block are alike, only the first is looked for. */
static void apply_pass(const struct epilogue_pass *pass, const struct epilogue_block *block)
{
    const struct broadcast_pass *b = (const struct broadcast_pass *)pass;
    struct inner_loop loop = { .parameters = b->parameters, .simd = b->simd };
    int64_t advance[BROADCAST_MAX], rows = find_advance(&b->walk, block, advance) ? block->rows : 1;
    apply_to_row(b, block->first, block->count, &loop);
    for (int64_t r = 1; r < rows; r++) {
        loop.to = (char *)loop.to + block->step * (int64_t)b->walk.to_size;
        for (size_t i = 0; i < b->walk.count; i++) loop.from[i] = (const char *)loop.from[i] + advance[i];
        b->function(&loop);
    }
    for (int64_t r = rows; r < block->rows; r++) apply_to_row(b, block->first + r * block->step, block->count, &loop);
}

static bool is_shaped(const struct array *array, int rank, const int64_t *dims)
{
    return array->rank == rank && memcmp(array->dims, dims, sizeof *dims * (size_t)rank) == 0;
}

bool broadcast_join(const struct call *call, inner_loop_function function, int rank, const int64_t *dims, size_t count,
                    const struct array *const *from, const double *parameters)
{
    struct epilogue *epilogue = call->joins;
    bool is_among = false;
    if (epilogue->to->count == 0 || !is_shaped(epilogue->to, rank, dims)) return false;
    for (size_t i = 0; i < count; i++) {
        if (from[i]->store != epilogue->to->store) return false;
        is_among |= from[i]->data == epilogue->to->data;
        if (from[i]->data == epilogue->to->data && from[i]->count != epilogue->to->count) return false;
    }
    if (!is_among) return false;
    struct broadcast_pass *b = NEW(call->scratch, struct broadcast_pass);
    *b = (struct broadcast_pass){ .pass = { .apply = apply_pass },
                                  .function = function,
                                  .simd = simd_for(epilogue->to->store, call->simd_row) };
    walk_build(&b->walk, epilogue->to, count, from);
    if (parameters) memcpy(b->parameters, parameters, sizeof b->parameters);
    for (size_t i = 0; i < count; i++) epilogue_hold(epilogue, call->scratch, (struct array *)from[i]);
    epilogue_add(epilogue, &b->pass);
    return true;
}
