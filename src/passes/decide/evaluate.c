/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants through the runtime. The cone of nodes above a value is walked in a list and within a bound; if it rests on
 * constants alone, a plan without given values computes it. What was found is remembered in the value's mark until
 * constants_close. */
#include "passes/decide/evaluate.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "runtime/run.h"

#include <string.h>

#define CONE_LIMIT  256         /* nodes above a computed constant; real ones have a handful */
#define WORK_LIMIT  WORK_SECOND /* of all computed constants of a model */
#define KNOWN_LIMIT (1 << 18)   /* doubles that are kept of what was made of constants */
#define KNOWN_EACH  16          /* what keeping some costs besides */

/* With what stays in its stored form in between, or without. */
enum form { AS_STORED, EXPANDED, FORM_COUNT };

struct found {
    struct value *value;
    struct answer {
        const struct tensor *tensor; /* NULL: not constant */
        bool over_budget, is_made;
    } answers[FORM_COUNT];
    struct found *next;
};

struct constants {
    struct arena *arena;
    struct array_pool *pool;
    struct found *all;
    uint64_t limit, computed, spent;
    struct pointer_map folds, known;
    int64_t known_left;
    uint64_t work_left;
};

static void release_pool(void *pool)
{
    pool_close(pool);
}

struct constants *constants_open(struct arena *arena, uint64_t limit)
{
    struct constants *constants = NEW(arena, struct constants);
    *constants = (struct constants){ .arena = arena,
                                     .folds.arena = arena_scratch(arena),
                                     .known.arena = arena_scratch(arena),
                                     .known_left = KNOWN_LIMIT,
                                     .limit = limit,
                                     .work_left = WORK_LIMIT,
                                     .pool = NEW(arena, struct array_pool) };
    pool_open(constants->pool, arena->memory);
    arena_defer(arena, release_pool, constants->pool);
    return constants;
}

void constants_forget(struct constants *constants)
{
    for (struct found *found = constants->all; found; found = found->next) found->value->mark = NULL;
    constants->all = NULL;
    arena_clear(constants->folds.arena);
    constants->folds = (struct pointer_map){ .arena = constants->folds.arena };
    constants->computed = 0;
    constants->work_left = WORK_LIMIT;
}

void constants_close(struct constants *constants)
{
    constants_forget(constants);
    arena_close(constants->folds.arena);
    arena_close(constants->known.arena);
    pool_close(constants->pool);
}

bool constants_fit(const struct constants *constants, uint64_t bytes)
{
    return constants->spent <= constants->limit && bytes <= constants->limit - constants->spent;
}

bool constants_fit_doubles(const struct constants *constants, int64_t count)
{
    return count <= INT64_MAX / (int64_t)sizeof(double) && constants_fit(constants, (uint64_t)count * sizeof(double));
}

void constants_spend(struct constants *constants, uint64_t bytes)
{
    constants->spent += bytes;
}

uint64_t constants_spent(const struct constants *constants)
{
    return constants->spent;
}

/* The same inputs give the same outputs, and nothing outside the main operator set is needed. */
static bool is_pure(const struct node *node)
{
    if (*node->domain || node->inner_count || node->function) return false;
    return !node->row || !node->row->random;
}

/* Whether what it reads is worth keeping in its form: quantized weights stay quantized. */
static bool expands(const struct node *node)
{
    return node->row && node->row->expands;
}

/* Bytes the value takes in a run; UINT64_MAX if that is not known. */
static uint64_t run_bytes(const struct value *value)
{
    int64_t count = shape_count(&value->shape), bytes;
    return count >= 0 && size_multiply(count, 8, &bytes) ? (uint64_t)bytes : UINT64_MAX;
}

/* The cone above a value, as far as it was walked; each stands above the one at its index `below`. */
struct cone {
    struct value *values[CONE_LIMIT];
    size_t below[CONE_LIMIT], count;
};

/* Everything below a value that varies does too, so that no way down to it is walked twice. A value of an outer graph
 * counts as varying here, though it may be constant there. */
static bool varies(const struct cone *cone, size_t at)
{
    for (; at > 0; at = cone->below[at]) cone->values[at]->varies = true;
    cone->values[0]->varies = true;
    return true;
}

void constants_look_again(struct net *net)
{
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (const struct node *node = graph->first; node; node = node->next)
            for (size_t i = 0; i < node->output_count; i++)
                if (node->outputs[i]) node->outputs[i]->varies = false;
}

/* Whether everything above the value is constant; *over_budget if only its size speaks against computing it. */
static bool rests_on_constants(struct constants *constants, struct value *value, enum form form, bool *over_budget)
{
    struct cone cone = { .values = { value }, .count = 1 };
    bool fits = true;
    for (size_t at = 0; at < cone.count; at++) {
        const struct value *v = cone.values[at];
        if (v->varies || !v->writer || !is_pure(v->writer)) return !varies(&cone, at);
        if (form == AS_STORED && expands(v->writer)) return false;
        if (run_bytes(v) > constants->limit - constants->computed) fits = false;
        for (size_t i = 0; i < v->writer->input_count; i++) {
            struct value *input = v->writer->inputs[i].value;
            if (!input || value_constant(input)) continue;
            if (input->graph != value->graph) return !varies(&cone, at);
            if (cone.count == CONE_LIMIT) return false;
            cone.below[cone.count] = at;
            cone.values[cone.count++] = input;
        }
    }
    *over_budget = !fits;
    return fits;
}

uint64_t constant_stored_bytes(struct value *value)
{
    struct value *stack[CONE_LIMIT];
    size_t depth = 0, seen = 0;
    uint64_t sum = 0;
    stack[depth++] = value;
    while (depth && ++seen <= 2 * CONE_LIMIT) {
        struct value *v = stack[--depth];
        const struct tensor *tensor = value_constant(v);
        if (tensor) sum += (uint64_t)dtype_size(tensor->type, tensor->count);
        for (size_t i = 0; !tensor && v->writer && i < v->writer->input_count && depth < CONE_LIMIT; i++)
            if (v->writer->inputs[i].value) stack[depth++] = v->writer->inputs[i].value;
    }
    return sum;
}

static const struct tensor *from_array(struct arena *arena, const struct array *array)
{
    if (array->store == STORE_F64) return tensor_exact(arena, array->type, array->rank, array->dims, array->f64);
    if (array->store == STORE_I64) return tensor_whole(arena, array->type, array->rank, array->dims, array->i64);
    return NULL;
}

/* *over_budget if only the work that it takes speaks against it. */
static const struct tensor *compute(struct constants *constants, struct value *value, bool *over_budget)
{
    struct plan *plan;
    struct array *array = NULL;
    const struct tensor *tensor = NULL;
    struct run_options options = {
        .exact = true, .unrounded = true, .threads = 1, .memory = constants->arena->memory, .pool = constants->pool
    };
    struct memory *memory = constants->arena->memory;
    if (!plan_build(&plan, constants->arena, value->graph->net, NULL, 0, &value, 1, NULL)) return NULL;
    const struct work_share share = work_begin(memory, &constants->work_left, WORK_LIMIT);
    bool ran = plan_run(plan, &options, NULL, &array, NULL);
    work_end(memory, &share);
    *over_budget = !ran && memory->spent == SPENT_WORK;
    if (ran) tensor = from_array(constants->arena, array);
    array_drop(array);
    constants->computed += run_bytes(value);
    return tensor;
}

/* A whole tensor whose elements shape inference knows: Shape of a static dim and arithmetic on it. */
static const struct tensor *known_content(struct constants *constants, const struct value *value)
{
    if (!value->content || shape_count(&value->shape) != value->content_count) return NULL;
    int64_t *dims = NEW_ARRAY(constants->arena, int64_t, (size_t)value->shape.rank);
    int64_t *elements = NEW_ARRAY(constants->arena, int64_t, (size_t)value->content_count);
    for (int64_t i = 0; i < value->content_count; i++) {
        elements[i] = value->content[i].size;
        if (elements[i] < 0) return NULL;
    }
    for (int i = 0; i < value->shape.rank; i++) dims[i] = value->shape.dims[i].size;
    return tensor_whole(constants->arena, value->type, value->shape.rank, dims, elements);
}

struct pointer_map *constants_known(struct constants *constants)
{
    return &constants->known;
}

void constants_make_room(struct constants *constants)
{
    if (constants->known_left >= KNOWN_LIMIT / 2) return;
    arena_clear(constants->known.arena);
    constants->known = (struct pointer_map){ .arena = constants->known.arena };
    constants->known_left = KNOWN_LIMIT;
}

struct arena *constants_room(struct constants *constants, int64_t doubles)
{
    if (doubles > constants->known_left - KNOWN_EACH) return NULL;
    constants->known_left -= doubles + KNOWN_EACH;
    return constants->known.arena;
}

static struct found *remember(struct constants *constants, struct value *value)
{
    if (value->mark) return value->mark;
    struct found *found = NEW(constants->folds.arena, struct found);
    *found = (struct found){ .value = value, .next = constants->all };
    constants->all = found;
    return value->mark = found;
}

struct pointer_map *constants_folds(struct constants *constants)
{
    return &constants->folds;
}

static const struct tensor *find(struct constants *constants, struct value *value, enum form form, bool *over_budget)
{
    value = value_argument(value);
    *over_budget = false;
    const struct tensor *tensor = value_constant(value);
    if (tensor || !value->writer) return tensor;
    struct answer *answer = &remember(constants, value)->answers[form];
    if (!answer->is_made) {
        answer->is_made = true;
        answer->tensor = known_content(constants, value);
        if (!answer->tensor && rests_on_constants(constants, value, form, &answer->over_budget))
            answer->tensor = compute(constants, value, &answer->over_budget);
    }
    *over_budget = answer->over_budget;
    return answer->tensor;
}

const struct tensor *constant_find(struct constants *constants, struct value *value, bool *over_budget)
{
    return find(constants, value, AS_STORED, over_budget);
}

const struct tensor *constant_find_expanded(struct constants *constants, struct value *value, bool *over_budget)
{
    return find(constants, value, EXPANDED, over_budget);
}
