/* SPDX-License-Identifier: Apache-2.0
 *
 * GridSample, AffineGrid and DeformConv. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

/* An image [1, 1, 2, 3] of 1 .. 6, sampled at four places (x, y). */
static void try_places(const char *attributes, const double *grid, const double *y)
{
    struct trial t;
    trial_open(&t, 20);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,3", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_input(&t, "grid", DTYPE_FLOAT, "1,1,4,2", grid);
    build_node(&t.build, "GridSample", "s", "x grid", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,1,4", y);
    trial_close(&t);
}

static void samples_lie_between_centers_or_edges(void **state)
{
    (void)state;
    static const double grid[] = { -1, -1, 0, 0, 1, 1, 0.5, -1 };
    try_places("align_corners=1", grid, (double[]){ 1, 3.5, 6, 2.5 });
    try_places("align_corners=0", grid, (double[]){ 0.25, 3.5, 1.5, 0.5 * 2.75 });
}

static void places_outside_follow_the_padding(void **state)
{
    (void)state;
    static const double grid[] = { -3, 0, 3, 0, 0, -9, 1e30, NAN }; /* columns -2 and 4, row -4 */
    try_places("align_corners=1 mode=nearest", grid, (double[]){ 0, 0, 0, 0 });
    try_places("align_corners=1 padding_mode=border", grid, (double[]){ 2.5, 4.5, 2, 3 });
    try_places("align_corners=1 padding_mode=reflection", (double[]){ -3, 0, 3, 0, 0, -9, 2, -1 },
               (double[]){ 4.5, 2.5, 2, 2 });
}

static void nearest_takes_the_even_of_two(void **state)
{
    (void)state;
    try_places("align_corners=1 mode=nearest", (double[]){ -0.5, -1, 0.5, -1, 0, 0, -1, 0.2 },
               (double[]){ 1, 3, 2, 4 });
}

static void cubic_weights_add_up_and_reach_two_points_far(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 20);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,5", (double[]){ 0, 0, 1, 0, 0 });
    trial_input(&t, "grid", DTYPE_FLOAT, "1,3,1", (double[]){ 0, 0.25, 0.75 }); /* places 2, 2.5, 3.5 */
    build_node(&t.build, "GridSample", "s", "x grid", "y", "align_corners=1 mode=cubic");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,3", (double[]){ 1, 0.59375, -0.09375 });
    trial_close(&t);
}

static void an_unknown_mode_is_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 20);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,3", (double[6]){ 0 });
    trial_input(&t, "grid", DTYPE_FLOAT, "1,1,1,2", (double[2]){ 0 });
    build_node(&t.build, "GridSample", "s", "x grid", "y", "mode=wild");
    trial_fails(&t, "y", "mode \"wild\"");
    trial_close(&t);
}

static void an_affine_grid_moves_places_of_the_output(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 20);
    trial_input(&t, "theta", DTYPE_FLOAT, "1,2,3", (double[]){ 1, 0, 10, 0, 2, 0 });
    trial_input(&t, "size", DTYPE_INT64, "4", (double[]){ 1, 7, 2, 3 });
    build_node(&t.build, "AffineGrid", "a", "theta size", "centers", "align_corners=1");
    build_node(&t.build, "AffineGrid", "b", "theta size", "edges", NULL);
    trial_run(&t, "centers edges");
    trial_expect(&t, "centers", DTYPE_FLOAT, "1,2,3,2", (double[]){ 9, -2, 10, -2, 11, -2, 9, 2, 10, 2, 11, 2 });
    double third = 2.0 / 3;
    trial_expect(&t, "edges", DTYPE_FLOAT, "1,2,3,2",
                 (double[]){ 10 - third, -1, 10, -1, 10 + third, -1, 10 - third, 1, 10, 1, 10 + third, 1 });
    trial_close(&t);
}

/* One tap that sees one column further right and half a row down; the second output is masked by 2. */
static void a_deformed_tap_sees_where_its_offset_says(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 19);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,3", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_input(&t, "w", DTYPE_FLOAT, "2,1,1,1", (double[]){ 1, 10 });
    trial_input(&t, "offset", DTYPE_FLOAT, "1,2,2,3", (double[]){ 0.5, 0.5, 0.5, 0, 0, 0, 1, 1, 1, 1, 1, 1 });
    trial_input(&t, "b", DTYPE_FLOAT, "2", (double[]){ 0, 1 });
    trial_input(&t, "mask", DTYPE_FLOAT, "1,1,2,3", (double[]){ 1, 2, 1, 1, 1, 1 });
    build_node(&t.build, "DeformConv", "d", "x w offset b mask", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,2,3", (double[]){ 3.5, 9, 0, 5, 6, 0, 36, 91, 1, 51, 61, 1 });
    trial_close(&t);
}

static void offsets_of_another_shape_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 19);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,3", (double[6]){ 0 });
    trial_input(&t, "w", DTYPE_FLOAT, "1,1,2,2", (double[4]){ 0 });
    trial_input(&t, "offset", DTYPE_FLOAT, "1,4,1,2", (double[8]){ 0 });
    build_node(&t.build, "DeformConv", "d", "x w offset", "y", NULL);
    trial_fails(&t, "y", "needs an offset for each");
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_lie_between_centers_or_edges),
        cmocka_unit_test(places_outside_follow_the_padding),
        cmocka_unit_test(nearest_takes_the_even_of_two),
        cmocka_unit_test(cubic_weights_add_up_and_reach_two_points_far),
        cmocka_unit_test(an_unknown_mode_is_refused),
        cmocka_unit_test(an_affine_grid_moves_places_of_the_output),
        cmocka_unit_test(a_deformed_tap_sees_where_its_offset_says),
        cmocka_unit_test(offsets_of_another_shape_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
