/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequences and optionals: positions, splits, joins, and what is empty. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A sequence "s" of three tensors [2] of x = 1 .. 6. */
static void open_sequence(struct trial *t)
{
    trial_open(t, 18);
    trial_input(t, "x", DTYPE_FLOAT, "3,2", (double[]){ 1, 2, 3, 4, 5, 6 });
    build_node(&t->build, "SplitToSequence", "split", "x", "s", "keepdims=0");
}

static void split_without_keepdims_drops_the_axis(void **state)
{
    (void)state;
    struct trial t;
    open_sequence(&t);
    trial_input(&t, "at", DTYPE_INT64, "", (double[]){ -2 });
    build_node(&t.build, "SequenceAt", "at", "s at", "y", NULL);
    build_node(&t.build, "SequenceLength", "length", "s", "n", NULL);
    trial_run(&t, "y n");
    trial_expect(&t, "y", DTYPE_FLOAT, "2", (double[]){ 3, 4 });
    trial_expect(&t, "n", DTYPE_INT64, "", (double[]){ 3 });
    trial_close(&t);
}

static void split_by_a_size_leaves_a_shorter_rest(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "2,5", (double[]){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 });
    trial_input(&t, "size", DTYPE_INT64, "", (double[]){ 2 });
    trial_input(&t, "at", DTYPE_INT64, "", (double[]){ 2 });
    build_node(&t.build, "SplitToSequence", "split", "x size", "s", "axis=1 keepdims=0");
    build_node(&t.build, "SequenceAt", "at", "s at", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1", (double[]){ 4, 9 }); /* keepdims does not count beside a size */
    trial_close(&t);
}

static void split_by_sizes_must_use_up_the_axis(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "2,5", (double[10]){ 0 });
    trial_input(&t, "sizes", DTYPE_INT64, "2", (double[]){ 2, 2 });
    build_node(&t.build, "SplitToSequence", "split", "x sizes", "s", "axis=1");
    trial_fails(&t, "s", "splits 5 elements into pieces of 4 in all");
    trial_close(&t);
}

static void insert_and_erase_leave_the_other_sequence_as_it_is(void **state)
{
    (void)state;
    struct trial t;
    open_sequence(&t);
    trial_input(&t, "new", DTYPE_FLOAT, "2", (double[]){ 8, 9 });
    trial_input(&t, "first", DTYPE_INT64, "", (double[]){ -3 });
    build_node(&t.build, "SequenceInsert", "insert", "s new first", "longer", NULL);
    build_node(&t.build, "SequenceInsert", "append", "s new", "appended", NULL);
    build_node(&t.build, "SequenceErase", "erase", "longer", "shorter", NULL);
    build_node(&t.build, "ConcatFromSequence", "a", "longer", "a", "axis=0");
    build_node(&t.build, "ConcatFromSequence", "b", "shorter", "b", "axis=0 new_axis=1");
    build_node(&t.build, "ConcatFromSequence", "c", "appended", "c", "axis=-1 new_axis=1");
    build_node(&t.build, "ConcatFromSequence", "d", "s", "d", "axis=0");
    trial_run(&t, "a b c d");
    trial_expect(&t, "a", DTYPE_FLOAT, "8", (double[]){ 8, 9, 1, 2, 3, 4, 5, 6 });
    trial_expect(&t, "b", DTYPE_FLOAT, "3,2", (double[]){ 8, 9, 1, 2, 3, 4 });
    trial_expect(&t, "c", DTYPE_FLOAT, "2,4", (double[]){ 1, 3, 5, 8, 2, 4, 6, 9 });
    trial_expect(&t, "d", DTYPE_FLOAT, "6", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_close(&t);
}

static void a_position_beyond_the_end_is_refused(void **state)
{
    (void)state;
    struct trial t;
    open_sequence(&t);
    trial_input(&t, "at", DTYPE_INT64, "", (double[]){ -4 });
    build_node(&t.build, "SequenceAt", "pick", "s at", "y", NULL);
    trial_fails(&t, "y", "no position -4 in a sequence of 3");
    trial_close(&t);
}

static void a_sequence_holds_one_type(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "a", DTYPE_FLOAT, "1", (double[]){ 1 });
    trial_input(&t, "b", DTYPE_INT32, "1", (double[]){ 1 });
    build_node(&t.build, "SequenceConstruct", "make", "a b", "s", NULL);
    trial_fails(&t, "s", "tensors of one type");
    trial_close(&t);
}

static void tensors_that_do_not_fit_are_not_joined(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "a", DTYPE_FLOAT, "1,2", (double[]){ 1, 2 });
    trial_input(&t, "b", DTYPE_FLOAT, "1,3", (double[]){ 1, 2, 3 });
    build_node(&t.build, "SequenceConstruct", "make", "a b", "s", NULL);
    build_node(&t.build, "ConcatFromSequence", "join", "s", "y", "axis=0");
    trial_fails(&t, "y", "2 and 3 elements along axis 1");
    trial_close(&t);
}

static void an_empty_sequence_has_its_type_and_no_end(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    build_node(&t.build, "SequenceEmpty", "empty", "", "s", "dtype=7");
    build_node(&t.build, "SequenceLength", "length", "s", "n", NULL);
    trial_run(&t, "s n");
    trial_expect(&t, "n", DTYPE_INT64, "", (double[]){ 0 });
    assert_int_equal(trial_output(&t, "s", false)->type, DTYPE_INT64);
    trial_close(&t);
}

static void an_optional_tells_whether_it_has_an_element(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    build_node(&t.build, "Optional", "full", "x", "full", NULL);
    build_node(&t.build, "Optional", "empty", "", "empty", NULL);
    build_node(&t.build, "OptionalHasElement", "a", "full", "a", NULL);
    build_node(&t.build, "OptionalHasElement", "b", "empty", "b", NULL);
    build_node(&t.build, "OptionalHasElement", "c", "", "c", NULL);
    build_node(&t.build, "OptionalGetElement", "get", "full", "y", NULL);
    trial_run(&t, "a b c y");
    trial_expect(&t, "a", DTYPE_BOOL, "", (double[]){ 1 });
    trial_expect(&t, "b", DTYPE_BOOL, "", (double[]){ 0 });
    trial_expect(&t, "c", DTYPE_BOOL, "", (double[]){ 0 });
    trial_expect(&t, "y", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    trial_close(&t);
}

static void an_empty_optional_has_nothing_to_get(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    build_node(&t.build, "Optional", "empty", "", "empty", NULL);
    build_node(&t.build, "OptionalGetElement", "get", "empty", "y", NULL);
    trial_fails(&t, "y", "empty optional");
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_without_keepdims_drops_the_axis),
        cmocka_unit_test(split_by_a_size_leaves_a_shorter_rest),
        cmocka_unit_test(split_by_sizes_must_use_up_the_axis),
        cmocka_unit_test(insert_and_erase_leave_the_other_sequence_as_it_is),
        cmocka_unit_test(a_position_beyond_the_end_is_refused),
        cmocka_unit_test(a_sequence_holds_one_type),
        cmocka_unit_test(tensors_that_do_not_fit_are_not_joined),
        cmocka_unit_test(an_empty_sequence_has_its_type_and_no_end),
        cmocka_unit_test(an_optional_tells_whether_it_has_an_element),
        cmocka_unit_test(an_empty_optional_has_nothing_to_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
