/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools against plain loops over windows; their last windows, paddings, indices and ways back. */
#include "noise.h"
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>

#include <cmocka.h>

#define MOST 20000

enum what { LARGEST, MEAN, MEAN_WITH_PADDING, NORM_1, NORM_2, NORM_3 };

/* Two spatial axes; 2 images of 3 channels. */
struct geometry {
    int in[2], kernel[2], stride[2], dilation[2], begin[2], end[2];
    bool up;
    int out[2]; /* written out by hand */
};

static double x[MOST], y[MOST], places[MOST];

/* One window of the plane that starts at `plane`; *place is the first largest. */
static double pool_window(const struct geometry *g, enum what what, const double *plane, const int *o, int *place)
{
    double most = -INFINITY, sum = 0, power = what == NORM_1 ? 1 : what == NORM_2 ? 2 : 3;
    int inside = 0, padded = 0;
    for (int i = 0; i < g->kernel[0]; i++)
        for (int j = 0; j < g->kernel[1]; j++) {
            int r = o[0] * g->stride[0] + i * g->dilation[0] - g->begin[0];
            int c = o[1] * g->stride[1] + j * g->dilation[1] - g->begin[1];
            padded += r < g->in[0] + g->end[0] && c < g->in[1] + g->end[1];
            if (r < 0 || c < 0 || r >= g->in[0] || c >= g->in[1]) continue;
            double value = plane[r * g->in[1] + c];
            inside++;
            sum += what >= NORM_1 ? pow(fabs(value), power) : value;
            if (value > most) {
                most = value;
                *place = r * g->in[1] + c;
            }
        }
    if (what == LARGEST) return most;
    if (what >= NORM_1) return pow(sum, 1 / power);
    return sum / (what == MEAN ? inside : padded);
}

static void pool_oracle(const struct geometry *g, enum what what)
{
    int plane = g->in[0] * g->in[1], outputs = g->out[0] * g->out[1];
    for (int n = 0; n < 6; n++)
        for (int i = 0; i < outputs; i++) {
            int place = 0, o[] = { i / g->out[1], i % g->out[1] };
            y[n * outputs + i] = pool_window(g, what, x + n * plane, o, &place);
            places[n * outputs + i] = n * plane + place;
        }
}

static const struct {
    const char *op, *attributes;
    int64_t opset;
} operators[] = {
    [LARGEST] = { "MaxPool", "", 12 },
    [MEAN] = { "AveragePool", "", 19 },
    [MEAN_WITH_PADDING] = { "AveragePool", "count_include_pad=1", 19 },
    [NORM_1] = { "LpPool", "p=1", 18 },
    [NORM_2] = { "LpPool", "", 18 },
    [NORM_3] = { "LpPool", "p=3", 18 },
};

static void try_pool(const struct geometry *g, enum what what, const char *padding)
{
    struct trial t;
    char in[40], out[40], attributes[300];
    bool indices = what == LARGEST;
    pool_oracle(g, what);
    sprintf(in, "2,3,%d,%d", g->in[0], g->in[1]);
    sprintf(out, "2,3,%d,%d", g->out[0], g->out[1]);
    sprintf(attributes, "kernel_shape=%d,%d strides=%d,%d dilations=%d,%d ceil_mode=%d %s %s", g->kernel[0],
            g->kernel[1], g->stride[0], g->stride[1], g->dilation[0], g->dilation[1], g->up, padding,
            operators[what].attributes);
    trial_open(&t, operators[what].opset);
    trial_input(&t, "x", DTYPE_FLOAT, in, x);
    build_node(&t.build, operators[what].op, "a", "x", "y", attributes);
    if (indices) build_node(&t.build, "MaxPool", "b", "x", "again places", attributes);
    trial_run(&t, indices ? "y again places" : "y");
    trial_expect(&t, "y", DTYPE_FLOAT, out, y);
    if (indices) trial_expect(&t, "again", DTYPE_FLOAT, out, y);
    if (indices) trial_expect(&t, "places", DTYPE_INT64, out, places);
    trial_close(&t);
}

static void a_pool_sees_what_its_window_sees(void **state)
{
    (void)state;
    static const struct geometry geometries[] = {
        { { 7, 9 }, { 3, 2 }, { 2, 3 }, { 1, 1 }, { 0, 0 }, { 0, 0 }, false, { 3, 3 } },
        { { 7, 9 }, { 3, 2 }, { 2, 3 }, { 1, 1 }, { 1, 0 }, { 1, 1 }, false, { 4, 3 } },
        { { 7, 9 }, { 2, 3 }, { 1, 2 }, { 3, 2 }, { 1, 2 }, { 0, 1 }, false, { 5, 4 } },
        { { 5, 5 }, { 5, 5 }, { 5, 5 }, { 1, 1 }, { 0, 0 }, { 0, 0 }, false, { 1, 1 } },
        { { 3, 3 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, false, { 3, 3 } },
        { { 60, 50 }, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, false, { 30, 25 } },
        /* rounded up: 7 = 3 + 2 * 2 exactly; 10 = 2 + 3 * 2 and a rest */
        { { 7, 10 }, { 3, 2 }, { 2, 3 }, { 1, 1 }, { 0, 0 }, { 0, 0 }, true, { 3, 4 } },
        { { 6, 7 }, { 3, 3 }, { 2, 4 }, { 1, 2 }, { 1, 1 }, { 1, 0 }, true, { 4, 2 } },
        /* rounded up, but the last window would start in the padding */
        { { 4, 5 }, { 1, 2 }, { 3, 3 }, { 1, 1 }, { 0, 1 }, { 0, 1 }, true, { 2, 2 } },
        { { 5, 3 }, { 2, 2 }, { 4, 2 }, { 1, 1 }, { 0, 1 }, { 3, 1 }, true, { 2, 2 } },
    };
    fill_noise(x, MOST, 1);
    for (size_t i = 0; i < sizeof geometries / sizeof *geometries; i++)
        for (int what = LARGEST; what <= NORM_3; what++) {
            const struct geometry *g = &geometries[i];
            char padding[60];
            sprintf(padding, "pads=%d,%d,%d,%d", g->begin[0], g->begin[1], g->end[0], g->end[1]);
            try_pool(g, (enum what)what, padding);
        }
}

static void automatic_padding_covers_the_input(void **state)
{
    (void)state;
    struct geometry g = { { 7, 9 }, { 4, 2 }, { 2, 3 }, { 1, 1 }, { 1, 0 }, { 2, 0 }, false, { 4, 3 } };
    fill_noise(x, MOST, 2);
    try_pool(&g, LARGEST, "auto_pad=SAME_UPPER");
    try_pool(&g, MEAN, "auto_pad=SAME_UPPER");
    g.begin[0] = 2;
    g.end[0] = 1;
    try_pool(&g, LARGEST, "auto_pad=SAME_LOWER");
    try_pool(&g, MEAN_WITH_PADDING, "auto_pad=SAME_LOWER");
    g = (struct geometry){ { 7, 9 }, { 4, 2 }, { 2, 3 }, { 1, 1 }, { 0, 0 }, { 0, 0 }, false, { 2, 3 } };
    try_pool(&g, MEAN, "auto_pad=VALID");
}

static void one_and_three_axes_work_as_two(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 12);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,5", (double[]){ 1, -2, 3, -4, 5, -1, 2, -3, 4, -5 });
    trial_input(&t, "z", DTYPE_FLOAT, "1,1,2,2,3", (double[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 });
    build_node(&t.build, "MaxPool", "a", "x", "most", "kernel_shape=2, strides=2, pads=1,0");
    build_node(&t.build, "AveragePool", "b", "z", "mean", "kernel_shape=2,1,2 strides=1,1,1");
    trial_run(&t, "most mean");
    trial_expect(&t, "most", DTYPE_FLOAT, "1,2,3", (double[]){ 1, 3, 5, -1, 2, 4 });
    trial_expect(&t, "mean", DTYPE_FLOAT, "1,1,1,2,2", (double[]){ 4.5, 5.5, 7.5, 8.5 });
    trial_close(&t);
}

static void indices_can_count_columns_first(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 12);
    trial_input(&t, "x", DTYPE_FLOAT, "2,1,2,3", (double[]){ 1, 2, 3, 4, 6, 5, 6, 5, 4, 3, 2, 1 });
    build_node(&t.build, "MaxPool", "m", "x", "y places", "kernel_shape=2,2 storage_order=1");
    trial_run(&t, "y places");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1,1,2", (double[]){ 6, 6, 6, 5 });
    trial_expect(&t, "places", DTYPE_INT64, "2,1,1,2", (double[]){ 3, 3, 6, 8 });
    trial_close(&t);
}

static void small_whole_numbers_pool_too(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 12);
    trial_input(&t, "x", DTYPE_INT8, "1,1,1,4", (double[]){ -5, -7, -128, -128 });
    build_node(&t.build, "MaxPool", "m", "x", "y", "kernel_shape=1,2 strides=1,2 pads=0,1,0,1");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT8, "1,1,1,3", (double[]){ -5, -7, -128 });
    trial_close(&t);
}

static void a_nan_is_the_largest(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 12);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,1,5", (double[]){ 1, NAN, 3, -INFINITY, -INFINITY });
    build_node(&t.build, "MaxPool", "a", "x", "y", "kernel_shape=1,2");
    build_node(&t.build, "MaxPool", "b", "x", "z places", "kernel_shape=1,2");
    build_node(&t.build, "GlobalMaxPool", "c", "x", "all", NULL);
    trial_run(&t, "y z places all");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,1,4", (double[]){ NAN, NAN, 3, -INFINITY });
    trial_expect(&t, "z", DTYPE_FLOAT, "1,1,1,4", (double[]){ NAN, NAN, 3, -INFINITY });
    trial_expect(&t, "places", DTYPE_INT64, "1,1,1,4", (double[]){ 1, 1, 2, 3 });
    trial_expect(&t, "all", DTYPE_FLOAT, "1,1,1,1", (double[]){ NAN });
    trial_close(&t);
}

static void global_pools_leave_one_element_per_channel(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,3,1,2", (double[]){ 1, 2, -3, 4, 5, -6, 2, 2, 2, 2, 2, -4 });
    build_node(&t.build, "GlobalAveragePool", "a", "x", "mean", NULL);
    build_node(&t.build, "GlobalMaxPool", "b", "x", "most", NULL);
    build_node(&t.build, "GlobalLpPool", "c", "x", "norm", "p=1");
    build_node(&t.build, "GlobalLpPool", "d", "x", "norm2", NULL);
    trial_run(&t, "mean most norm norm2");
    trial_expect(&t, "mean", DTYPE_FLOAT, "1,2,1,1,1", (double[]){ 0.5, 1 });
    trial_expect(&t, "most", DTYPE_FLOAT, "1,2,1,1,1", (double[]){ 5, 2 });
    trial_expect(&t, "norm", DTYPE_FLOAT, "1,2,1,1,1", (double[]){ 21, 14 });
    trial_expect(&t, "norm2", DTYPE_FLOAT, "1,2,1,1,1", (double[]){ sqrt(91), 6 });
    trial_close(&t);
}

static void the_norm_of_the_first_opset_is_a_float(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 1);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,1", (double[]){ 4, 9 });
    build_node(&t.build, "GlobalLpPool", "a", "x", "y", "p=0.5");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,1,1", (double[]){ 25 });
    trial_close(&t);
}

static void maxima_go_back_where_they_came_from(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "i", DTYPE_INT64, "1,1,2,2", (double[]){ 5, 7, 13, 15 });
    trial_input(&t, "s", DTYPE_INT64, "4", (double[]){ 1, 1, 5, 5 });
    build_node(&t.build, "MaxUnpool", "a", "x i", "y", "kernel_shape=2,2 strides=2,2");
    build_node(&t.build, "MaxUnpool", "b", "x i s", "z", "kernel_shape=2,2 strides=2,2");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,4,4", (double[]){ 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4 });
    trial_expect(&t, "z", DTYPE_FLOAT, "1,1,5,5",
                 (double[]){ 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0 });
    trial_close(&t);
}

/* A region of 4 x 6 at half the scale, cut into 2 x 3 cells; and one outside of the image. */
static void regions_are_cut_into_cells(void **state)
{
    (void)state;
    struct trial t;
    double image[2 * 5 * 7];
    for (int i = 0; i < 70; i++) image[i] = i;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,1,5,7", image);
    trial_input(&t, "r", DTYPE_FLOAT, "2,5", (double[]){ 1, 2, 0, 12, 6, 0, 40, 40, 50, 50 });
    build_node(&t.build, "MaxRoiPool", "m", "x r", "y", "pooled_shape=2,3 spatial_scale=0.5");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1,2,3", (double[]){ 44, 46, 48, 58, 60, 62, 0, 0, 0, 0, 0, 0 });
    trial_close(&t);
}

static void refuse(const char *op, const char *dims, const char *attributes, const char *part)
{
    struct trial t;
    trial_open(&t, 12);
    trial_input(&t, "x", DTYPE_FLOAT, dims, x);
    build_node(&t.build, op, "node", "x", "y", attributes);
    trial_fails(&t, "y", part);
    trial_close(&t);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    refuse("MaxPool", "1,1,5,5", NULL, "kernel is empty");
    refuse("MaxPool", "1,1,5,5", "kernel_shape=2,2,2", "kernel_shape has 3 entries");
    refuse("MaxPool", "1,1,5,5", "kernel_shape=2,0", "kernel_shape holds 0");
    refuse("AveragePool", "1,1,5,5", "kernel_shape=6,2", "larger than the padded input");
    refuse("AveragePool", "5,5", "kernel_shape=2,2", "at least 3");
    refuse("LpPool", "1,1,5,5", "kernel_shape=2,2 strides=2,-2", "strides holds -2");
    refuse("MaxPool", "1,1,5,5", "kernel_shape=2,2 pads=9223372036854775807,0,0,0", "pads holds");
}

/* Most of its taps see padding only; those are not walked through. */
static void a_window_of_any_size_ends(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 12);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,2", (double[]){ 1, 4, 3, 2 });
    build_node(&t.build, "MaxPool", "m", "x", "y places",
               "kernel_shape=1000000001,1000000001 pads=1000000000,1000000000,1,1 strides=1000000000,1000000000");
    trial_run(&t, "y places");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,1,1", (double[]){ 1 });
    trial_expect(&t, "places", DTYPE_INT64, "1,1,1,1", (double[]){ 0 });
    trial_close(&t);
}

static void nothing_pools_to_nothing(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 12);
    trial_input(&t, "x", DTYPE_FLOAT, "0,3,5,5", x);
    build_node(&t.build, "MaxPool", "a", "x", "most places", "kernel_shape=2,2");
    build_node(&t.build, "AveragePool", "b", "x", "mean", "kernel_shape=2,2 strides=3,3");
    build_node(&t.build, "GlobalAveragePool", "c", "x", "all", NULL);
    trial_run(&t, "most places mean all");
    trial_expect(&t, "most", DTYPE_FLOAT, "0,3,4,4", NULL);
    trial_expect(&t, "places", DTYPE_INT64, "0,3,4,4", NULL);
    trial_expect(&t, "mean", DTYPE_FLOAT, "0,3,2,2", NULL);
    trial_expect(&t, "all", DTYPE_FLOAT, "0,3,1,1", NULL);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_sees_what_its_window_sees),
        cmocka_unit_test(automatic_padding_covers_the_input),
        cmocka_unit_test(one_and_three_axes_work_as_two),
        cmocka_unit_test(indices_can_count_columns_first),
        cmocka_unit_test(small_whole_numbers_pool_too),
        cmocka_unit_test(a_nan_is_the_largest),
        cmocka_unit_test(global_pools_leave_one_element_per_channel),
        cmocka_unit_test(the_norm_of_the_first_opset_is_a_float),
        cmocka_unit_test(maxima_go_back_where_they_came_from),
        cmocka_unit_test(regions_are_cut_into_cells),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_window_of_any_size_ends),
        cmocka_unit_test(nothing_pools_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
