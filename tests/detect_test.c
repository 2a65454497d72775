/* SPDX-License-Identifier: Apache-2.0
 *
 * NonMaxSuppression and RoiAlign. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const double BOXES[] = { 0, 0,  1, 1,  0, 0.1,  1, 1.1,  0, -0.1, 1, 0.9,
                                0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100,  1, 101 };
static const double SCORES[] = { 0.9, 0.75, 0.6, 0.95, 0.5, 0.3 };

static void try_suppression(const double *boxes, double most, double iou, double score, const char *attributes,
                            const char *dims, const double *selected)
{
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "boxes", DTYPE_FLOAT, "1,6,4", boxes);
    trial_input(&t, "scores", DTYPE_FLOAT, "1,1,6", SCORES);
    trial_input(&t, "most", DTYPE_INT64, "1", &most);
    trial_input(&t, "iou", DTYPE_FLOAT, "1", &iou);
    trial_input(&t, "score", DTYPE_FLOAT, "1", &score);
    build_node(&t.build, "NonMaxSuppression", "nms", "boxes scores most iou score", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT64, dims, selected);
    trial_close(&t);
}

static void suppression_keeps_the_best_of_each_cluster(void **state)
{
    (void)state;
    try_suppression(BOXES, 10, 0.5, 0, NULL, "3,3", (double[]){ 0, 0, 3, 0, 0, 0, 0, 0, 5 });
    try_suppression(BOXES, 2, 0.5, 0, NULL, "2,3", (double[]){ 0, 0, 3, 0, 0, 0 });
    try_suppression(BOXES, 10, 0.5, 0.4, NULL, "2,3", (double[]){ 0, 0, 3, 0, 0, 0 });
    try_suppression(BOXES, 0, 0.5, 0, NULL, "0,3", NULL);
    try_suppression(BOXES, 1e18, 0.5, 0.9, NULL, "1,3", (double[]){ 0, 0, 3 }); /* 0.9 itself does not pass */
}

static void suppression_reads_corners_in_any_order_and_centers(void **state)
{
    (void)state;
    static const double flipped[] = { 1, 1,  0, 0,  0, 0.1,  1, 1.1,  0, 0.9, 1, -0.1,
                                      0, 10, 1, 11, 1, 10.1, 0, 11.1, 1, 101, 0, 100 };
    static const double centers[] = { 0.5, 0.5,  1, 1, 0.5, 0.6,  1, 1, 0.5, 0.4,   1, 1,
                                      0.5, 10.5, 1, 1, 0.5, 10.6, 1, 1, 0.5, 100.5, 1, 1 };
    static const double selected[] = { 0, 0, 3, 0, 0, 0, 0, 0, 5 };
    try_suppression(flipped, 10, 0.5, 0, NULL, "3,3", selected);
    try_suppression(centers, 10, 0.5, 0, "center_point_box=1", "3,3", selected);
}

static void suppression_goes_through_batches_and_classes(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "boxes", DTYPE_FLOAT, "2,2,4", (double[]){ 0, 0, 1, 1, 0, 0, 1, 1.1, 0, 0, 1, 1, 5, 5, 6, 6 });
    trial_input(&t, "scores", DTYPE_FLOAT, "2,2,2", (double[]){ 0.1, 0.9, 0.8, 0.2, 0.3, 0.4, 0.6, 0.5 });
    trial_input(&t, "most", DTYPE_INT64, "", (double[]){ 2 });
    trial_input(&t, "iou", DTYPE_FLOAT, "", (double[]){ 0.5 });
    build_node(&t.build, "NonMaxSuppression", "nms", "boxes scores most iou", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT64, "6,3", (double[]){ 0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1 });
    trial_close(&t);
}

static void suppression_refuses_scores_of_other_boxes(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "boxes", DTYPE_FLOAT, "1,2,4", (double[8]){ 0 });
    trial_input(&t, "scores", DTYPE_FLOAT, "1,1,3", (double[3]){ 0 });
    build_node(&t.build, "NonMaxSuppression", "nms", "boxes scores", "y", NULL);
    trial_fails(&t, "y", "NonMaxSuppression \"nms\"");
    trial_close(&t);
}

/* A ramp along x: the value of a point is its column; along y ten times its row. */
static void try_align(int64_t opset, const char *attributes, const double *roi, const char *dims, const double *y)
{
    struct trial t;
    double ramp[2 * 4 * 6];
    for (int i = 0; i < 24; i++) {
        ramp[i] = 0;
        ramp[24 + i] = i % 6 + 10 * (i / 6);
    }
    trial_open(&t, opset);
    trial_input(&t, "x", DTYPE_FLOAT, "2,1,4,6", ramp);
    trial_input(&t, "rois", DTYPE_FLOAT, "1,4", roi);
    trial_input(&t, "batch", DTYPE_INT64, "1", (double[]){ 1 });
    build_node(&t.build, "RoiAlign", "align", "x rois batch", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, dims, y);
    trial_close(&t);
}

static void align_samples_between_points(void **state)
{
    (void)state;
    static const double roi[] = { 1, 1, 5, 3 }; /* bins of 2 by 1; in half pixels all is 0.5 less */
    try_align(10, "output_height=2 output_width=2 sampling_ratio=2", roi, "1,1,2,2", (double[]){ 17, 19, 27, 29 });
    try_align(16, "output_height=2 output_width=2 sampling_ratio=2", roi, "1,1,2,2",
              (double[]){ 11.5, 13.5, 21.5, 23.5 });
    try_align(16, "output_height=2 output_width=2 coordinate_transformation_mode=output_half_pixel", roi, "1,1,2,2",
              (double[]){ 17, 19, 27, 29 });
    try_align(10, "output_height=1 output_width=1 sampling_ratio=1 spatial_scale=0.5", roi, "1,1,1,1",
              (double[]){ 11.5 });
}

static void align_takes_the_greatest_weighted_neighbor(void **state)
{
    (void)state;
    try_align(10, "output_height=1 output_width=1 sampling_ratio=1 mode=max", (double[]){ 2, 2, 3, 3 }, "1,1,1,1",
              (double[]){ 33 * 0.25 });
}

static void align_sees_nothing_outside(void **state)
{
    (void)state;
    try_align(16, "output_height=1 output_width=2 sampling_ratio=1", (double[]){ 20, 20, 24, 24 }, "1,1,1,2",
              (double[]){ 0, 0 });
}

static void align_refuses_endless_samples_and_unknown_images(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 16);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,2", (double[4]){ 0 });
    trial_input(&t, "rois", DTYPE_FLOAT, "1,4", (double[]){ 0, 0, 1e30, 1e30 });
    trial_input(&t, "batch", DTYPE_INT64, "1", (double[]){ 0 });
    build_node(&t.build, "RoiAlign", "align", "x rois batch", "y", NULL);
    trial_fails(&t, "y", "samples");
    trial_close(&t);

    trial_open(&t, 16);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,2", (double[4]){ 0 });
    trial_input(&t, "rois", DTYPE_FLOAT, "1,4", (double[]){ 0, 0, 1, 1 });
    trial_input(&t, "batch", DTYPE_INT64, "1", (double[]){ 1 });
    build_node(&t.build, "RoiAlign", "align", "x rois batch", "y", NULL);
    trial_fails(&t, "y", "batch index 1");
    trial_close(&t);
}

/* Two regions of two channels, bins in a row; the second channel is the first times 100. */
static void align_goes_through_regions_and_channels(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,2,4",
                (double[]){ 0, 1, 2, 3, 0, 1, 2, 3, 0, 100, 200, 300, 0, 100, 200, 300 });
    trial_input(&t, "rois", DTYPE_FLOAT, "2,4", (double[]){ 0, 0, 3, 1, 1, 0, 4, 1 });
    trial_input(&t, "batch", DTYPE_INT64, "2", (double[]){ 0, 0 });
    build_node(&t.build, "RoiAlign", "align", "x rois batch", "y", "output_height=1 output_width=3 sampling_ratio=1");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2,1,3",
                 (double[]){ 0.5, 1.5, 2.5, 50, 150, 250, 1.5, 2.5, 3, 150, 250, 300 });
    trial_close(&t);
}

static void align_clamps_within_one_point_of_the_border(void **state)
{
    (void)state;
    try_align(16, "output_height=1 output_width=1 sampling_ratio=1", (double[]){ -0.8, 0.5, 0.2, 1.5 }, "1,1,1,1",
              (double[]){ 5 }); /* at -0.8, 0.5: as on the border */
    try_align(16, "output_height=1 output_width=1 sampling_ratio=1", (double[]){ -1.2, 0.5, -0.2, 1.5 }, "1,1,1,1",
              (double[]){ 0 }); /* at -1.2 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suppression_keeps_the_best_of_each_cluster),
        cmocka_unit_test(suppression_reads_corners_in_any_order_and_centers),
        cmocka_unit_test(suppression_goes_through_batches_and_classes),
        cmocka_unit_test(suppression_refuses_scores_of_other_boxes),
        cmocka_unit_test(align_samples_between_points),
        cmocka_unit_test(align_takes_the_greatest_weighted_neighbor),
        cmocka_unit_test(align_sees_nothing_outside),
        cmocka_unit_test(align_refuses_endless_samples_and_unknown_images),
        cmocka_unit_test(align_goes_through_regions_and_channels),
        cmocka_unit_test(align_clamps_within_one_point_of_the_border),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
