/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that move elements, where it is easy to go wrong: old forms, clamped ends, borders, empty parts. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SIX              \
    (double[])           \
    {                    \
        1, 2, 3, 4, 5, 6 \
    }

static void try_pad(const char *mode, const double *pads, const char *dims, const double *y)
{
    struct trial t;
    trial_open(&t, 19);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", SIX);
    trial_input(&t, "pads", DTYPE_INT64, "4", pads);
    build_node(&t.build, "Pad", "pad", "x pads", "y", mode);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, dims, y);
    trial_close(&t);
}

static void borders_repeat_what_the_mode_says(void **state)
{
    (void)state;
    try_pad("mode=edge", (double[]){ 0, 2, 0, 1 }, "2,6", (double[]){ 1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6 });
    try_pad("mode=reflect", (double[]){ 0, 2, 0, 1 }, "2,6", (double[]){ 3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5 });
    try_pad("mode=wrap", (double[]){ 1, 1, 0, 1 }, "3,5", (double[]){ 6, 4, 5, 6, 4, 3, 1, 2, 3, 1, 6, 4, 5, 6, 4 });
    try_pad("mode=constant", (double[]){ 1, 0, 0, 1 }, "3,4", (double[]){ 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0 });
}

static void reflection_goes_on_beyond_the_other_end(void **state)
{
    (void)state;
    try_pad("mode=reflect", (double[]){ 0, 5, 0, 0 }, "2,8",
            (double[]){ 2, 1, 2, 3, 2, 1, 2, 3, 5, 4, 5, 6, 5, 4, 5, 6 });
}

static void negative_pads_crop_before_anything_repeats(void **state)
{
    (void)state;
    try_pad("mode=constant", (double[]){ 0, -1, 0, 1 }, "2,3", (double[]){ 2, 3, 0, 5, 6, 0 });
    try_pad("mode=edge", (double[]){ 0, 2, 0, -2 }, "2,3", (double[]){ 1, 1, 1, 4, 4, 4 });
    try_pad("mode=reflect", (double[]){ -1, 1, 0, -1 }, "1,3", (double[]){ 5, 4, 5 });
}

static void old_pads_are_attributes(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 1);
    trial_input(&t, "x", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    build_node(&t.build, "Pad", "pad", "x", "y", "paddings=1,2 value=7.0");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "5", (double[]){ 7, 1, 2, 7, 7 });
    trial_close(&t);
}

static void try_slice(double start, double end, double step, const char *dims, const double *y)
{
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "6", SIX);
    trial_input(&t, "start", DTYPE_INT64, "1", (double[]){ start });
    trial_input(&t, "end", DTYPE_INT64, "1", (double[]){ end });
    trial_input(&t, "axis", DTYPE_INT64, "1", (double[]){ -1 });
    trial_input(&t, "step", DTYPE_INT64, "1", (double[]){ step });
    build_node(&t.build, "Slice", "slice", "x start end axis step", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, dims, y);
    trial_close(&t);
}

static void slices_clamp_their_ends(void **state)
{
    (void)state;
    try_slice(1, 0x1p62, 2, "3", (double[]){ 2, 4, 6 });
    try_slice(-2, 100, 1, "2", (double[]){ 5, 6 });
    try_slice(100, -0x1p63, -1, "6", (double[]){ 6, 5, 4, 3, 2, 1 });
    try_slice(-1, -4, -2, "2", (double[]){ 6, 4 });
    try_slice(4, 2, 1, "0", SIX);
    try_slice(-100, 2, 1, "2", (double[]){ 1, 2 });
    try_slice(0, 6, 0x1p62, "1", (double[]){ 1 });
    try_slice(5, 0, -0x1p63, "1", (double[]){ 6 });
}

static void a_step_of_zero_is_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "6", SIX);
    trial_input(&t, "zero", DTYPE_INT64, "1", (double[]){ 0 });
    build_node(&t.build, "Slice", "slice", "x zero zero zero zero", "y", NULL);
    trial_fails(&t, "y", "a step is 0");
    trial_close(&t);
}

static void parts_of_a_split_are_equal_or_as_given(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", SIX);
    trial_input(&t, "sizes", DTYPE_INT64, "2", (double[]){ 0, 3 });
    build_node(&t.build, "Split", "uneven", "x", "a b", "axis=1 num_outputs=2");
    build_node(&t.build, "Split", "given", "x sizes", "c d", "axis=-1");
    trial_run(&t, "a b c d");
    trial_expect(&t, "a", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, 4, 5 });
    trial_expect(&t, "b", DTYPE_FLOAT, "2,1", (double[]){ 3, 6 });
    trial_expect(&t, "c", DTYPE_FLOAT, "2,0", SIX);
    trial_expect(&t, "d", DTYPE_FLOAT, "2,3", SIX);
    trial_close(&t);
}

static void sizes_that_do_not_add_up_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "6", SIX);
    build_node(&t.build, "Split", "split", "x", "a b", "split=2,3");
    trial_fails(&t, "a", "add up to 5, not to 6");
    trial_close(&t);
}

static void concat_takes_empty_parts(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_FLOAT, "2,1", (double[]){ 1, 2 });
    trial_input(&t, "none", DTYPE_FLOAT, "2,0", (double[]){ 0 });
    trial_input(&t, "b", DTYPE_FLOAT, "2,2", (double[]){ 3, 4, 5, 6 });
    build_node(&t.build, "Concat", "concat", "a none b", "y", "axis=-1");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,3", (double[]){ 1, 3, 4, 2, 5, 6 });
    trial_close(&t);
}

static void a_transpose_permutes_any_dimensions(void **state)
{
    (void)state;
    static double x[3 * 40 * 50], y[3 * 40 * 50];
    struct trial t;
    for (int i = 0; i < 3 * 40 * 50; i++) x[i] = i;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 40; b++)
            for (int c = 0; c < 50; c++) y[(c * 3 + a) * 40 + b] = x[(a * 40 + b) * 50 + c];
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "3,40,50", x);
    build_node(&t.build, "Transpose", "transpose", "x", "y", "perm=2,0,1");
    build_node(&t.build, "Transpose", "back", "y", "z", "perm=1,2,0");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "50,3,40", y);
    trial_expect(&t, "z", DTYPE_FLOAT, "3,40,50", x);
    trial_close(&t);
}

static void a_permutation_names_each_dimension_once(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", SIX);
    build_node(&t.build, "Transpose", "transpose", "x", "y", "perm=0,0");
    trial_fails(&t, "y", "twice");
    trial_close(&t);
}

static void old_tiles_run_along_one_axis(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 1);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "tiles", DTYPE_FLOAT, "1", (double[]){ 2 });
    trial_input(&t, "axis", DTYPE_FLOAT, "1", (double[]){ 1 });
    build_node(&t.build, "Tile", "tile", "x tiles axis", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,4", (double[]){ 1, 2, 1, 2, 3, 4, 3, 4 });
    trial_close(&t);
}

/* Depth 8 and block 2: the two orders of the blocks among the channels. */
static void depth_goes_to_space_in_either_order(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1,8,1,1", (double[]){ 0, 1, 2, 3, 4, 5, 6, 7 });
    build_node(&t.build, "DepthToSpace", "depth", "x", "dcr", "blocksize=2");
    build_node(&t.build, "DepthToSpace", "column", "x", "crd", "blocksize=2 mode=CRD");
    build_node(&t.build, "SpaceToDepth", "back", "dcr", "z", "blocksize=2");
    trial_run(&t, "dcr crd z");
    trial_expect(&t, "dcr", DTYPE_FLOAT, "1,2,2,2", (double[]){ 0, 2, 4, 6, 1, 3, 5, 7 });
    trial_expect(&t, "crd", DTYPE_FLOAT, "1,2,2,2", (double[]){ 0, 1, 2, 3, 4, 5, 6, 7 });
    trial_expect(&t, "z", DTYPE_FLOAT, "1,8,1,1", (double[]){ 0, 1, 2, 3, 4, 5, 6, 7 });
    trial_close(&t);
}

static void triangles_reach_as_far_as_k(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 14);
    trial_input(&t, "x", DTYPE_INT64, "2,3", SIX);
    trial_input(&t, "k", DTYPE_INT64, "", (double[]){ 1 });
    trial_input(&t, "far", DTYPE_INT64, "", (double[]){ -0x1p63 });
    build_node(&t.build, "Trilu", "upper", "x k", "a", NULL);
    build_node(&t.build, "Trilu", "lower", "x k", "b", "upper=0");
    build_node(&t.build, "Trilu", "all", "x far", "c", NULL);
    trial_run(&t, "a b c");
    trial_expect(&t, "a", DTYPE_INT64, "2,3", (double[]){ 0, 2, 3, 0, 0, 6 });
    trial_expect(&t, "b", DTYPE_INT64, "2,3", (double[]){ 1, 2, 0, 4, 5, 6 });
    trial_expect(&t, "c", DTYPE_INT64, "2,3", SIX);
    trial_close(&t);
}

static void sequences_are_reversed_up_to_their_length(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_input(&t, "x", DTYPE_FLOAT, "3,2", SIX);
    trial_input(&t, "lens", DTYPE_INT64, "2", (double[]){ 2, 3 });
    build_node(&t.build, "ReverseSequence", "reverse", "x lens", "y", "time_axis=0 batch_axis=1");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "3,2", (double[]){ 3, 6, 1, 4, 5, 2 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borders_repeat_what_the_mode_says),
        cmocka_unit_test(reflection_goes_on_beyond_the_other_end),
        cmocka_unit_test(negative_pads_crop_before_anything_repeats),
        cmocka_unit_test(old_pads_are_attributes),
        cmocka_unit_test(slices_clamp_their_ends),
        cmocka_unit_test(a_step_of_zero_is_refused),
        cmocka_unit_test(parts_of_a_split_are_equal_or_as_given),
        cmocka_unit_test(sizes_that_do_not_add_up_are_refused),
        cmocka_unit_test(concat_takes_empty_parts),
        cmocka_unit_test(a_transpose_permutes_any_dimensions),
        cmocka_unit_test(a_permutation_names_each_dimension_once),
        cmocka_unit_test(old_tiles_run_along_one_axis),
        cmocka_unit_test(depth_goes_to_space_in_either_order),
        cmocka_unit_test(triangles_reach_as_far_as_k),
        cmocka_unit_test(sequences_are_reversed_up_to_their_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
