/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans and their runs: what is computed, in which scope, how long values live, what is refused. */
#include "build.h"
#include "runtime/run.h"
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A loaded model of which parts are run. */
struct bench {
    struct build build;
    struct model model;
    struct net net;
    struct array_pool pool;
    struct bnfuse_error error;
    struct run_options options;
    struct array *outputs[4];
};

static void bench_load(struct bench *p)
{
    build_load(&p->build, &p->model, &p->net);
    pool_open(&p->pool, &p->build.memory);
    p->options = (struct run_options){ .threads = 1, .memory = &p->build.memory, .pool = &p->pool };
}

static void bench_close(struct bench *p)
{
    pool_close(&p->pool);
    build_close(&p->build);
}

static struct array *vector(struct bench *p, int64_t count, float first)
{
    struct array *array = array_new(&p->pool, DTYPE_FLOAT, STORE_F32, 1, &count);
    for (int64_t i = 0; i < count; i++) array->f32[i] = first + (float)i;
    return array;
}

struct bench_run {
    struct bench *bench;
    const char *given, *wanted; /* names; given NULL: none */
    struct array *input;
};

static bool run_part_guarded(void *context, struct bnfuse_error *error)
{
    struct bench_run *run = context;
    struct bench *p = run->bench;
    struct plan *plan;
    struct value *given = run->given ? build_find_value(&p->net, run->given) : NULL;
    struct value *wanted = build_find_value(&p->net, run->wanted);
    return plan_build(&plan, &p->build.arena, &p->net, &given, run->given ? 1 : 0, &wanted, 1, error)
           && plan_run(plan, &p->options, &run->input, p->outputs, error);
}

static bool run_part(struct bench *p, const char *given, struct array *input, const char *wanted)
{
    struct bench_run run = { p, given, wanted, input };
    return guarded(&p->build.memory, run_part_guarded, &run, &p->error);
}

static void open_chain(struct bench *p, int nodes, const char *shape)
{
    *p = (struct bench){ 0 };
    build_open(&p->build, 10, 13);
    build_input(&p->build, "v0", DTYPE_FLOAT, shape);
    for (int i = 0; i < nodes; i++)
        build_node(&p->build, "Add", arena_printf(&p->build.arena, "add%d", i),
                   arena_printf(&p->build.arena, "v%d v%d", i, i), arena_printf(&p->build.arena, "v%d", i + 1), NULL);
    build_output(&p->build, arena_printf(&p->build.arena, "v%d", nodes), DTYPE_FLOAT, shape);
    bench_load(p);
}

static void only_what_lies_between_given_and_wanted_is_run(void **state)
{
    (void)state;
    struct bench p;
    open_chain(&p, 10, "2");
    assert_true(run_part(&p, "v3", vector(&p, 2, 1), "v5"));
    assert_true(p.outputs[0]->f32[0] == 4 && p.outputs[0]->f32[1] == 8);
    bench_close(&p);
}

static void a_wanted_value_may_be_given(void **state)
{
    (void)state;
    struct bench p;
    open_chain(&p, 2, "2");
    assert_true(run_part(&p, "v1", vector(&p, 2, 1), "v1"));
    assert_true(p.outputs[0]->f32[1] == 2);
    bench_close(&p);
}

static void a_value_that_nobody_supplies_is_named(void **state)
{
    (void)state;
    struct bench p;
    open_chain(&p, 2, "2");
    assert_false(run_part(&p, NULL, NULL, "v2"));
    assert_non_null(strstr(p.error.message, "\"v0\""));
    assert_int_equal(p.error.status, BNFUSE_INVALID);
    bench_close(&p);
}

/* For runs in which no step joins another. */
static bool see_all(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    (void)context, (void)value, (void)array, (void)error;
    return true;
}

/* 100 values of 4 MiB pass through 16 MiB. */
static void values_are_released_after_their_last_reader(void **state)
{
    (void)state;
    struct bench p;
    open_chain(&p, 100, "1048576");
    struct array *input = vector(&p, 1048576, 0);
    p.build.memory.limit = p.build.memory.used + ((size_t)16 << 20);
    p.options.observe = see_all;
    assert_true(run_part(&p, "v0", input, "v100"));
    p.build.memory.limit = 0;
    bench_close(&p);
}

/* What a node would cost is known before it runs. */
static void work_that_runs_out_is_an_error_that_names_the_node(void **state)
{
    (void)state;
    struct bench p;
    open_chain(&p, 100, "1048576");
    struct array *input = vector(&p, 1048576, 0);
    p.build.memory.work_limit = 10 * 1048576 * WORK_ELEMENT;
    assert_false(run_part(&p, "v0", input, "v100"));
    assert_int_equal(p.error.status, BNFUSE_UNSUPPORTED);
    if (!strstr(p.error.message, "too much work")) fail_msg("%s", p.error.message);
    assert_non_null(strstr(p.error.message, "add3"));
    assert_true(p.build.memory.work <= p.build.memory.work_limit);
    bench_close(&p);
}

static void memory_that_runs_out_is_an_error_and_nothing_leaks(void **state)
{
    (void)state;
    struct bench p;
    open_chain(&p, 100, "1048576");
    struct array *input = vector(&p, 1048576, 0);
    p.build.memory.limit = p.build.memory.used + ((size_t)5 << 20);
    p.options.observe = see_all;
    assert_false(run_part(&p, "v0", input, "v100"));
    assert_int_equal(p.error.status, BNFUSE_UNSUPPORTED);
    assert_non_null(strstr(p.error.message, "add1"));
    p.build.memory.limit = 0;
    bench_close(&p);
}

static void initializers_stand_in_for_inputs_that_are_not_given(void **state)
{
    (void)state;
    struct bench p = { 0 };
    build_open(&p.build, 10, 13);
    build_input(&p.build, "w", DTYPE_FLOAT, "2");
    build_init_values(&p.build, "w", DTYPE_FLOAT, "2", (double[]){ 5, 6 });
    build_node(&p.build, "Neg", "neg", "w", "y", NULL);
    build_output(&p.build, "y", DTYPE_FLOAT, "2");
    bench_load(&p);
    assert_true(run_part(&p, "w", NULL, "y"));
    assert_true(p.outputs[0]->f32[1] == -6);
    assert_true(run_part(&p, "w", vector(&p, 2, 1), "y"));
    assert_true(p.outputs[0]->f32[1] == -2);
    bench_close(&p);
}

struct observed {
    int count, stop_at;
    char names[64];
};

static bool observe(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    struct observed *observed = context;
    assert_true(array->count == 2);
    strcat(observed->names, value->name);
    return ++observed->count != observed->stop_at || (fail)(error, BNFUSE_DIFFER, "seen enough");
}

static void every_value_is_shown_and_a_run_may_be_stopped(void **state)
{
    (void)state;
    struct bench p;
    struct observed observed = { 0 };
    open_chain(&p, 3, "2");
    p.options.observe = observe;
    p.options.context = &observed;
    assert_true(run_part(&p, "v0", vector(&p, 2, 1), "v3"));
    assert_string_equal(observed.names, "v1v2v3");
    observed.stop_at = 4;
    assert_false(run_part(&p, "v0", vector(&p, 2, 1), "v3"));
    assert_string_equal(p.error.message, "seen enough");
    bench_close(&p);
}

static double noisy_weight(uint64_t noise, const char *name, double weight)
{
    struct bench p = { 0 };
    build_open(&p.build, 10, 13);
    build_init_values(&p.build, name, DTYPE_FLOAT, "2", (double[]){ weight, 0 });
    build_node(&p.build, "Neg", "neg", name, "y", NULL);
    build_output(&p.build, "y", DTYPE_FLOAT, "2");
    bench_load(&p);
    p.options.exact = true;
    p.options.weight_noise = noise;
    assert_true(run_part(&p, NULL, NULL, "y"));
    double moved = -p.outputs[0]->f64[0] - weight;
    assert_true(p.outputs[0]->f64[1] == 0);
    bench_close(&p);
    return moved;
}

static void noise_moves_weights_by_half_a_unit_in_the_last_place(void **state)
{
    (void)state;
    int up = 0;
    assert_true(noisy_weight(0, "w", 1.5) == 0);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        double moved = noisy_weight(seed, "w", 1.5);
        assert_true(fabs(moved) == 0x1p-24);
        assert_true(moved == noisy_weight(seed, "w", 1.5));
        up += moved > 0;
    }
    assert_in_range(up, 3, 17);
}

/* What y is moved by, relative, where x is -1 and -1 times an attribute of the node comes out. */
static double noisy_attribute(uint64_t noise, const char *op, const char *attributes)
{
    struct bench p = { 0 };
    double x[1] = { -1 };
    build_open(&p.build, 10, 13);
    build_init_values(&p.build, "x", DTYPE_DOUBLE, "1", x);
    build_node(&p.build, op, "node", "x", "y", attributes);
    build_output(&p.build, "y", DTYPE_DOUBLE, "1");
    bench_load(&p);
    p.options.exact = true;
    assert_true(run_part(&p, NULL, NULL, "y"));
    double before = p.outputs[0]->f64[0];
    p.options.weight_noise = noise;
    assert_true(run_part(&p, NULL, NULL, "y"));
    double moved = (p.outputs[0]->f64[0] - before) / before;
    bench_close(&p);
    return moved;
}

static void noise_moves_numbers_of_attributes(void **state)
{
    (void)state;
    int up = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        double moved = noisy_attribute(seed, "LeakyRelu", "alpha=0.1");
        assert_true(fabs(moved) > 0x1p-25 && fabs(moved) < 0x1p-22);
        assert_true(moved == noisy_attribute(seed, "LeakyRelu", "alpha=0.1"));
        up += moved > 0;
    }
    assert_in_range(up, 3, 17);
    /* Of few bits, the default, a threshold. */
    assert_true(fabs(noisy_attribute(3, "LeakyRelu", "alpha=0.5")) < 0x1p-40);
    assert_true(fabs(noisy_attribute(3, "LeakyRelu", NULL)) < 0x1p-40);
    for (uint64_t seed = 1; seed <= 10; seed++)
        assert_true(fabs(noisy_attribute(seed, "ThresholdedRelu", "alpha=-1.00000012")) < 0x1p-40);
    assert_true(fabs(noisy_attribute(3, "Elu", "alpha=0.3")) > 0x1p-40);
}

static void an_operator_without_a_kernel_is_named(void **state)
{
    (void)state;
    struct bench p = { 0 };
    build_open(&p.build, 10, 13);
    build_input(&p.build, "x", DTYPE_FLOAT, "2");
    build_node(&p.build, "Swish", "too_new", "x", "y", NULL);
    build_node(&p.build, "Strange", "unheard_of", "y", "z", NULL);
    build_output(&p.build, "z", DTYPE_FLOAT, "2");
    bench_load(&p);
    assert_false(run_part(&p, "x", NULL, "y"));
    assert_non_null(strstr(p.error.message, "Swish is not known at opset 13"));
    assert_false(run_part(&p, "y", NULL, "z"));
    assert_non_null(strstr(p.error.message, "unheard_of"));
    assert_int_equal(p.error.status, BNFUSE_UNSUPPORTED);
    bench_close(&p);
}

static void an_opset_of_the_future_is_refused(void **state)
{
    (void)state;
    struct bench p = { 0 };
    build_open(&p.build, 10, LATEST_OPSET + 1);
    build_input(&p.build, "x", DTYPE_FLOAT, "2");
    build_node(&p.build, "Relu", "relu", "x", "y", NULL);
    build_output(&p.build, "y", DTYPE_FLOAT, "2");
    bench_load(&p);
    assert_false(run_part(&p, "x", NULL, "y"));
    assert_non_null(strstr(p.error.message, "opset 29"));
    bench_close(&p);
}

static void build_call(struct build *b, const char *function, const char *inputs, const char *outputs,
                       const char *attributes)
{
    build_node(b, function, NULL, inputs, outputs, attributes)->domain = "own";
}

static void functions_see_the_attributes_of_their_call(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    build_import(&t.build, "own", 1);
    trial_input(&t, "x", DTYPE_FLOAT, "2", (double[]){ -4, 4 });
    build_call(&t.build, "Leak", "x", "y", "slope=0.5");
    build_call(&t.build, "Leak", "x", "z", "slope=0.25");
    build_call(&t.build, "Leak", "x", "d", NULL);
    build_function(&t.build, "own", "Leak", "fx", "fy", "slope");
    build_import(&t.build, "", 13);
    build_node(&t.build, "LeakyRelu", "inner", "fx", "fy", "alpha=@slope");
    build_end(&t.build);
    trial_run(&t, "y z d");
    trial_expect(&t, "y", DTYPE_FLOAT, "2", (double[]){ -2, 4 });
    trial_expect(&t, "z", DTYPE_FLOAT, "2", (double[]){ -1, 4 });
    trial_expect(&t, "d", DTYPE_FLOAT, "2", (double[]){ -4 * (double)0.01f, 4 });
    trial_close(&t);
}

static void a_function_that_calls_itself_is_refused(void **state)
{
    (void)state;
    struct bench p = { 0 };
    build_open(&p.build, 10, 13);
    build_import(&p.build, "own", 1);
    build_input(&p.build, "x", DTYPE_FLOAT, "2");
    build_call(&p.build, "Again", "x", "y", NULL);
    build_output(&p.build, "y", DTYPE_FLOAT, "2");
    build_function(&p.build, "own", "Again", "fx", "fy", NULL);
    build_import(&p.build, "own", 1);
    build_call(&p.build, "Again", "fx", "fy", NULL);
    build_end(&p.build);
    struct bnfuse_error error = { 0 };
    if (build_try_load(&p.build, &p.model, &p.net, &error)) {
        pool_open(&p.pool, &p.build.memory);
        p.options = (struct run_options){ .memory = &p.build.memory, .pool = &p.pool };
        assert_false(run_part(&p, "x", NULL, "y"));
        assert_non_null(strstr(p.error.message, "nest"));
        pool_close(&p.pool);
    }
    build_close(&p.build);
}

/* The inner body reads a value of the main graph, past the outer body. */
static void bodies_see_the_values_around_them(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "c", DTYPE_BOOL, "", (double[]){ 1 });
    trial_input(&t, "x", DTYPE_FLOAT, "2", (double[]){ 3, 4 });
    build_init_values(&t.build, "w", DTYPE_FLOAT, "2", (double[]){ 10, 20 });
    build_node(&t.build, "If", "outer", "c", "y", NULL);
    for (int branch = 0; branch < 2; branch++) {
        build_body(&t.build, branch ? "else_branch" : "then_branch");
        build_node(&t.build, "If", "inner", "c", branch ? "i1" : "i0", NULL);
        for (int inner = 0; inner < 2; inner++) {
            const char *result = arena_printf(&t.build.arena, "r%d%d", branch, inner);
            build_body(&t.build, inner ? "else_branch" : "then_branch");
            build_node(&t.build, inner ? "Sub" : "Add", "sum", "x w", result, NULL);
            build_output(&t.build, result, DTYPE_FLOAT, "2");
            build_end(&t.build);
        }
        build_output(&t.build, branch ? "i1" : "i0", DTYPE_FLOAT, "2");
        build_end(&t.build);
    }
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2", (double[]){ 13, 24 });
    trial_close(&t);
}

#define ROWS    64
#define COLUMNS 3000

static void compare_bits(const struct array *a, const struct array *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->data, b->data, (size_t)a->count * store_size(a->store));
}

static void results_do_not_depend_on_the_number_of_threads(void **state)
{
    (void)state;
    struct bench p = { 0 };
    build_open(&p.build, 10, 13);
    build_input(&p.build, "x", DTYPE_FLOAT, "192000");
    build_init_values(&p.build, "shape", DTYPE_INT64, "2", (double[]){ ROWS, COLUMNS });
    build_node(&p.build, "Reshape", "reshape", "x shape", "m", NULL);
    build_node(&p.build, "Sin", "sin", "m", "s", NULL);
    build_node(&p.build, "Transpose", "transpose", "s", "t", NULL);
    build_node(&p.build, "MatMul", "matmul", "s t", "p", NULL);
    build_node(&p.build, "Softmax", "softmax", "t", "q", "axis=0");
    build_node(&p.build, "ReduceLogSumExp", "sums", "q", "r", "axes=0,1 keepdims=0");
    build_node(&p.build, "ReduceSum", "sum", "p", "u", "keepdims=0");
    build_node(&p.build, "Add", "add", "r u", "y", NULL);
    build_output(&p.build, "y", DTYPE_FLOAT, "");
    bench_load(&p);
    struct array *input = vector(&p, ROWS * COLUMNS, 0);
    assert_true(run_part(&p, "x", input, "y"));
    struct array *alone = p.outputs[0];
    for (int threads = 2; threads <= 5; threads++) {
        p.options.threads = threads;
        assert_true(run_part(&p, "x", input, "y"));
        compare_bits(p.outputs[0], alone);
    }
    bench_close(&p);
}

/* A Loop of five rounds whose body reads an initializer of its own and one of the main graph. */
static void initializers_of_bodies_are_there_in_every_round(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "n", DTYPE_INT64, "", (double[]){ 5 });
    trial_input(&t, "go", DTYPE_BOOL, "", (double[]){ 1 });
    trial_input(&t, "x", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    build_init_values(&t.build, "w", DTYPE_FLOAT, "2", (double[]){ 10, 20 });
    build_node(&t.build, "Loop", "loop", "n go x", "y", NULL);
    build_body(&t.build, "body");
    build_input(&t.build, "round", DTYPE_INT64, "");
    build_input(&t.build, "on", DTYPE_BOOL, "");
    build_input(&t.build, "a", DTYPE_FLOAT, "2");
    build_init_values(&t.build, "v", DTYPE_FLOAT, "2", (double[]){ 1, 1 });
    build_node(&t.build, "Add", "one", "a w", "b", NULL);
    build_node(&t.build, "Add", "two", "b v", "c", NULL);
    build_node(&t.build, "Identity", "still", "on", "on2", NULL);
    build_output(&t.build, "on2", DTYPE_BOOL, "");
    build_output(&t.build, "c", DTYPE_FLOAT, "2");
    build_end(&t.build);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2", (double[]){ 56, 107 });
    trial_close(&t);
}

/* y = x + { 10, 20 } */
static void open_sum(struct bench *p)
{
    build_open(&p->build, 10, 13);
    build_input(&p->build, "x", DTYPE_FLOAT, "2");
    build_init_values(&p->build, "w", DTYPE_FLOAT, "2", (double[]){ 10, 20 });
    build_node(&p->build, "Add", "add", "x w", "y", NULL);
    build_output(&p->build, "y", DTYPE_FLOAT, "2");
    bench_load(p);
}

/* The second run adds what the first one kept, changed in between to tell it from the file's. */
static void weights_that_are_kept_serve_the_next_run(void **state)
{
    (void)state;
    struct bench p = { 0 };
    open_sum(&p);
    struct pointer_map weights = { .arena = &p.build.arena };
    p.options.weights = &weights;
    assert_true(run_part(&p, "x", vector(&p, 2, 1), "y"));
    assert_true(p.outputs[0]->f32[0] == 11 && p.outputs[0]->f32[1] == 22);
    struct array *kept = pointer_map_get(&weights, build_find_value(&p.net, "w"));
    assert_non_null(kept);
    kept->f32[0] = 100;
    assert_true(run_part(&p, "x", vector(&p, 2, 1), "y"));
    assert_true(p.outputs[0]->f32[0] == 101 && p.outputs[0]->f32[1] == 22);
    bench_close(&p);
}

/* Where they would take more than half of the limit, they are loaded again. */
static void weights_are_not_kept_beyond_half_the_limit(void **state)
{
    (void)state;
    struct bench p = { 0 };
    open_sum(&p);
    struct pointer_map weights = { .arena = &p.build.arena };
    p.options.weights = &weights;
    arena_alloc(&p.build.arena, 1 << 20);
    p.build.memory.limit = 2 * p.build.memory.used;
    assert_true(run_part(&p, "x", vector(&p, 2, 1), "y"));
    assert_null(pointer_map_get(&weights, build_find_value(&p.net, "w")));
    p.build.memory.limit = 0;
    bench_close(&p);
}

/* ---- steps that join the one before them ---- */

static void expect_same_bits(const struct array *a, const struct array *b, const char *what)
{
    assert_true(a->store == b->store && a->count == b->count && a->count > 0);
    if (memcmp(a->data, b->data, (size_t)a->count * store_size(a->store)) != 0) fail_msg("%s", what);
}

/* Under an observer every step runs by itself. */
static void expect_same_when_joined(struct bench *p, enum dtype type, const char *what)
{
    enum store store = store_of(type, false);
    struct array *input = array_new(&p->pool, type, store, 4, (int64_t[]){ 2, 4, 9, 21 });
    for (int64_t i = 0; i < input->count; i++) {
        float value = (float)((i * 37) % 101) / 32 - 1.5f;
        if (store == STORE_F32) input->f32[i] = value;
        else input->f64[i] = (double)value;
    }
    p->options.observe = see_all;
    if (!run_part(p, "x", input, "y")) fail_msg("%s: %s", what, p->error.message);
    struct array *expected = p->outputs[0];
    p->options.observe = NULL;
    for (p->options.threads = 1; p->options.threads < 4; p->options.threads += 2)
        for (p->options.simd_row = 0; p->options.simd_row < 3; p->options.simd_row++) {
            if (!run_part(p, "x", input, "y")) fail_msg("%s: %s", what, p->error.message);
            expect_same_bits(expected, p->outputs[0], what);
            array_drop(p->outputs[0]);
        }
}

struct joined_node {
    const char *op, *inputs, *output, *attributes;
};

/* From c, which a Conv computes, to y. */
static const struct joined_node followers[][4] = {
    { { "BatchNormalization", "c scale shift mean variance", "b", "epsilon=0.001" },
      { "Clip", "b low high", "k", NULL },
      { "Add", "k x2", "y", NULL } },
    { { "Add", "x2 c", "a", NULL }, { "Relu", "a", "y", NULL } },
    { { "Sub", "scalar c", "a", NULL }, { "Sigmoid", "a", "s", NULL }, { "Mul", "s channels", "y", NULL } },
    { { "Mul", "c c", "a", NULL }, { "Elu", "a", "y", "alpha=0.5" } },
    { { "PRelu", "c channels", "a", NULL }, { "Max", "a rows", "y", NULL } },
    { { "Div", "c rows", "a", NULL }, { "HardSwish", "a", "h", NULL }, { "Sum", "x2 h", "y", NULL } },
    { { "Gelu", "c", "a", NULL }, { "Min", "scalar a", "y", NULL } },
    /* Here not all can join: a larger result, another reader, a test, three operands. */
    { { "Neg", "c", "a", NULL }, { "Add", "a larger", "y", NULL } },
    { { "Neg", "c", "a", NULL }, { "Mul", "a c", "y", NULL } },
    { { "Greater", "c scalar", "g", NULL }, { "Where", "g c x2", "y", NULL } },
    { { "Sum", "c x2 rows", "y", NULL } },
    { { "ReduceMean", "c", "m", "keepdims=1" }, { "Sub", "c m", "y", NULL } },
};

static const struct joined_node convs[] = {
    { "Conv", "x w1", "c", NULL },
    { "Conv", "x w3 bias", "c", "pads=1,1,1,1" },
    { "Conv", "x depthwise", "c", "pads=1,1,1,1 group=4" },
    { "Conv", "x depthwise bias", "c", "pads=4,4,4,4 dilations=4,4 group=4" },
    { "Conv", "x wide", "c", "pads=8,20,8,20 strides=2,2 dilations=1,1 group=4" },
    { "MatMul", "x square", "c", NULL },
    { "Neg", "x", "c", NULL },
    { "Gelu", "x", "c", "approximate=tanh" },
    { "Mul", "x channels", "c", NULL },
    { "Div", "rows x", "c", NULL },
    /* These are done in two steps, of which the first is not what follows reads. */
    { "Mean", "x x2", "c", NULL },
    { "Sum", "x x2 x", "c", NULL },
    { "Pow", "x three", "c", NULL },
};

static void open_joined(struct bench *p, const struct joined_node *conv, const struct joined_node *nodes,
                        enum dtype type)
{
    static const struct {
        const char *name, *dims;
    } constants[] = {
        { "w1", "4,4,1,1" },  { "w3", "4,4,3,3" },     { "depthwise", "4,1,3,3" }, { "wide", "4,1,9,21" },
        { "bias", "4" },      { "scale", "4" },        { "shift", "4" },           { "mean", "4" },
        { "scalar", "" },     { "channels", "4,1,1" }, { "rows", "9,1" },          { "larger", "3,1,1,1,1" },
        { "x2", "2,4,9,21" }, { "square", "21,21" },
    };
    *p = (struct bench){ 0 };
    build_open(&p->build, 10, 20);
    build_input(&p->build, "x", type, "2,4,9,21");
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        build_init(&p->build, constants[i].name, type, constants[i].dims, i + 1);
    build_init_values(&p->build, "variance", type, "4", (double[]){ 0.5, 1, 2, 3 });
    build_init_values(&p->build, "low", type, "", (double[]){ -0.5 });
    build_init_values(&p->build, "high", type, "", (double[]){ 0.75 });
    build_init_values(&p->build, "three", type, "", (double[]){ 3 });
    build_node(&p->build, conv->op, "first", conv->inputs, conv->output, conv->attributes);
    for (; nodes->op; nodes++)
        build_node(&p->build, nodes->op, nodes->output, nodes->inputs, nodes->output, nodes->attributes);
    build_output(&p->build, "y", type, NULL);
    bench_load(p);
}

static void steps_that_join_give_the_same_bits(void **state)
{
    static const enum dtype types[] = { DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_FLOAT16 };
    (void)state;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t c = 0; c < sizeof convs / sizeof *convs; c++)
            for (size_t f = 0; f < sizeof followers / sizeof *followers; f++) {
                struct bench p;
                open_joined(&p, &convs[c], followers[f], types[t]);
                expect_same_when_joined(
                    &p, types[t], arena_printf(&p.build.arena, "%s, conv %zu, chain %zu", dtype_name(types[t]), c, f));
                bench_close(&p);
            }
}

/* A Conv and three steps after it in the memory of one result; an observer wants two at a time. */
static void steps_that_join_need_no_memory(void **state)
{
    (void)state;
    for (int observed = 0; observed < 2; observed++) {
        struct bench p = { 0 };
        build_open(&p.build, 10, 13);
        build_input(&p.build, "x", DTYPE_FLOAT, "1,2,512,1024");
        build_init(&p.build, "w", DTYPE_FLOAT, "2,2,1,1", 1);
        build_node(&p.build, "Conv", "conv", "x w", "c", NULL);
        build_node(&p.build, "Relu", "relu", "c", "r", NULL);
        build_node(&p.build, "Add", "add", "x r", "a", NULL);
        build_node(&p.build, "Neg", "neg", "a", "y", NULL);
        build_output(&p.build, "y", DTYPE_FLOAT, "1,2,512,1024");
        bench_load(&p);
        struct array *input = array_new(&p.pool, DTYPE_FLOAT, STORE_F32, 4, (int64_t[]){ 1, 2, 512, 1024 });
        memset(input->data, 0, (size_t)input->count * sizeof(float));
        p.build.memory.limit = p.build.memory.used + ((size_t)6 << 20);
        p.options.observe = observed ? see_all : NULL;
        assert_true(run_part(&p, "x", input, "y") == !observed);
        p.build.memory.limit = 0;
        bench_close(&p);
    }
}

/* ---- bytes of weights ---- */

enum { WEIGHTS = 1 << 15, FEW = 100 };

static void put_numbers(FILE *file, float first)
{
    rewind(file);
    for (int i = 0; i < 2 * WEIGHTS; i++) {
        float number = first + (float)i;
        assert_int_equal(fwrite(&number, sizeof number, 1, file), 1);
    }
    assert_int_equal(fflush(file), 0);
}

static void assert_loads(const struct bench *p, const struct tensor *tensor, double first)
{
    struct array *array;
    struct bnfuse_error error = { 0 };
    assert_true(array_from_tensor(&array, tensor, &p->options, &error));
    for (int64_t i = 0; i < tensor->count; i++) assert_true(array->f64[i] == first + (double)i);
    array_drop(array);
}

static void runs_that_keep_the_bytes_of_weights_read_each_once(void **state)
{
    (void)state;
    struct bench p;
    FILE *temporary = tmpfile();
    struct file file = { .path = "temporary", .fd = fileno(temporary), .size = 2 * WEIGHTS * sizeof(float) };
    const struct tensor first = { .type = DTYPE_FLOAT,
                                  .rank = 1,
                                  .count = WEIGHTS,
                                  .dims = (const int64_t[]){ WEIGHTS },
                                  .span = { &file, 0, WEIGHTS * sizeof(float) } };
    struct tensor second = first, few = first;
    struct weight_bytes bytes = { .count = 0 };
    open_chain(&p, 2, "2");
    p.options.exact = true;
    p.options.bytes = &bytes;
    second.span.offset = first.span.size;
    few.count = FEW;
    few.dims = (const int64_t[]){ FEW };
    few.span.size = FEW * sizeof(float);
    put_numbers(temporary, 0);
    assert_loads(&p, &first, 0);
    assert_loads(&p, &few, 0);
    put_numbers(temporary, 1);
    assert_loads(&p, &second, WEIGHTS + 1);
    assert_loads(&p, &first, 0); /* what was read before */
    assert_loads(&p, &few, 1);   /* not worth keeping */
    assert_int_equal(bytes.count, 2);
    p.options.bytes = NULL;
    assert_loads(&p, &first, 1);
    bench_close(&p);
    fclose(temporary);
}

static void bytes_that_cannot_be_kept_are_read_each_time(void **state)
{
    (void)state;
    struct bench p;
    struct array *array;
    struct bnfuse_error error = { 0 };
    FILE *temporary = tmpfile();
    struct file file = { .path = "temporary", .fd = fileno(temporary), .size = 2 * WEIGHTS * sizeof(float) };
    struct tensor tensor = { .type = DTYPE_FLOAT,
                             .rank = 1,
                             .count = WEIGHTS,
                             .dims = (const int64_t[]){ WEIGHTS },
                             .span = { &file, 0, WEIGHTS * sizeof(float) } };
    struct weight_bytes bytes = { .count = 0 };
    open_chain(&p, 2, "2");
    p.options.exact = true;
    p.options.bytes = &bytes;
    put_numbers(temporary, 0);
    struct array *others = vector(&p, 8 * WEIGHTS, 0);
    p.build.memory.limit = 2 * p.build.memory.used; /* half of it is taken */
    assert_loads(&p, &tensor, 0);
    array_drop(others);
    assert_int_equal(bytes.count, 0);
    p.build.memory.limit = 0;
    tensor.span.offset = file.size; /* nothing is there */
    assert_false(array_from_tensor(&array, &tensor, &p.options, &error));
    assert_non_null(strstr(error.message, "temporary"));
    assert_int_equal(bytes.count, 0);
    bench_close(&p);
    fclose(temporary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_that_join_give_the_same_bits),
        cmocka_unit_test(steps_that_join_need_no_memory),
        cmocka_unit_test(only_what_lies_between_given_and_wanted_is_run),
        cmocka_unit_test(a_wanted_value_may_be_given),
        cmocka_unit_test(a_value_that_nobody_supplies_is_named),
        cmocka_unit_test(values_are_released_after_their_last_reader),
        cmocka_unit_test(memory_that_runs_out_is_an_error_and_nothing_leaks),
        cmocka_unit_test(work_that_runs_out_is_an_error_that_names_the_node),
        cmocka_unit_test(initializers_stand_in_for_inputs_that_are_not_given),
        cmocka_unit_test(every_value_is_shown_and_a_run_may_be_stopped),
        cmocka_unit_test(noise_moves_weights_by_half_a_unit_in_the_last_place),
        cmocka_unit_test(noise_moves_numbers_of_attributes),
        cmocka_unit_test(an_operator_without_a_kernel_is_named),
        cmocka_unit_test(an_opset_of_the_future_is_refused),
        cmocka_unit_test(functions_see_the_attributes_of_their_call),
        cmocka_unit_test(a_function_that_calls_itself_is_refused),
        cmocka_unit_test(bodies_see_the_values_around_them),
        cmocka_unit_test(results_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(initializers_of_bodies_are_there_in_every_round),
        cmocka_unit_test(weights_that_are_kept_serve_the_next_run),
        cmocka_unit_test(weights_are_not_kept_beyond_half_the_limit),
        cmocka_unit_test(runs_that_keep_the_bytes_of_weights_read_each_once),
        cmocka_unit_test(bytes_that_cannot_be_kept_are_read_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
