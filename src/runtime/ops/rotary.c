/* SPDX-License-Identifier: Apache-2.0
 *
 * RotaryEmbedding: pairs of features are turned by an angle that depends on the position. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/ops/operators.h"

#include <string.h>

struct rotary {
    const struct array *x, *cosines, *sines, *positions;
    int64_t batch, heads, steps, size; /* heads: 0 where the attribute or the shape says it */
    int64_t by_batch, by_head, by_step;
    int64_t pairs;    /* of features that are turned; the rest stays */
    bool interleaved; /* a pair is (2i, 2i+1), else (i, i + pairs) */
};

static bool see_input(struct call *call, struct rotary *r)
{
    const struct array *x = r->x = call_input(call, 0);
    if (!x || !is_real(x) || (x->rank != 3 && x->rank != 4))
        return call_fail(call, "needs a real tensor of 3 or 4 dimensions");
    bool packed = x->rank == 3;
    r->batch = x->dims[0];
    if (!packed) r->heads = x->dims[1];
    else if (r->heads == 0) r->heads = node_int(call->node, "num_heads", 0);
    r->steps = packed ? x->dims[1] : x->dims[2];
    if (packed && (r->heads < 1 || x->dims[2] % r->heads != 0))
        return call_fail(call, "cannot cut %lld features into num_heads=%lld", (long long)x->dims[2],
                         (long long)r->heads);
    r->size = packed ? x->dims[2] / r->heads : x->dims[3];
    r->by_batch = r->heads * r->steps * r->size;
    r->by_head = packed ? r->size : r->steps * r->size;
    r->by_step = packed ? r->heads * r->size : r->size;
    return true;
}

/* Tables are [positions, pairs] with position ids, [batch, steps, pairs] without. */
static bool check_tables(struct call *call, const struct rotary *r)
{
    const struct array *cosines = r->cosines, *sines = r->sines, *positions = r->positions;
    int rank = positions ? 2 : 3;
    if (!cosines || !sines || !is_real(cosines) || !is_real(sines) || cosines->rank != rank || sines->rank != rank
        || memcmp(cosines->dims, sines->dims, (size_t)rank * sizeof *cosines->dims) != 0
        || cosines->dims[rank - 1] != r->pairs)
        return call_fail(call, "needs cosines and sines of %d dimensions, the last of %lld", rank, (long long)r->pairs);
    if (!positions) {
        if (cosines->dims[0] != r->batch || cosines->dims[1] != r->steps)
            return call_fail(call, "needs cosines for each of %lld by %lld steps", (long long)r->batch,
                             (long long)r->steps);
        return true;
    }
    if (!is_whole(positions) || positions->rank != 2 || positions->dims[0] != r->batch
        || positions->dims[1] != r->steps)
        return call_fail(call, "takes position_ids as [%lld, %lld]", (long long)r->batch, (long long)r->steps);
    for (int64_t i = 0; i < positions->count; i++)
        if (positions->i64[i] < 0 || positions->i64[i] >= cosines->dims[0])
            return call_fail(call, "has position %lld of %lld", (long long)positions->i64[i],
                             (long long)cosines->dims[0]);
    return true;
}

static void turn(const struct rotary *r, struct array *y, int64_t at, int64_t table)
{
    for (int64_t i = 0; i < r->pairs; i++) {
        int64_t a = at + (r->interleaved ? 2 * i : i), b = at + (r->interleaved ? 2 * i + 1 : i + r->pairs);
        double c = element_real(r->cosines, table + i), s = element_real(r->sines, table + i);
        double real = element_real(r->x, a), imaginary = element_real(r->x, b);
        element_put(y, a, c * real - s * imaginary);
        element_put(y, b, s * real + c * imaginary);
    }
    for (int64_t i = 2 * r->pairs; i < r->size; i++) element_put(y, at + i, element_real(r->x, at + i));
}

static bool turn_all(struct call *call, struct rotary *r)
{
    int64_t turned = node_int(call->node, "rotary_embedding_dim", 0);
    if (turned == 0) turned = r->size;
    if (turned < 0 || turned > r->size || turned % 2 != 0)
        return call_fail(call, "turns %lld of %lld features", (long long)turned, (long long)r->size);
    r->pairs = turned / 2;
    r->interleaved = node_int(call->node, "interleaved", 0) != 0;
    if (!check_tables(call, r)) return false;
    struct array *y = call_output(call, 0, r->x->type, r->x->rank, r->x->dims);
    if (y->count == 0) return true;
    for (int64_t n = 0; n < r->batch * r->steps; n++) {
        int64_t table = (r->positions ? r->positions->i64[n] : n) * r->pairs;
        int64_t at = n / r->steps * r->by_batch + n % r->steps * r->by_step;
        for (int64_t h = 0; h < r->heads; h++) turn(r, y, at + h * r->by_head, table);
    }
    return true;
}

static bool rotary_embedding(struct call *call)
{
    struct rotary r = { .cosines = call_input(call, 1),
                        .sines = call_input(call, 2),
                        .positions = call_input(call, 3) };
    return see_input(call, &r) && turn_all(call, &r);
}

/* As com.microsoft has it: the positions come before the tables, and may be the first one alone; without num_heads a
 * head is as wide as the tables say. */
static bool rotary_embedding_of_microsoft(struct call *call)
{
    struct rotary r = { .cosines = call_input(call, 2), .sines = call_input(call, 3) };
    const struct array *x = call_input(call, 0), *positions = call_input(call, 1);
    if (node_int(call->node, "is_packed_batching", 0))
        return call_unsupported(call, "packed batches are not supported");
    if (node_float(call->node, "scale", 1) != 1) return call_unsupported(call, "a scale is not supported");
    if (!positions || !is_whole(positions)) return call_fail(call, "needs position_ids");
    if (x && x->rank == 3 && node_int(call->node, "num_heads", 0) == 0 && r.cosines && r.cosines->rank == 2
        && r.cosines->dims[1] > 0)
        r.heads = x->dims[2] / r.cosines->dims[1] / 2;
    if (!see_input(call, &r)) return false;
    r.positions = positions;
    if (positions->count != 1 || positions->rank != 1) return turn_all(call, &r);
    struct array *all = array_new(call->pool, DTYPE_INT64, STORE_I64, 2, (int64_t[]){ r.batch, r.steps });
    for (int64_t i = 0; i < all->count; i++)
        all->i64[i] = (int64_t)((uint64_t)positions->i64[0] + (uint64_t)(i % r.steps));
    r.positions = all;
    bool good = turn_all(call, &r);
    array_drop(all);
    return good;
}

/* Turned back: by the sines of the other sign. The tables are not derived by. */
void gradient_rotary(struct backward *b)
{
    struct array *back = formula_scaled(&b->f, gradient_x(b, 2), -1);
    gradient_give(
        b, 0, formula_own(&b->f, "RotaryEmbedding", FROM(gradient_dy(b, 0), gradient_x(b, 1), back, gradient_x(b, 3))));
}

const struct operator_row rotary_operators[] = {
    { "RotaryEmbedding", 23, LATEST, .gradient = gradient_rotary, .run = rotary_embedding, .shape = shape_same,
      .schemas = SCHEMAS({ 23, LATEST, "Trth T T[=] ?i64 > T", "interleaved:i num_heads:i rotary_embedding_dim:i" }) },
    { "com.microsoft:RotaryEmbedding", 1, LATEST, .run = rotary_embedding_of_microsoft, .shape = shape_same,
      .limits = { [1] = LIMIT_ZERO },
      .schemas = SCHEMAS({ 1, LATEST, "Trth i64 T[__] T[=] > T",
                           "interleaved:i is_packed_batching:i num_heads:i rotary_embedding_dim:i scale:f" }) },
    { 0 },
};
