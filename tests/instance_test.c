/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization with batch statistics over one sample is InstanceNormalization, on request. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void one_sample_is_normalized_by_its_own_statistics(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 15; in x 1,3,5,7; init s 3; init b 3; fill v 3 1; y m n = BatchNormalization x s b b v "
          "training_mode=1 epsilon=0.01; out y",
          0, 0, "InstanceNormalization", 0 },
        { "opset 9; in x 1,3,5; init s 3; init b 3; fill v 3 1; y m n o p = BatchNormalization x s b b v; out y", 0, 0,
          "InstanceNormalization", 0 },
        { "opset 15; in x 1,3,5,7; init s 3; init b 3; fill v 3 1; y m n = BatchNormalization x s b b v "
          "training_mode=1; out y",
          0, 0, "InstanceNormalization", DTYPE_DOUBLE },
        { "opset 15; in x 2,3,5,7; init s 3; init b 3; fill v 3 1; y m n = BatchNormalization x s b b v "
          "training_mode=1; out y",
          1, REASON_TRAINING_MODE, NULL, 0 },
        { "opset 15; in x N,3,5,7; init s 3; init b 3; fill v 3 1; y m n = BatchNormalization x s b b v "
          "training_mode=1; out y",
          1, REASON_TRAINING_MODE, NULL, 0 },
        { "opset 15; in x 1,3,5,7; init s 3; init b 3; fill v 3 1; y m n = BatchNormalization x s b b v "
          "training_mode=1; out y; out m",
          1, REASON_TRAINING_MODE, NULL, 0 },
    };
    static const struct fold_case unasked[] = {
        { "opset 15; in x 1,3,5,7; init s 3; init b 3; fill v 3 1; y m n = BatchNormalization x s b b v "
          "training_mode=1; out y",
          1, REASON_TRAINING_MODE, NULL, 0 },
    };
    static const char *const instance = "instance";
    const struct bnfuse_fuse_options enabled = { .fold_limit = 1 << 28, .enabled = { &instance, 1 } };
    (void)state;
    RUN(cases, &enabled);
    RUN(unasked, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sample_is_normalized_by_its_own_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
