/* SPDX-License-Identifier: Apache-2.0
 *
 * RotaryEmbedding: which features are turned, and by which position. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

/* Position 1 turns the first pair by a quarter, the second by a half; position 0 turns nothing. */
static void open_rotary(struct trial *t)
{
    trial_open(t, 23);
    trial_input(t, "cos", DTYPE_FLOAT, "2,2", (double[]){ 1, 1, 0, -1 });
    trial_input(t, "sin", DTYPE_FLOAT, "2,2", (double[]){ 0, 0, 1, 0 });
    trial_input(t, "at", DTYPE_INT64, "1,2", (double[]){ 1, 0 });
}

static void pairs_are_turned_by_position(void **state)
{
    (void)state;
    struct trial t;
    open_rotary(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,5", (double[]){ 1, 2, 3, 4, 9, 5, 6, 7, 8, 9 });
    build_node(&t.build, "RotaryEmbedding", "r", "x cos sin at", "halves", "rotary_embedding_dim=4");
    build_node(&t.build, "RotaryEmbedding", "s", "x cos sin at", "pairs", "rotary_embedding_dim=4 interleaved=1");
    trial_run(&t, "halves pairs");
    trial_expect(&t, "halves", DTYPE_FLOAT, "1,1,2,5", (double[]){ -3, -2, 1, -4, 9, 5, 6, 7, 8, 9 });
    trial_expect(&t, "pairs", DTYPE_FLOAT, "1,1,2,5", (double[]){ -2, 1, -3, -4, 9, 5, 6, 7, 8, 9 });
    trial_close(&t);
}

static void packed_heads_are_turned_alike(void **state)
{
    (void)state;
    struct trial t;
    open_rotary(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,8", (double[]){ 1, 2, 3, 4, 10, 20, 30, 40, 5, 6, 7, 8, 50, 60, 70, 80 });
    build_node(&t.build, "RotaryEmbedding", "r", "x cos sin at", "y", "num_heads=2");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,8",
                 (double[]){ -3, -2, 1, -4, -30, -20, 10, -40, 5, 6, 7, 8, 50, 60, 70, 80 });
    trial_close(&t);
}

static void a_position_beyond_the_table_is_refused(void **state)
{
    (void)state;
    struct trial t;
    open_rotary(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,1,4", (double[4]){ 0 });
    trial_input(&t, "far", DTYPE_INT64, "1,1", (double[]){ 2 });
    build_node(&t.build, "RotaryEmbedding", "r", "x cos sin far", "y", NULL);
    trial_fails(&t, "y", "position 2 of 2");
    trial_close(&t);
}

/* Without positions the tables say the angle of each step of each batch element; three pairs of eight features turn. */
static void tables_may_be_given_step_by_step(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 23);
    trial_input(&t, "cos", DTYPE_FLOAT, "2,1,3", (double[]){ 1, 0, -1, 0, 1, 0 });
    trial_input(&t, "sin", DTYPE_FLOAT, "2,1,3", (double[]){ 0, 1, 0, 1, 0, -1 });
    trial_input(&t, "x", DTYPE_FLOAT, "2,1,1,8", (double[]){ 1, 2, 3, 4, 5, 6, 7, 8, 10, 20, 30, 40, 50, 60, 70, 80 });
    build_node(&t.build, "RotaryEmbedding", "r", "x cos sin", "y", "rotary_embedding_dim=6");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1,1,8",
                 (double[]){ 1, -5, -3, 4, 2, -6, 7, 8, -40, 20, 60, 10, 50, -30, 70, 80 });
    trial_close(&t);
}

static void tables_of_other_steps_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 23);
    trial_input(&t, "cos", DTYPE_FLOAT, "1,2,1", (double[2]){ 0 });
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,3,2", (double[6]){ 0 });
    build_node(&t.build, "RotaryEmbedding", "r", "x cos cos", "y", NULL);
    trial_fails(&t, "y", "each of 1 by 3 steps");
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_turned_by_position),           cmocka_unit_test(packed_heads_are_turned_alike),
        cmocka_unit_test(a_position_beyond_the_table_is_refused), cmocka_unit_test(tables_may_be_given_step_by_step),
        cmocka_unit_test(tables_of_other_steps_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
