/* SPDX-License-Identifier: Apache-2.0
 *
 * If, Loop, Scan and SequenceMap: which body runs, how often, and what becomes of its results. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void try_if(bool condition, double result)
{
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "c", DTYPE_BOOL, "", (double[]){ condition });
    trial_input(&t, "x", DTYPE_FLOAT, "2", (double[]){ 3, result });
    build_node(&t.build, "If", "if", "c", "y", NULL);
    build_body(&t.build, "then_branch");
    build_node(&t.build, "Add", "sum", "x x", "a", NULL);
    build_output(&t.build, "a", DTYPE_FLOAT, "2");
    build_end(&t.build);
    build_body(&t.build, "else_branch");
    build_node(&t.build, "Mul", "square", "x x", "b", NULL);
    build_output(&t.build, "b", DTYPE_FLOAT, "2");
    build_end(&t.build);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2", condition ? (double[]){ 6, 2 * result } : (double[]){ 9, result * result });
    trial_close(&t);
}

static void if_runs_one_branch_on_what_lies_outside(void **state)
{
    (void)state;
    try_if(true, 5);
    try_if(false, 5);
}

static void a_branch_may_list_an_outer_value(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "c", DTYPE_BOOL, "", (double[]){ 1 });
    trial_input(&t, "x", DTYPE_FLOAT, "2", (double[]){ 3, 4 });
    build_node(&t.build, "If", "if", "c", "y", NULL);
    build_body(&t.build, "then_branch");
    build_output(&t.build, "x", DTYPE_FLOAT, "2");
    build_end(&t.build);
    build_body(&t.build, "else_branch");
    build_node(&t.build, "Neg", "neg", "x", "b", NULL);
    build_output(&t.build, "b", DTYPE_FLOAT, "2");
    build_end(&t.build);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2", (double[]){ 3, 4 });
    trial_close(&t);
}

/* A Loop that adds its round to a sum, yields the sum of each round, and asks to go on while the sum is below 7. */
static void open_loop(struct trial *t, const char *inputs, const char *outputs)
{
    build_init_values(&t->build, "limit", DTYPE_INT64, "", (double[]){ 7 });
    build_node(&t->build, "Loop", "loop", inputs, outputs, NULL);
    build_body(&t->build, "body");
    build_input(&t->build, "i", DTYPE_INT64, "");
    build_input(&t->build, "go", DTYPE_BOOL, "");
    build_input(&t->build, "sum", DTYPE_INT64, "");
    build_node(&t->build, "Add", "add", "sum i", "more", NULL);
    build_node(&t->build, "Less", "less", "more limit", "go_on", NULL);
    build_node(&t->build, "Mul", "times", "more i", "mark", NULL);
    build_output(&t->build, "go_on", DTYPE_BOOL, "");
    build_output(&t->build, "more", DTYPE_INT64, "");
    build_output(&t->build, "mark", DTYPE_INT64, "");
    build_end(&t->build);
}

static void loop_ends_by_its_trip_count(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "trips", DTYPE_INT64, "", (double[]){ 4 });
    trial_input(&t, "start", DTYPE_INT64, "", (double[]){ 100 });
    open_loop(&t, "trips _ start", "end marks");
    trial_run(&t, "end marks"); /* the body's condition is false at once, but nobody asked */
    trial_expect(&t, "end", DTYPE_INT64, "", (double[]){ 106 });
    trial_expect(&t, "marks", DTYPE_INT64, "4", (double[]){ 0, 101, 206, 318 });
    trial_close(&t);
}

static void loop_ends_by_its_condition(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "go", DTYPE_BOOL, "", (double[]){ 1 });
    trial_input(&t, "start", DTYPE_INT64, "", (double[]){ 0 });
    open_loop(&t, "_ go start", "end marks");
    trial_run(&t, "end marks");
    trial_expect(&t, "end", DTYPE_INT64, "", (double[]){ 10 });
    trial_expect(&t, "marks", DTYPE_INT64, "5", (double[]){ 0, 1, 6, 18, 40 });
    trial_close(&t);
}

static void loop_without_a_round_yields_its_start_and_nothing(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "trips", DTYPE_INT64, "", (double[]){ 9 });
    trial_input(&t, "go", DTYPE_BOOL, "", (double[]){ 0 });
    trial_input(&t, "start", DTYPE_INT64, "", (double[]){ 42 });
    open_loop(&t, "trips go start", "end marks");
    trial_run(&t, "end marks");
    trial_expect(&t, "end", DTYPE_INT64, "", (double[]){ 42 });
    trial_expect(&t, "marks", DTYPE_INT64, "0", NULL);
    trial_close(&t);
}

static void a_loop_without_end_is_stopped(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "start", DTYPE_INT64, "", (double[]){ 0 });
    build_node(&t.build, "Loop", "loop", "_ _ start", "end", NULL);
    build_body(&t.build, "body");
    build_input(&t.build, "i", DTYPE_INT64, "");
    build_input(&t.build, "go", DTYPE_BOOL, "");
    build_input(&t.build, "sum", DTYPE_INT64, "");
    build_output(&t.build, "go", DTYPE_BOOL, "");
    build_output(&t.build, "sum", DTYPE_INT64, "");
    build_end(&t.build);
    trial_fails(&t, "end", "Loop \"loop\"");
    trial_close(&t);
}

static void a_body_of_other_inputs_is_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "trips", DTYPE_INT64, "", (double[]){ 1 });
    trial_input(&t, "start", DTYPE_INT64, "", (double[]){ 0 });
    open_loop(&t, "trips _ start start", "end marks");
    trial_fails(&t, "end", "carries 2 values");
    trial_close(&t);
}

/* A Scan that sums what it sees and yields the running sum. */
static void open_scan(struct trial *t, const char *inputs, const char *attributes, const char *element)
{
    build_node(&t->build, "Scan", "scan", inputs, "end sums", attributes);
    build_body(&t->build, "body");
    build_input(&t->build, "sum", DTYPE_FLOAT, element);
    build_input(&t->build, "next", DTYPE_FLOAT, element);
    build_node(&t->build, "Add", "add", "sum next", "more", NULL);
    build_node(&t->build, "Identity", "copy", "more", "shown", NULL);
    build_output(&t->build, "more", DTYPE_FLOAT, element);
    build_output(&t->build, "shown", DTYPE_FLOAT, element);
    build_end(&t->build);
}

static void scan_runs_along_axis_0(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "start", DTYPE_FLOAT, "2", (double[]){ 0, 10 });
    trial_input(&t, "x", DTYPE_FLOAT, "3,2", (double[]){ 1, 2, 3, 4, 5, 6 });
    open_scan(&t, "start x", "num_scan_inputs=1", "2");
    trial_run(&t, "end sums");
    trial_expect(&t, "end", DTYPE_FLOAT, "2", (double[]){ 9, 22 });
    trial_expect(&t, "sums", DTYPE_FLOAT, "3,2", (double[]){ 1, 12, 4, 16, 9, 22 });
    trial_close(&t);
}

static void scan_runs_backward_along_other_axes(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "start", DTYPE_FLOAT, "2", (double[]){ 0, 0 });
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", (double[]){ 1, 2, 3, 4, 5, 6 });
    open_scan(&t, "start x",
              "num_scan_inputs=1 scan_input_axes=-1, scan_input_directions=1, scan_output_axes=1, "
              "scan_output_directions=1,",
              "2");
    trial_run(&t, "end sums");
    trial_expect(&t, "end", DTYPE_FLOAT, "2", (double[]){ 6, 15 });
    trial_expect(&t, "sums", DTYPE_FLOAT, "2,3", (double[]){ 6, 5, 3, 15, 11, 6 });
    trial_close(&t);
}

static void scan_of_nothing_yields_nothing(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "start", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    trial_input(&t, "x", DTYPE_FLOAT, "0,2", NULL);
    open_scan(&t, "start x", "num_scan_inputs=1 scan_output_axes=-1,", "2");
    trial_run(&t, "end sums");
    trial_expect(&t, "end", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    trial_expect(&t, "sums", DTYPE_FLOAT, "2,0", NULL);
    trial_close(&t);
}

static void scan_8_runs_each_batch_element_for_its_length(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 8);
    trial_input(&t, "lengths", DTYPE_INT64, "2", (double[]){ 3, 1 });
    trial_input(&t, "start", DTYPE_FLOAT, "2,1", (double[]){ 0, 100 });
    trial_input(&t, "x", DTYPE_FLOAT, "2,3,1", (double[]){ 1, 2, 3, 4, 5, 6 });
    open_scan(&t, "lengths start x", "num_scan_inputs=1", "1");
    trial_run(&t, "end sums");
    trial_expect(&t, "end", DTYPE_FLOAT, "2,1", (double[]){ 6, 104 });
    trial_expect(&t, "sums", DTYPE_FLOAT, "2,3,1", (double[]){ 1, 3, 6, 104, 0, 0 });
    trial_close(&t);
}

static void sequence_map_runs_over_sequences_and_shares_tensors(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 17);
    trial_input(&t, "x", DTYPE_FLOAT, "3,2", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_input(&t, "y", DTYPE_FLOAT, "1,2", (double[]){ 10, 20 });
    build_node(&t.build, "SplitToSequence", "split", "x", "parts", NULL);
    build_node(&t.build, "SequenceMap", "map", "parts y", "sums", NULL);
    build_body(&t.build, "body");
    build_input(&t.build, "a", DTYPE_FLOAT, "1,2");
    build_input(&t.build, "b", DTYPE_FLOAT, "1,2");
    build_node(&t.build, "Add", "add", "a b", "c", NULL);
    build_output(&t.build, "c", DTYPE_FLOAT, "1,2");
    build_end(&t.build);
    build_node(&t.build, "ConcatFromSequence", "concat", "sums", "whole", "axis=0");
    trial_run(&t, "whole");
    trial_expect(&t, "whole", DTYPE_FLOAT, "3,2", (double[]){ 11, 22, 13, 24, 15, 26 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(if_runs_one_branch_on_what_lies_outside),
        cmocka_unit_test(a_branch_may_list_an_outer_value),
        cmocka_unit_test(loop_ends_by_its_trip_count),
        cmocka_unit_test(loop_ends_by_its_condition),
        cmocka_unit_test(loop_without_a_round_yields_its_start_and_nothing),
        cmocka_unit_test(a_loop_without_end_is_stopped),
        cmocka_unit_test(a_body_of_other_inputs_is_refused),
        cmocka_unit_test(scan_runs_along_axis_0),
        cmocka_unit_test(scan_runs_backward_along_other_axes),
        cmocka_unit_test(scan_of_nothing_yields_nothing),
        cmocka_unit_test(scan_8_runs_each_batch_element_for_its_length),
        cmocka_unit_test(sequence_map_runs_over_sequences_and_shares_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
