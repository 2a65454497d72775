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

/* 100 values of 4 MiB pass through 16 MiB. */
static void values_are_released_after_their_last_reader(void **state)
{
    (void)state;
    struct bench p;
    open_chain(&p, 100, "1048576");
    struct array *input = vector(&p, 1048576, 0);
    p.build.memory.limit = p.build.memory.used + ((size_t)16 << 20);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
