/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimizers: one step worked out by hand, and one of two tensors at once. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

/* A step on x = 2 (gradient 3) and 4 (gradient -1), with memories of 1, and of 4 where there are two. */
static void step(struct trial *t, const char *op, const char *inputs, const char *outputs, const char *attributes,
                 double steps)
{
    trial_open(t, 13);
    build_import(&t->build, "ai.onnx.preview.training", 1);
    trial_input(t, "r", DTYPE_FLOAT, "", (double[]){ 0.5 });
    trial_input(t, "t", DTYPE_INT64, "", &steps);
    trial_input(t, "x", DTYPE_FLOAT, "1", (double[]){ 2 });
    trial_input(t, "x2", DTYPE_FLOAT, "1,1", (double[]){ 4 });
    trial_input(t, "g", DTYPE_FLOAT, "1", (double[]){ 3 });
    trial_input(t, "g2", DTYPE_FLOAT, "1,1", (double[]){ -1 });
    trial_input(t, "v", DTYPE_FLOAT, "1", (double[]){ 1 });
    trial_input(t, "v2", DTYPE_FLOAT, "1,1", (double[]){ 1 });
    trial_input(t, "h", DTYPE_FLOAT, "1", (double[]){ 4 });
    build_node(&t->build, op, "op", inputs, outputs, attributes)->domain =
        arena_copy_text(&t->build.arena, "ai.onnx.preview.training");
    trial_run(t, outputs);
}

static void momentum_remembers_a_velocity(void **state)
{
    struct trial t;
    (void)state;
    step(&t, "Momentum", "r t x x2 g g2 v v2", "y y2 w w2", "alpha=0.5 beta=0.25 norm_coefficient=0.0 mode=standard",
         0);
    trial_expect(&t, "w", DTYPE_FLOAT, "1", (double[]){ 3.5 });
    trial_expect(&t, "y", DTYPE_FLOAT, "1", (double[]){ 2 - 0.5 * 3.5 });
    trial_expect(&t, "w2", DTYPE_FLOAT, "1,1", (double[]){ -0.5 });
    trial_expect(&t, "y2", DTYPE_FLOAT, "1,1", (double[]){ 4.25 });
    trial_close(&t);
    step(&t, "Momentum", "r t x g v", "y w", "alpha=0.5 beta=0.25 norm_coefficient=0.5 mode=nesterov", 1);
    trial_expect(&t, "w", DTYPE_FLOAT, "1", (double[]){ 1.5 }); /* the gradient is 3 + 0.5 * 2 */
    trial_expect(&t, "y", DTYPE_FLOAT, "1", (double[]){ 2 - 0.5 * (4 + 0.5 * 1.5) });
    trial_close(&t);
}

static void adagrad_sums_squares(void **state)
{
    struct trial t;
    (void)state;
    step(&t, "Adagrad", "r t x g v", "y h2", "decay_factor=0.5 epsilon=0.0", 2);
    trial_expect(&t, "h2", DTYPE_FLOAT, "1", (double[]){ 10 });
    trial_expect(&t, "y", DTYPE_FLOAT, "1", (double[]){ 2 - 0.25 * 3 / sqrt(10) });
    trial_close(&t);
}

static void adam_corrects_its_means(void **state)
{
    struct trial t;
    (void)state;
    step(&t, "Adam", "r t x g v h", "y v3 h3", "alpha=0.5 beta=0.75 epsilon=0.0 norm_coefficient_post=0.5", 1);
    trial_expect(&t, "v3", DTYPE_FLOAT, "1", (double[]){ 2 });
    trial_expect(&t, "h3", DTYPE_FLOAT, "1", (double[]){ 5.25 });
    trial_expect(&t, "y", DTYPE_FLOAT, "1", (double[]){ 0.5 * (2 - 0.5 * sqrt(0.25) / 0.5 * 2 / sqrt(5.25)) });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(momentum_remembers_a_velocity),
        cmocka_unit_test(adagrad_sums_squares),
        cmocka_unit_test(adam_corrects_its_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
