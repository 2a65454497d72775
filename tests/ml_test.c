/* SPDX-License-Identifier: Apache-2.0
 *
 * What is run of ai.onnx.ml. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

/* A node of ai.onnx.ml. */
static BnfuseOnnx__NodeProto *ml_node(struct trial *t, const char *op, const char *inputs, const char *attributes)
{
    BnfuseOnnx__NodeProto *node = build_node(&t->build, op, "ml", inputs, "y", attributes);
    node->domain = arena_copy_text(&t->build.arena, "ai.onnx.ml");
    return node;
}

static void open_ml(struct trial *t)
{
    trial_open(t, 15);
    build_import(&t->build, "ai.onnx.ml", 4);
}

static void columns_are_extracted(void **state)
{
    (void)state;
    struct trial t;
    open_ml(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_input(&t, "at", DTYPE_INT64, "4", (double[]){ 2, 0, 0, 1 });
    ml_node(&t, "ArrayFeatureExtractor", "x at", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,4", (double[]){ 3, 1, 1, 2, 6, 4, 4, 5 });
    trial_close(&t);
}

static void a_column_beyond_the_last_is_refused(void **state)
{
    (void)state;
    struct trial t;
    open_ml(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "3", (double[]){ 1, 2, 3 });
    trial_input(&t, "at", DTYPE_INT64, "1", (double[]){ 3 });
    ml_node(&t, "ArrayFeatureExtractor", "x at", NULL);
    trial_fails(&t, "y", "column 3 of 3");
    trial_close(&t);
}

static void numbers_above_a_threshold_are_one(void **state)
{
    (void)state;
    struct trial t;
    open_ml(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "4", (double[]){ 1, 2, 3, -4 });
    ml_node(&t, "Binarizer", "x", "threshold=2.0");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "4", (double[]){ 0, 0, 1, 0 });
    trial_close(&t);
}

static void columns_are_scaled(void **state)
{
    (void)state;
    struct trial t;
    open_ml(&t);
    trial_input(&t, "x", DTYPE_INT64, "2,2", (double[]){ 1, 2, 3, 4 });
    ml_node(&t, "Scaler", "x", "offset=1.0, scale=2.0,0.5");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2", (double[]){ 0, 0.5, 4, 1.5 });
    trial_close(&t);
}

static void the_last_of_equal_keys_counts_and_others_get_the_default(void **state)
{
    (void)state;
    struct trial t;
    open_ml(&t);
    trial_input(&t, "x", DTYPE_INT64, "2,2", (double[]){ 7, 5, 6, 7 });
    ml_node(&t, "LabelEncoder", "x", "keys_int64s=7,5,7 values_floats=1.5,2.5,3.5 default_float=9.0");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2", (double[]){ 3.5, 2.5, 9, 3.5 });
    trial_close(&t);
}

static void nan_is_a_key_like_others(void **state)
{
    (void)state;
    struct trial t;
    open_ml(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "3", (double[]){ NAN, 1, 2 });
    ml_node(&t, "LabelEncoder", "x", "keys_floats=1.0,2.0 values_int64s=10,20")->attribute[0]->floats[1] = NAN;
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT64, "3", (double[]){ 20, 10, -1 });
    trial_close(&t);
}

static void keys_need_values(void **state)
{
    (void)state;
    struct trial t;
    open_ml(&t);
    trial_input(&t, "x", DTYPE_INT64, "1", (double[]){ 7 });
    ml_node(&t, "LabelEncoder", "x", "keys_int64s=7,5 values_int64s=1,2,3");
    trial_fails(&t, "y", "2 keys and 3 values");
    trial_close(&t);
}

static void open_ml_1(struct trial *t)
{
    trial_open(t, 15);
    build_import(&t->build, "ai.onnx.ml", 1);
}

/* There and back: unknown numbers become a text that is no category. */
static void categories_have_numbers(void **state)
{
    struct trial t;
    (void)state;
    open_ml_1(&t);
    trial_input(&t, "x", DTYPE_INT64, "3", (double[]){ 30, 10, 5 });
    ml_node(&t, "CategoryMapper", "x", "cats_int64s=10,30 cats_strings=|a|b default_string=none")->output[0] = "s";
    ml_node(&t, "CategoryMapper", "s", "cats_int64s=10,30 cats_strings=|a|b default_int64=7")->output[0] = "back";
    ml_node(&t, "LabelEncoder", "s", "classes_strings=|b|a")->output[0] = "place";
    ml_node(&t, "LabelEncoder", "place", "classes_strings=|b|a default_string=none")->output[0] = "again";
    trial_run(&t, "s back place again");
    trial_expect_text(&t, "s", "3", (const char *const[]){ "b", "a", "none" });
    trial_expect(&t, "back", DTYPE_INT64, "3", (double[]){ 30, 10, 7 });
    trial_expect(&t, "place", DTYPE_INT64, "3", (double[]){ 0, 1, -1 });
    trial_expect_text(&t, "again", "3", (const char *const[]){ "b", "a", "none" });
    trial_close(&t);
}

static void categories_need_numbers(void **state)
{
    struct trial t;
    (void)state;
    open_ml_1(&t);
    trial_input(&t, "x", DTYPE_INT64, "1", (double[]){ 30 });
    ml_node(&t, "CategoryMapper", "x", "cats_int64s=10,30 cats_strings=|a");
    trial_fails(&t, "y", "2 keys and 1 values");
    trial_close(&t);
}

static void maps_are_refused_by_name(void **state)
{
    static const struct {
        const char *op, *attributes, *why;
    } cases[] = {
        { "ZipMap", "classlabels_int64s=1,", "ZipMap of ai.onnx.ml makes maps of a tensor" },
        { "CastMap", "", "CastMap of ai.onnx.ml reads a map" },
        { "DictVectorizer", "int64_vocabulary=1,", "DictVectorizer of ai.onnx.ml reads a map" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trial t;
        open_ml_1(&t);
        trial_input(&t, "x", DTYPE_FLOAT, "1,1", (double[]){ 1 });
        ml_node(&t, cases[i].op, "x", cases[i].attributes);
        trial_fails(&t, "y", cases[i].why);
        trial_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_extracted),
        cmocka_unit_test(a_column_beyond_the_last_is_refused),
        cmocka_unit_test(numbers_above_a_threshold_are_one),
        cmocka_unit_test(columns_are_scaled),
        cmocka_unit_test(the_last_of_equal_keys_counts_and_others_get_the_default),
        cmocka_unit_test(nan_is_a_key_like_others),
        cmocka_unit_test(keys_need_values),
        cmocka_unit_test(categories_have_numbers),
        cmocka_unit_test(categories_need_numbers),
        cmocka_unit_test(maps_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
