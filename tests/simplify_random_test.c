/* SPDX-License-Identifier: Apache-2.0
 *
 * Random graphs with planted redundancies. A seed makes a graph twice: plain, and with redundancies planted in it. What
 * --simplify makes of the second has as many nodes as what it makes of the first, and computes the same bits on numbers
 * among which are zeros of both signs, NaN and infinities; so nothing is missed, and nothing is wrong. */
#include "build.h"
#include "onnx/graph/index.h"
#include "onnx/graph/validate.h"
#include "onnx/shape/infer.h"
#include "passes/passes.h"
#include "runtime/run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 12, VALUES = STEPS + 2, GRAPHS = 10000 };

/* A graph in the making: values of [2,3,4], numbered, and the plants between them. */
struct maker {
    struct build b;
    uint64_t state;
    bool plants; /* whether redundancies are planted; their choice is drawn all the same */
    int made;
    char values[VALUES][24];
    int count;
};

static unsigned draw(struct maker *m, unsigned most)
{
    m->state = m->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(m->state >> 33) % most;
}

static const char *fresh(struct maker *m)
{
    return arena_printf(&m->b.arena, "p%d", m->made++);
}

static const char *plant(struct maker *m, const char *op, const char *inputs, const char *attributes)
{
    const char *output = fresh(m);
    build_node(&m->b, op, NULL, inputs, output, attributes);
    return output;
}

#define WORDS(...) arena_printf(&m->b.arena, __VA_ARGS__)

static const char *identity(struct maker *m, const char *x)
{
    return plant(m, "Identity", x, NULL);
}

static const char *dropout(struct maker *m, const char *x)
{
    return plant(m, "Dropout", x, NULL);
}

static const char *same_cast(struct maker *m, const char *x)
{
    return plant(m, "Cast", x, "to=1");
}

static const char *wide_cast(struct maker *m, const char *x)
{
    return plant(m, "Cast", plant(m, "Cast", x, "to=11"), "to=1");
}

static const char *transposes(struct maker *m, const char *x)
{
    return plant(m, "Transpose", plant(m, "Transpose", x, "perm=1,2,0"), "perm=2,0,1");
}

static const char *reshapes(struct maker *m, const char *x)
{
    return plant(m, "Reshape", WORDS("%s dims", plant(m, "Reshape", WORDS("%s flat", x), NULL)), NULL);
}

static const char *unsqueeze(struct maker *m, const char *x)
{
    return plant(m, "Squeeze", WORDS("%s axis", plant(m, "Unsqueeze", WORDS("%s axis", x), NULL)), NULL);
}

static const char *times_one(struct maker *m, const char *x)
{
    return plant(m, "Mul", WORDS("%s one", x), NULL);
}

static const char *minus_zero(struct maker *m, const char *x)
{
    return plant(m, "Sub", WORDS("%s zero", x), NULL);
}

static const char *parts(struct maker *m, const char *x)
{
    const char *a = fresh(m), *b = fresh(m);
    build_node(&m->b, "Split", NULL, x, WORDS("%s %s", a, b), "axis=2");
    return plant(m, "Concat", WORDS("%s %s", a, b), "axis=2");
}

static const char *whole_slice(struct maker *m, const char *x)
{
    return plant(m, "Slice", WORDS("%s axis end axis", x), NULL);
}

static const char *no_pad(struct maker *m, const char *x)
{
    return plant(m, "Pad", WORDS("%s pads", x), NULL);
}

static const char *own_shape(struct maker *m, const char *x)
{
    return plant(m, "Reshape", WORDS("%s %s", x, plant(m, "Shape", x, NULL)), NULL);
}

static const char *unread(struct maker *m, const char *x)
{
    plant(m, "Exp", plant(m, "Abs", x, NULL), NULL);
    return x;
}

static const char *known_where(struct maker *m, const char *x)
{
    return plant(m, "Where", WORDS("yes %s two", x), NULL);
}

static const char *(*const plantings[])(struct maker *m, const char *x) = {
    identity,   dropout, same_cast,   wide_cast, transposes, reshapes, unsqueeze,   times_one,
    minus_zero, parts,   whole_slice, no_pad,    own_shape,  unread,   known_where,
};

enum { PLANTINGS = sizeof plantings / sizeof *plantings };

/* A value to read: a planted stand-in for it, or itself. */
static const char *read_value(struct maker *m)
{
    const char *value = m->values[draw(m, (unsigned)m->count)];
    for (int i = 0; i < 2; i++) {
        unsigned chosen = draw(m, 2 * PLANTINGS);
        if (m->plants && chosen < PLANTINGS) value = plantings[chosen](m, value);
    }
    return value;
}

/* Operators that nothing is known to simplify between; each reads all it can. */
static void add_step(struct maker *m, int step)
{
    static const char *const unary[] = { "Sin", "Tanh", "Sigmoid", "Softplus" };
    char *name = m->values[m->count];
    snprintf(name, sizeof m->values[0], "v%d", step);
    const char *x = read_value(m), *y = read_value(m);
    unsigned choice = draw(m, 6);
    bool twice = draw(m, 4) == 0;
    if (choice < 4) build_node(&m->b, unary[choice], NULL, x, name, NULL);
    else build_node(&m->b, "MatMul", NULL, WORDS("%s weight%u", choice == 4 ? x : y, choice), name, NULL);
    m->count++;
    if (!twice || !m->plants || choice >= 4) return;
    /* The same once more, for whoever reads it next. */
    build_node(&m->b, unary[choice], NULL, x, WORDS("%s_again", name), NULL);
    snprintf(name, sizeof m->values[0], "v%d_again", step);
}

static void make(struct maker *m, uint64_t seed, bool plants)
{
    static const double one = 1, zero = 0, end = 99, yes = 1, axis = 0, none[6] = { 0 };
    static const double dims[] = { 2, 3, 4 }, flat[] = { 6, -1 };
    *m = (struct maker){ .state = seed * 2 + 1, .plants = plants };
    build_open(&m->b, 8, 13);
    build_input(&m->b, "x", DTYPE_FLOAT, "2,3,4");
    build_init_values(&m->b, "one", DTYPE_FLOAT, "1", &one);
    build_init_values(&m->b, "zero", DTYPE_FLOAT, "", &zero);
    build_init_values(&m->b, "end", DTYPE_INT64, "1", &end);
    build_init_values(&m->b, "axis", DTYPE_INT64, "1", &axis);
    build_init_values(&m->b, "yes", DTYPE_BOOL, "1", &yes);
    build_init_values(&m->b, "pads", DTYPE_INT64, "6", none);
    build_init_values(&m->b, "dims", DTYPE_INT64, "3", dims);
    build_init_values(&m->b, "flat", DTYPE_INT64, "2", flat);
    build_init(&m->b, "two", DTYPE_FLOAT, "2,3,4", 5);
    build_init(&m->b, "weight4", DTYPE_FLOAT, "4,4", 6);
    build_init(&m->b, "weight5", DTYPE_FLOAT, "4,4", 7);
    snprintf(m->values[m->count++], sizeof m->values[0], "x");
    for (int step = 0; step < STEPS; step++) add_step(m, step);
    for (int i = 1; i < m->count; i += 3) {
        const char *y = WORDS("y%d", i);
        build_node(&m->b, "Atan", NULL, m->values[i], y, NULL);
        build_output(&m->b, y, DTYPE_FLOAT, NULL);
    }
}

static void run(struct maker *m, const struct net *net, struct array_pool *pool, struct array **outputs)
{
    static const float odd[] = { -0.0f, 0.0f, NAN, INFINITY, -INFINITY, 1e-40f, -1, 0.5f };
    struct bnfuse_error error;
    struct plan *plan;
    struct value *x = graph_value(net->main, "x");
    struct array *input = array_new(pool, DTYPE_FLOAT, STORE_F32, 3, (int64_t[]){ 2, 3, 4 });
    struct run_options options = { .threads = 1, .memory = &m->b.memory, .pool = pool };
    for (int i = 0; i < 24; i++) input->f32[i] = i % 3 ? (float)i / 8 - 1 : odd[i / 3];
    if (!plan_build(&plan, &m->b.arena, net, &x, 1, net->main->outputs, net->main->output_count, &error)
        || !plan_run(plan, &options, &input, outputs, &error))
        fail_msg("%s", error.message);
}

static bool same_bits(const struct array *a, const struct array *b)
{
    if (a->store != STORE_F32 || b->store != STORE_F32 || a->count != b->count || a->rank != b->rank) return false;
    for (int64_t i = 0; i < a->count; i++)
        if (memcmp(&a->f32[i], &b->f32[i], sizeof(float)) != 0 && !(isnan(a->f32[i]) && isnan(b->f32[i]))) return false;
    return true;
}

static void simplify(struct maker *m, struct model *model, struct net *before, struct net *after)
{
    static const struct bnfuse_fuse_options options = { .fold_limit = 1 << 20, .simplify = true };
    struct pass_report report;
    struct bnfuse_error error;
    build_load(&m->b, model, before);
    if (!net_index(after, &m->b.arena, model, &error) || !passes_run(after, &options, &report, &error)
        || !shape_infer(before, &error) || !net_validate(after, &error))
        fail_msg("%s", error.message);
}

static void list_ops(const struct net *net)
{
    for (const struct node *node = net->main->first; node; node = node->next)
        print_error("%s(%s) ", node->op, node->input_count && node->inputs[0].value ? node->inputs[0].value->name : "");
    print_error("\n");
}

static void check_seed(uint64_t seed)
{
    struct maker plain, planted;
    struct model models[2];
    struct net before[2], after[2];
    struct array *expected[VALUES], *got[VALUES];
    struct array_pool pool;
    make(&plain, seed, false);
    make(&planted, seed, true);
    simplify(&plain, &models[0], &before[0], &after[0]);
    simplify(&planted, &models[1], &before[1], &after[1]);
    if (after[0].main->node_count != after[1].main->node_count) {
        list_ops(&after[0]);
        list_ops(&after[1]);
        fail_msg("seed %llu: %zu nodes instead of %zu", (unsigned long long)seed, after[1].main->node_count,
                 after[0].main->node_count);
    }
    pool_open(&pool, &planted.b.memory);
    run(&planted, &before[1], &pool, expected);
    run(&planted, &after[1], &pool, got);
    for (size_t i = 0; i < after[1].main->output_count; i++)
        if (!same_bits(expected[i], got[i]))
            fail_msg("seed %llu: %s is another", (unsigned long long)seed, after[1].main->outputs[i]->name);
    pool_close(&pool);
    build_close(&plain.b);
    build_close(&planted.b);
}

static void nothing_planted_is_missed_and_nothing_is_wrong(void **state)
{
    (void)state;
    const char *count = getenv("BNFUSE_GRAPHS");
    for (uint64_t seed = 1; seed <= (count ? strtoull(count, NULL, 10) : GRAPHS); seed++) check_seed(seed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_planted_is_missed_and_nothing_is_wrong) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
