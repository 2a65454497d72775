/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying between layouts. Dimensions that both sides pass in one go are merged; the innermost dimension is a row.
 * Where a row would jump through the source (a transpose), it is taken together with the dimension along which the
 * source is dense, in blocks that fit the cache. */
#include "runtime/math/layout.h"
#include "runtime/math/simd.h"

#include <string.h>

#define BLOCK 16 /* columns taken together in a plane */

/* `dims` without those of size 1, and merged; a plane of dims[rank-2] columns by dims[rank-1] rows is one unit of work,
 * cut into blocks of columns. */
struct journey {
    int rank;
    int64_t dims[LAYOUT_MAX_RANK + 3], to[LAYOUT_MAX_RANK + 3], from[LAYOUT_MAX_RANK + 3];
    char *target;
    const char *source;
    int64_t size;   /* of an element: 4 or 8 bytes */
    int64_t blocks; /* of a plane */
    const struct simd *simd;
};

struct layout layout_packed(int rank, const int64_t *dims)
{
    struct layout layout = { 0 };
    uint64_t step = 1; /* may wrap where a dim is 0; nobody steps then */
    for (int i = rank - 1; i >= 0; i--) {
        layout.steps[i] = (int64_t)step;
        step *= (uint64_t)dims[i];
    }
    return layout;
}

static void add_dim(struct journey *journey, int64_t dim, int64_t to, int64_t from)
{
    int last = journey->rank - 1;
    if (dim == 1) return;
    if (last >= 2 && journey->to[last] == to * dim && journey->from[last] == from * dim) journey->dims[last] *= dim;
    else journey->dims[last = journey->rank++] = dim;
    journey->to[last] = to;
    journey->from[last] = from;
}

static void swap_dims(struct journey *journey, int a, int b)
{
    int64_t *lists[] = { journey->dims, journey->to, journey->from };
    for (int i = 0; i < 3; i++) {
        int64_t kept = lists[i][a];
        lists[i][a] = lists[i][b];
        lists[i][b] = kept;
    }
}

/* Two leading dims of 1 make sure that there is a plane. Elements of 16 bytes are a last dim of two. */
static void plan_journey(struct journey *journey, int rank, const int64_t *dims, const struct layout *to,
                         const struct layout *from, int64_t halves)
{
    journey->rank = 2;
    for (int i = 0; i < 2; i++) {
        journey->dims[i] = 1;
        journey->to[i] = journey->from[i] = 0;
    }
    for (int i = 0; i < rank; i++) add_dim(journey, dims[i], to->steps[i] * halves, from->steps[i] * halves);
    add_dim(journey, halves, 1, 1);
    int inner = journey->rank - 1;
    if (journey->from[inner] == 1 || journey->from[inner] == 0) return;
    for (int i = 2; i < inner - 1; i++)
        if (journey->from[i] == 1) swap_dims(journey, i, inner - 1);
}

#define COPY_PLANE(name, type)                                                                                      \
    static void name(const struct journey *j, char *target, const char *source, int64_t columns)                    \
    {                                                                                                               \
        type *to = (type *)(void *)target;                                                                          \
        const type *from = (const type *)(const void *)source;                                                      \
        const int c = j->rank - 2, r = j->rank - 1;                                                                 \
        const int64_t to_column = j->to[c], from_column = j->from[c], to_row = j->to[r], from_row = j->from[r];     \
        const int64_t rows = j->dims[r];                                                                            \
        if (to_row == 1 && from_row == 1)                                                                           \
            for (int64_t i = 0; i < columns; i++)                                                                   \
                memcpy(to + i * to_column, from + i * from_column, (size_t)rows * sizeof(type));                    \
        else if (to_row == 1 && from_row == 0)                                                                      \
            for (int64_t i = 0; i < columns; i++)                                                                   \
                for (int64_t k = 0; k < rows; k++) to[i * to_column + k] = from[i * from_column];                   \
        else if (to_row == 1 && from_column == 1) j->simd->transpose(from, from_row, rows, columns, to, to_column); \
        else if (columns == 1)                                                                                      \
            for (int64_t k = 0; k < rows; k++) to[k * to_row] = from[k * from_row];                                 \
        else                                                                                                        \
            for (int64_t k = 0; k < rows; k++)                                                                      \
                for (int64_t i = 0; i < columns; i++)                                                               \
                    to[i * to_column + k * to_row] = from[i * from_column + k * from_row];                          \
    }

COPY_PLANE(copy_plane_4, uint32_t)
COPY_PLANE(copy_plane_8, uint64_t)

static void copy_block(const struct journey *journey, int64_t number, int64_t blocks)
{
    int plane = journey->rank - 2;
    int64_t column = number % blocks * BLOCK, rest = number / blocks;
    int64_t left = journey->dims[plane] - column;
    int64_t to = column * journey->to[plane], from = column * journey->from[plane];
    for (int i = plane - 1; i >= 0; i--) {
        to += rest % journey->dims[i] * journey->to[i];
        from += rest % journey->dims[i] * journey->from[i];
        rest /= journey->dims[i];
    }
    (journey->size == 4 ? copy_plane_4 : copy_plane_8)(journey, journey->target + to * journey->size,
                                                       journey->source + from * journey->size,
                                                       left < BLOCK ? left : BLOCK);
}

static void copy_blocks(const void *context, int64_t first, int64_t end, int member)
{
    const struct journey *journey = context;
    (void)member;
    for (int64_t i = first; i < end; i++) copy_block(journey, i, journey->blocks);
}

void layout_copy(const struct call *call, int rank, const int64_t *dims, struct array *to,
                 const struct layout *to_layout, const struct array *from, const struct layout *from_layout)
{
    struct journey journey;
    int64_t count = dims_product(dims, 0, rank), size = (int64_t)store_size(to->store);
    if (count == 0) return;
    int64_t halves = size > (int64_t)sizeof(uint64_t) ? 2 : 1;
    plan_journey(&journey, rank, dims, to_layout, from_layout, halves);
    journey.size = size / halves;
    journey.target = (char *)to->data + to_layout->start * size;
    journey.source = (const char *)from->data + from_layout->start * size;
    journey.simd = simd_for(journey.size == sizeof(float) ? STORE_F32 : STORE_F64, call->simd_row);
    journey.blocks = (journey.dims[journey.rank - 2] + BLOCK - 1) / BLOCK;
    int64_t blocks = dims_product(journey.dims, 0, journey.rank - 2) * journey.blocks;
    CALL_WORK(call, blocks, journey.rank, WORK_ELEMENT);
    team_run(call->team, blocks, team_piece(blocks, count), copy_blocks, &journey);
}
