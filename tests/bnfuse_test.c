/* SPDX-License-Identifier: Apache-2.0
 *
 * The library as a client sees it: nothing but bnfuse.h (the models are built with the tests' own tools). */
#include "build.h"
#include "client.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A refused malloc is NULL here too; the sanitizer would end the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static struct build b;
static char path[] = "bnfuse_test.XXXXXX.onnx";

static int open_build(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    strcpy(path, "bnfuse_test.XXXXXX.onnx");
    int fd = mkstemps(path, 5);
    if (fd < 0) return 1;
    close(fd);
    return 0;
}

static int close_build(void **state)
{
    (void)state;
    build_close(&b);
    unlink(path);
    return 0;
}

static void build_conv_bn(void)
{
    build_input(&b, "x", DTYPE_FLOAT, "2,3,6,5");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 7);
    build_init_values(&b, "s", DTYPE_FLOAT, "4", (double[]){ 0.5, -2, 1.25, 3 });
    build_init_values(&b, "t", DTYPE_FLOAT, "4", (double[]){ 1, 0.25, -1.5, 2 });
    build_init_values(&b, "m", DTYPE_FLOAT, "4", (double[]){ 0.125, -0.25, 0.375, 0.5 });
    build_init_values(&b, "v", DTYPE_FLOAT, "4", (double[]){ 1, 0.5, 2, 0.25 });
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_node(&b, "BatchNormalization", "bn", "y s t m v", "z", NULL);
    build_node(&b, "Relu", "relu", "z", "r", NULL);
    build_node(&b, "BatchNormalization", "late", "r s t m v", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "2,4,4,3");
}

static bnfuse_model *opened(size_t limit)
{
    size_t size;
    const void *bytes = build_bytes(&b, &size);
    bnfuse_error error = { .message = "" };
    bnfuse_model *model = read_named("memory.onnx", bytes, size, limit, &error);
    if (!model) fail_msg("%s", error.message);
    return model;
}

static void fuse(bnfuse_model *model)
{
    bnfuse_error error;
    if (!bnfuse_fuse(model, NULL, &error)) fail_msg("%s", error.message);
}

static void every_batch_normalization_has_one_remark(void **state)
{
    (void)state;
    build_conv_bn();
    bnfuse_model *model = opened(0);
    assert_null(bnfuse_get_report(model));
    fuse(model);
    const bnfuse_report *report = bnfuse_get_report(model);
    assert_int_equal(report->remark_count, 2);
    assert_string_equal(report->remarks[0]->node, "bn");
    assert_int_equal(report->remarks[0]->outcome, BNFUSE_OUTCOME_FOLDED);
    assert_int_equal(report->remarks[0]->code, 0);
    assert_string_equal(report->remarks[1]->node, "late");
    assert_int_equal(report->remarks[1]->outcome, BNFUSE_OUTCOME_STAYS);
    assert_int_equal(report->remarks[1]->code, 106);
    assert_true(*report->remarks[1]->reason);
    assert_int_equal(report->folded, 1);
    assert_int_equal(report->left, 1);
    bnfuse_free(model);
}

static void operators_are_counted_before_and_after(void **state)
{
    (void)state;
    build_conv_bn();
    bnfuse_model *model = opened(0);
    fuse(model);
    const bnfuse_report *report = bnfuse_get_report(model);
    assert_int_equal(report->op_count, 3);
    assert_string_equal(report->ops[0]->op, "BatchNormalization");
    assert_int_equal(report->ops[0]->before, 2);
    assert_int_equal(report->ops[0]->after, 1);
    assert_string_equal(report->ops[1]->op, "Conv");
    assert_int_equal(report->before.nodes, 4);
    assert_int_equal(report->after.nodes, 3);
    assert_int_equal(report->before.parameters, 4 * 27 + 16);
    assert_int_equal(report->after.parameters, 4 * 27 + 4 + 16);
    bnfuse_free(model);
}

static void the_check_passes_and_the_written_model_compares_equal(void **state)
{
    (void)state;
    bnfuse_error error;
    build_conv_bn();
    bnfuse_model *model = opened(0), *original = opened(0);
    fuse(model);
    const bnfuse_check_result *result = bnfuse_check(model, NULL, &error);
    assert_non_null(result);
    assert_int_equal(result->verdict, BNFUSE_VERDICT_PASS);
    assert_int_equal(bnfuse_verdict_status(result->verdict), BNFUSE_OK);
    assert_true(result->worst_site < 1e-12);
    if (!bnfuse_write(model, path, NULL, &error)) fail_msg("%s", error.message);
    assert_true(bnfuse_get_report(model)->after.bytes > 0);

    bnfuse_model *written = bnfuse_load(path, NULL, &error);
    if (!written) fail_msg("%s", error.message);
    result = bnfuse_compare(original, written, NULL, &error);
    assert_non_null(result);
    assert_int_equal(bnfuse_verdict_status(result->verdict), BNFUSE_OK);
    bnfuse_free(written);
    bnfuse_free(original);
    bnfuse_free(model);
}

static void what_is_prepared_runs_before_it_gets_its_name(void **state)
{
    (void)state;
    bnfuse_error error;
    build_conv_bn();
    bnfuse_model *model = opened(0);
    fuse(model);
    assert_false(bnfuse_check_written(model, NULL, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    if (!bnfuse_prepare(model, path, NULL, &error)) fail_msg("%s", error.message);
    if (!bnfuse_check_written(model, NULL, &error)) fail_msg("%s", error.message);
    if (!bnfuse_commit(model, &error)) fail_msg("%s", error.message);
    assert_false(bnfuse_check_written(model, NULL, &error));
    bnfuse_free(model);
}

static void models_that_differ_do_not_compare_equal(void **state)
{
    (void)state;
    bnfuse_error error;
    build_conv_bn();
    bnfuse_model *original = opened(0);
    build_close(&b);
    build_open(&b, 8, 13);
    build_conv_bn();
    build_node(&b, "Neg", "neg", "out", "minus", NULL);
    b.model->graph->output[0]->name = arena_copy_text(&b.arena, "minus");
    bnfuse_model *other = opened(0);
    const bnfuse_check_result *result = bnfuse_compare(original, other, NULL, &error);
    assert_non_null(result);
    assert_int_equal(result->verdict, BNFUSE_VERDICT_FAIL);
    assert_int_equal(bnfuse_verdict_status(result->verdict), BNFUSE_DIFFER);
    assert_true(*result->why);
    bnfuse_free(other);
    bnfuse_free(original);
}

static void fused_and_unfused_run_alike(void **state)
{
    (void)state;
    bnfuse_error error;
    float x[2 * 3 * 6 * 5];
    for (int i = 0; i < 180; i++) x[i] = (float)(i % 17) / 8 - 1;
    build_conv_bn();
    bnfuse_model *model = opened(0);
    bnfuse_tensors *inputs = bnfuse_tensors_new();
    bnfuse_tensor input = { .name = "x",
                            .type = BNFUSE_DTYPE_FLOAT,
                            .rank = 4,
                            .dims = (int64_t[]){ 2, 3, 6, 5 },
                            .bytes = x,
                            .size = sizeof x };
    assert_true(bnfuse_tensors_add(inputs, &input, &error));
    bnfuse_tensors *before = bnfuse_run(model, inputs, NULL, &error);
    assert_non_null(before);
    bnfuse_run_options two_threads;
    bnfuse_run_options_init(&two_threads);
    two_threads.threads = 2;
    fuse(model);
    bnfuse_tensors *after = bnfuse_run(model, inputs, &two_threads, &error);
    assert_non_null(after);
    bnfuse_free(model); /* what a run returned outlives it */
    assert_int_equal(bnfuse_tensors_count(after), 1);
    const bnfuse_tensor *output = bnfuse_tensors_get(after, 0);
    assert_string_equal(output->name, "out");
    assert_int_equal(output->type, 1);
    assert_int_equal(output->count, 2 * 4 * 4 * 3);
    assert_true(bnfuse_tensors_agree(before, after, 1e-5, 1e-4, &error));
    assert_false(bnfuse_tensors_agree(before, after, 0, -1, &error));
    assert_int_equal(error.status, BNFUSE_DIFFER);
    bnfuse_tensors_free(before);
    bnfuse_tensors_free(after);
    bnfuse_tensors_free(inputs);
}

static void a_missing_input_is_named(void **state)
{
    (void)state;
    bnfuse_error error;
    build_conv_bn();
    bnfuse_model *model = opened(0);
    bnfuse_tensors *none = bnfuse_tensors_new();
    assert_null(bnfuse_run(model, none, NULL, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "memory.onnx"));
    assert_non_null(strstr(error.message, "\"x\""));
    bnfuse_tensors_free(none);
    bnfuse_free(model);
}

static void errors_say_which_file_and_what_kind(void **state)
{
    (void)state;
    bnfuse_error error;
    assert_null(bnfuse_load("no/such/model.onnx", NULL, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "no/such/model.onnx"));
    assert_null(read_named("garbage.onnx", "garbage in here", 15, 0, &error));
    assert_int_equal(error.status, BNFUSE_INVALID);
    assert_non_null(strstr(error.message, "garbage.onnx"));
    assert_null(bnfuse_load("no/such/model.onnx", NULL, NULL));
}

static void a_memory_limit_is_kept_and_named(void **state)
{
    (void)state;
    size_t size;
    bnfuse_error error;
    build_conv_bn();
    const void *bytes = build_bytes(&b, &size);
    assert_null(read_named("memory.onnx", bytes, size, 2000, &error));
    assert_int_equal(error.status, BNFUSE_INTERNAL);
    assert_non_null(strstr(error.message, "memory"));
}

/* A value of 2^49 bytes. */
static void build_too_large(void)
{
    build_input(&b, "x", DTYPE_FLOAT, "1");
    build_init_values(&b, "x", DTYPE_FLOAT, "1", (double[]){ 1 });
    build_init_values(&b, "size", DTYPE_INT64, "1", (double[]){ 0x1p47 });
    build_node(&b, "ConstantOfShape", "zeros", "size", "many", NULL);
    build_node(&b, "Add", "add", "x many", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, NULL);
}

/* The limit that a run without end names; SIZE_MAX where it names none. */
static size_t limit_of_run(size_t asked, bool narrowed_again, bool with_data)
{
    bnfuse_error error = { .message = "" };
    bnfuse_model *model = opened(asked);
    bnfuse_tensors *inputs = bnfuse_tensors_new();
    const bnfuse_tensor x = { "x", BNFUSE_DTYPE_FLOAT, 1, (int64_t[]){ 1 }, 1, "\0\0\0", 4, NULL };
    if (narrowed_again) bnfuse_limit(model, 0);
    if (with_data && !bnfuse_tensors_add(inputs, &x, &error)) fail_msg("%s", error.message);
    assert_null(bnfuse_run(model, inputs, NULL, &error));
    assert_non_null(strstr(error.message, "out of memory"));
    const char *limit = strstr(error.message, "the limit is ");
    bnfuse_tensors_free(inputs);
    bnfuse_free(model);
    return limit ? (size_t)strtoull(limit + strlen("the limit is "), NULL, 10) : SIZE_MAX;
}

/* What a small model says of itself gets little, data of the caller more; and a caller who asks for it gets all. */
static void a_small_model_gets_little_memory_by_default(void **state)
{
    (void)state;
    build_too_large();
    const size_t small = limit_of_run(0, false, false), large = limit_of_run(0, false, true);
    assert_in_range(small, 1, (size_t)3 << 29);
    assert_in_range(large, small, SIZE_MAX - 1);
    assert_int_equal(limit_of_run((size_t)1 << 30, false, true), (size_t)1 << 30);
    assert_int_equal(limit_of_run((size_t)1 << 30, true, false), small);
    assert_int_equal(limit_of_run(SIZE_MAX, false, false), SIZE_MAX);
}

/* 32 MiB of data beside it are worth more than the least. */
static void data_files_count_as_bytes_of_the_model(void **state)
{
    (void)state;
    const char data[] = "bnfuse_test.data";
    const size_t start = 0;
    int fd = open(data, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, 32 << 20) == 0);
    close(fd);
    build_too_large();
    const size_t least = limit_of_run(0, false, false);
    build_external(&b, build_init_values(&b, "beside", DTYPE_FLOAT, "1", (double[]){ 1 }), data, &start);
    const size_t limit = limit_of_run(0, false, false);
    unlink(data);
    assert_in_range(limit, least + 1, SIZE_MAX - 1);
}

/* However little there is, it ends in an error, in a verdict that says why, or in the right one. */
static bool fuse_and_check_within(const void *bytes, size_t size, size_t limit)
{
    bnfuse_error error = { .status = BNFUSE_OK };
    bnfuse_model *model = read_named("memory.onnx", bytes, size, limit, &error);
    const bnfuse_check_result *result =
        model && bnfuse_fuse(model, NULL, &error) ? bnfuse_check(model, NULL, &error) : NULL;
    bool done = result != NULL;
    bool passed = done && result->verdict == BNFUSE_VERDICT_PASS;
    const char *why = done ? result->why : error.message;
    if (!passed && !strstr(why, "memory")) fail_msg("%zu bytes: %s", limit, why);
    if (!passed)
        assert_true(!done || result->verdict == BNFUSE_VERDICT_NOT_CHECKED
                    || result->verdict == BNFUSE_VERDICT_PASS_SITES);
    bnfuse_free(model);
    return passed;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    size_t size, limit = 4000, refused = 0;
    build_conv_bn();
    const void *bytes = build_bytes(&b, &size);
    for (; !fuse_and_check_within(bytes, size, limit); limit += limit / 40 + 1) refused++;
    assert_true(refused > 20);
}

static void a_model_is_fused_once(void **state)
{
    (void)state;
    bnfuse_error error;
    build_conv_bn();
    bnfuse_model *model = opened(0);
    fuse(model);
    assert_false(bnfuse_fuse(model, NULL, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    bnfuse_free(model);
}

static void assert_no_such(bnfuse_fuse_options *options, const char *name)
{
    bnfuse_error error;
    bnfuse_model *model = opened(0);
    assert_false(bnfuse_fuse(model, options, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, name));
    bnfuse_free(model);
}

static void names_that_nothing_has_are_refused(void **state)
{
    (void)state;
    const char *name = "no-such-thing";
    bnfuse_fuse_options options;
    build_conv_bn();
    bnfuse_fuse_options_init(&options);
    options.enabled = (bnfuse_names){ &name, 1 };
    assert_no_such(&options, name);
    bnfuse_fuse_options_init(&options);
    options.disabled = (bnfuse_names){ &name, 1 };
    assert_no_such(&options, name);
}

static void an_opset_of_the_future_is_not_guessed(void **state)
{
    (void)state;
    bnfuse_error error;
    bnfuse_fuse_options options;
    build_close(&b);
    build_open(&b, 8, 999);
    build_conv_bn();
    bnfuse_model *model = opened(0);
    assert_false(bnfuse_fuse(model, NULL, &error));
    assert_int_equal(error.status, BNFUSE_UNSUPPORTED);
    assert_non_null(strstr(error.message, "999"));
    bnfuse_free(model);
    bnfuse_fuse_options_init(&options);
    options.any_opset = true;
    model = opened(0);
    assert_true(bnfuse_fuse(model, &options, &error));
    assert_int_equal(bnfuse_get_report(model)->folded, 0);
    assert_int_equal(bnfuse_get_report(model)->remarks[0]->code, 120);
    bnfuse_free(model);
}

static void codes_are_unique_and_passes_have_names(void **state)
{
    (void)state;
    const bnfuse_reason *reason, *last = NULL;
    size_t count = 0;
    for (; (reason = bnfuse_get_reason(count)); last = reason, count++) {
        assert_true(*reason->text);
        if (last) assert_true(reason->code > last->code);
    }
    assert_true(count > 10);
    const bnfuse_pass *pass;
    size_t passes = 0;
    for (; (pass = bnfuse_get_pass(passes)); passes++) assert_true(*pass->name && *pass->why);
    assert_true(passes > 0);
}

static void tensors_go_through_files(void **state)
{
    (void)state;
    bnfuse_error error;
    char file[] = "bnfuse_test.XXXXXX.npy";
    int fd = mkstemps(file, 4);
    assert_true(fd >= 0);
    close(fd);
    bnfuse_tensors *one = bnfuse_tensors_new(), *back = bnfuse_tensors_new();
    bnfuse_tensor tensor = { .name = "a",
                             .type = BNFUSE_DTYPE_INT64,
                             .rank = 1,
                             .dims = (int64_t[]){ 3 },
                             .bytes = (int64_t[]){ 5, -6, 7 },
                             .size = 24 };
    assert_true(bnfuse_tensors_add(one, &tensor, &error));
    assert_true(bnfuse_tensors_write(one, NULL, file, &error));
    assert_false(bnfuse_tensors_load(back, NULL, NULL, file, &error)); /* for which input? */
    assert_true(bnfuse_tensors_load(back, NULL, "a", file, &error));
    const bnfuse_tensor *got = bnfuse_tensors_get(back, 0);
    assert_int_equal(got->type, 7);
    assert_int_equal(((const int64_t *)got->bytes)[1], -6);
    assert_true(bnfuse_tensors_agree(one, back, 0, 0, &error));
    bnfuse_tensors_free(one);
    bnfuse_tensors_free(back);
    unlink(file);
}

static void a_tensor_of_no_type_is_refused(void **state)
{
    (void)state;
    bnfuse_error error;
    bnfuse_tensors *tensors = bnfuse_tensors_new();
    bnfuse_tensor none = { .name = "a", .type = (bnfuse_dtype)99 };
    bnfuse_tensor negative = { .name = "a", .type = BNFUSE_DTYPE_FLOAT, .rank = 1, .dims = (int64_t[]){ -1 } };
    assert_false(bnfuse_tensors_add(tensors, &none, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_false(bnfuse_tensors_add(tensors, &negative, &error));
    assert_int_equal(bnfuse_tensors_count(tensors), 0);
    bnfuse_tensors_free(tensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_build, close_build)
        TEST(every_batch_normalization_has_one_remark),
        TEST(operators_are_counted_before_and_after),
        TEST(the_check_passes_and_the_written_model_compares_equal),
        TEST(what_is_prepared_runs_before_it_gets_its_name),
        TEST(models_that_differ_do_not_compare_equal),
        TEST(fused_and_unfused_run_alike),
        TEST(a_missing_input_is_named),
        TEST(errors_say_which_file_and_what_kind),
        TEST(a_memory_limit_is_kept_and_named),
        TEST(a_small_model_gets_little_memory_by_default),
        TEST(data_files_count_as_bytes_of_the_model),
        TEST(memory_may_run_out_anywhere),
        TEST(a_model_is_fused_once),
        TEST(names_that_nothing_has_are_refused),
        TEST(an_opset_of_the_future_is_not_guessed),
        TEST(codes_are_unique_and_passes_have_names),
        TEST(tensors_go_through_files),
        TEST(a_tensor_of_no_type_is_refused),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
