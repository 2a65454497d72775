/* SPDX-License-Identifier: Apache-2.0
 *
 * Models that come from memory and go there, callbacks that cancel, and options of another size: the library for a
 * program that has no files. */
#include "build.h"
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 4 * 3 * 3 * 3 };

/* What the opener has: one file, and how often it was asked. */
struct store {
    const char *location;
    float numbers[COUNT];
    int asked;
};

static bool find(void *context, const char *location, const void **bytes, uint64_t *size)
{
    struct store *store = context;
    store->asked++;
    if (strcmp(location, store->location) != 0) return false;
    *bytes = store->numbers;
    *size = sizeof store->numbers;
    return true;
}

static void fill(float *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) numbers[i] = (float)((i * 7) % 11) / 8 - 0.5f;
}

static void build_conv_bn(struct build *b)
{
    const double ones[4] = { 1, 2, 0.5, 3 };
    float numbers[COUNT];
    double values[COUNT];
    fill(numbers, COUNT);
    for (int i = 0; i < COUNT; i++) values[i] = (double)numbers[i];
    build_open(b, 8, 13);
    build_input(b, "x", DTYPE_FLOAT, "2,3,6,5");
    build_init_values(b, "w", DTYPE_FLOAT, "4,3,3,3", values);
    for (const char *name = "stmv"; *name; name++)
        build_init_values(b, (char[]){ *name, '\0' }, DTYPE_FLOAT, "4", ones);
    build_node(b, "Conv", "conv", "x w", "y", NULL);
    build_node(b, "BatchNormalization", "bn", "y s t m v", "z", NULL);
    build_output(b, "z", DTYPE_FLOAT, "2,4,4,3");
}

/* The weight w moves to a file that only the store has. */
static void make_external(struct build *b, const char *location)
{
    BnfuseOnnx__TensorProto *w = b->model->graph->initializer[0];
    assert_string_equal(w->name, "w");
    build_external(b, w, location, NULL);
}

static bnfuse_model *read_from(struct build *b, struct store *store, bnfuse_error *error)
{
    size_t size;
    const void *bytes = build_bytes(b, &size);
    bnfuse_read_options options;
    bnfuse_read_options_init(&options);
    options.name = "in memory";
    options.opener = find;
    options.context = store;
    return bnfuse_read(bytes, size, &options, error);
}

static void external_data_come_from_the_opener(void **state)
{
    struct build b;
    struct store store = { .location = "weights/w.bin" };
    bnfuse_error error = { .message = "" };
    void *bytes;
    size_t size;
    (void)state;
    fill(store.numbers, COUNT);
    build_conv_bn(&b);
    make_external(&b, "weights/w.bin");
    bnfuse_model *model = read_from(&b, &store, &error);
    if (!model) fail_msg("%s", error.message);
    assert_true(store.asked > 0);
    if (!bnfuse_fuse(model, NULL, &error)) fail_msg("%s", error.message);
    assert_int_equal(bnfuse_get_report(model)->folded, 1);
    const bnfuse_check_result *result = bnfuse_check(model, NULL, &error);
    if (!result) fail_msg("%s", error.message);
    assert_int_equal(result->verdict, BNFUSE_VERDICT_PASS);
    if (!bnfuse_write_bytes(model, &bytes, &size, &error)) fail_msg("%s", error.message);
    assert_true(size > sizeof store.numbers); /* the new weight is inline */
    bnfuse_free(model);
    bnfuse_model *written = read_named("written", bytes, size, 0, &error);
    if (!written) fail_msg("%s", error.message);
    bnfuse_free(written);
    bnfuse_free_bytes(bytes);
    build_close(&b);
}

static void what_stays_in_the_openers_data_is_verified_there(void **state)
{
    struct build b;
    struct store store = { .location = "w.bin" };
    bnfuse_error error = { .message = "" };
    bnfuse_fuse_options options;
    void *bytes;
    size_t size;
    (void)state;
    fill(store.numbers, COUNT);
    build_conv_bn(&b);
    make_external(&b, "w.bin");
    bnfuse_model *model = read_from(&b, &store, &error);
    if (!model) fail_msg("%s", error.message);
    bnfuse_fuse_options_init(&options);
    options.skipped = (bnfuse_names){ (const char *const[]){ "bn" }, 1 };
    options.lower_mul_add = true; /* the model changes, but not its weight */
    if (!bnfuse_fuse(model, &options, &error)) fail_msg("%s", error.message);
    if (!bnfuse_write_bytes(model, &bytes, &size, &error)) fail_msg("%s", error.message);
    assert_non_null(memmem(bytes, size, "w.bin", strlen("w.bin")));
    bnfuse_free_bytes(bytes);
    bnfuse_free(model);
    build_close(&b);
}

static void data_that_the_opener_lacks_are_named(void **state)
{
    struct build b;
    struct store store = { .location = "another" };
    bnfuse_error error = { .message = "" };
    (void)state;
    build_conv_bn(&b);
    make_external(&b, "weights/w.bin");
    assert_null(read_from(&b, &store, &error));
    assert_int_equal(error.status, BNFUSE_INVALID);
    assert_non_null(strstr(error.message, "weights/w.bin"));
    assert_non_null(strstr(error.message, "in memory"));
    build_close(&b);
}

static void an_unchanged_model_is_written_as_it_was_read(void **state)
{
    struct build b;
    bnfuse_error error;
    void *written;
    size_t size, written_size;
    (void)state;
    build_conv_bn(&b);
    const void *bytes = build_bytes(&b, &size);
    bnfuse_model *model = read_named("same", bytes, size, 0, &error);
    assert_non_null(model);
    if (!bnfuse_write_bytes(model, &written, &written_size, &error)) fail_msg("%s", error.message);
    assert_int_equal(written_size, size);
    assert_memory_equal(written, bytes, size);
    bnfuse_free_bytes(written);
    bnfuse_free(model);
    build_close(&b);
}

/* ---- callbacks ---- */

static bool refuse(void *context, double done)
{
    (void)done;
    ++*(int *)context;
    return false;
}

static bool refuse_pass(void *context, const char *pass)
{
    ++*(int *)context;
    return strcmp(pass, "fold") != 0;
}

static void assert_cancelled(bool good, const bnfuse_error *error, const int *calls)
{
    assert_false(good);
    assert_int_equal(error->status, BNFUSE_CANCELLED);
    assert_non_null(strstr(error->message, "cancelled"));
    assert_int_equal(*calls, 1);
}

static void a_callback_that_returns_false_cancels(void **state)
{
    struct build b;
    bnfuse_error error;
    bnfuse_fuse_options fuse;
    bnfuse_check_options check;
    bnfuse_run_options run;
    float numbers[2 * 3 * 6 * 5] = { 0 };
    const int64_t dims[] = { 2, 3, 6, 5 };
    const bnfuse_tensor x = {
        .name = "x", .type = BNFUSE_DTYPE_FLOAT, .rank = 4, .dims = dims, .bytes = numbers, .size = sizeof numbers
    };
    int calls = 0;
    size_t size;
    (void)state;
    build_conv_bn(&b);
    const void *bytes = build_bytes(&b, &size);

    bnfuse_model *model = read_named("cancelled", bytes, size, 0, &error);
    bnfuse_tensors *inputs = bnfuse_tensors_new();
    assert_true(bnfuse_tensors_add(inputs, &x, &error));
    bnfuse_run_options_init(&run);
    run.progress = refuse;
    run.context = &calls;
    assert_cancelled(bnfuse_run(model, inputs, &run, &error), &error, &calls);
    bnfuse_tensors_free(inputs);

    calls = 0;
    assert_true(bnfuse_fuse(model, NULL, &error));
    bnfuse_check_options_init(&check);
    check.progress = refuse;
    check.context = &calls;
    assert_cancelled(bnfuse_check(model, &check, &error), &error, &calls);
    assert_non_null(bnfuse_check(model, NULL, &error)); /* and may be made again */
    bnfuse_free(model);

    calls = 0;
    model = read_named("cancelled", bytes, size, 0, &error);
    bnfuse_fuse_options_init(&fuse);
    fuse.progress = refuse;
    fuse.context = &calls;
    assert_cancelled(bnfuse_fuse(model, &fuse, &error), &error, &calls);
    assert_null(bnfuse_get_report(model));
    assert_null(bnfuse_check(model, NULL, &error)); /* half a fusion is of no use */
    assert_int_equal(error.status, BNFUSE_USAGE);
    bnfuse_free(model);

    calls = 0;
    model = read_named("cancelled", bytes, size, 0, &error);
    bnfuse_fuse_options_init(&fuse);
    fuse.after_pass = refuse_pass;
    fuse.context = &calls;
    assert_false(bnfuse_fuse(model, &fuse, &error));
    assert_int_equal(error.status, BNFUSE_CANCELLED);
    assert_non_null(strstr(error.message, "fold"));
    int passes = 1; /* it was called after each up to fold, and no more */
    while (strcmp(bnfuse_get_pass((size_t)passes - 1)->name, "fold") != 0) passes++;
    assert_int_equal(calls, passes);
    bnfuse_free(model);
    build_close(&b);
}

/* ---- printing ---- */

struct text {
    char bytes[4096];
    size_t size;
    bnfuse_model *model;
};

static bool take(void *context, const void *bytes, size_t size)
{
    struct text *text = context;
    if (size >= sizeof text->bytes - text->size) return false;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = '\0';
    return true;
}

static bool print_after_fold(void *context, const char *pass)
{
    struct text *text = context;
    return strcmp(pass, "fold") != 0 || text->size || bnfuse_print(text->model, take, text, NULL);
}

static void a_graph_is_printed_with_shapes_and_ranges(void **state)
{
    struct build b;
    struct text text = { .size = 0 };
    bnfuse_error error;
    size_t size;
    (void)state;
    build_conv_bn(&b);
    const void *bytes = build_bytes(&b, &size);
    text.model = read_named("printed", bytes, size, 0, &error);
    if (!bnfuse_print(text.model, take, &text, &error)) fail_msg("%s", error.message);
    assert_non_null(strstr(text.bytes, "w float32 [4, 3, 3, 3] {-0.5 to 0.75}"));
    assert_non_null(strstr(text.bytes, "y float32 [2, 4, 4, 3] = Conv(x, w)"));
    assert_non_null(strstr(text.bytes, "BatchNormalization"));

    text.size = 0;
    bnfuse_fuse_options options;
    bnfuse_fuse_options_init(&options);
    options.after_pass = print_after_fold;
    options.context = &text;
    if (!bnfuse_fuse(text.model, &options, &error)) fail_msg("%s", error.message);
    assert_non_null(strstr(text.bytes, "z float32 [2, 4, 4, 3] = Conv("));
    assert_null(strstr(text.bytes, "BatchNormalization"));
    bnfuse_free(text.model);
    build_close(&b);
}

/* ---- options of another size ---- */

/* As a newer header would have them: one more member, which is not known here. */
struct newer_options {
    bnfuse_fuse_options known;
    int another;
};

static void options_of_an_older_program_leave_the_rest_at_its_defaults(void **state)
{
    struct build b;
    bnfuse_error error;
    bnfuse_fuse_options options;
    size_t size, shorter = offsetof(bnfuse_fuse_options, enabled);
    (void)state;
    build_conv_bn(&b);
    const void *bytes = build_bytes(&b, &size);
    memset(&options, 0xff, sizeof options); /* what lies behind an older struct is anything */
    bnfuse_fuse_defaults(&options, shorter);
    assert_int_equal(options.size, shorter);
    assert_int_equal(options.enabled.count, SIZE_MAX);
    bnfuse_model *model = read_named("older", bytes, size, 0, &error);
    if (!bnfuse_fuse(model, &options, &error)) fail_msg("%s", error.message);
    bnfuse_free(model);
    build_close(&b);
}

static void options_of_a_newer_program_may_not_set_what_is_unknown(void **state)
{
    struct build b;
    bnfuse_error error;
    struct newer_options options;
    size_t size;
    (void)state;
    build_conv_bn(&b);
    const void *bytes = build_bytes(&b, &size);
    bnfuse_fuse_defaults(&options.known, sizeof options);
    bnfuse_model *model = read_named("newer", bytes, size, 0, &error);
    options.another = 1;
    assert_false(bnfuse_fuse(model, &options.known, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    options.another = 0;
    if (!bnfuse_fuse(model, &options.known, &error)) fail_msg("%s", error.message);
    bnfuse_free(model);
    build_close(&b);
}

static void options_without_a_size_are_refused(void **state)
{
    struct build b;
    bnfuse_error error;
    const size_t sizes[] = { 0, 1, sizeof(size_t), 5000, SIZE_MAX };
    size_t size;
    (void)state;
    build_conv_bn(&b);
    const void *bytes = build_bytes(&b, &size);
    bnfuse_model *model = read_named("sizes", bytes, size, 0, &error);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bnfuse_read_options read = { .size = sizes[i] };
        bnfuse_fuse_options fuse = { .size = sizes[i] };
        bnfuse_run_options run = { .size = sizes[i] };
        bnfuse_check_options check = { .size = sizes[i] };
        bnfuse_write_options write = { .size = sizes[i] };
        assert_null(bnfuse_read(bytes, size, &read, &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
        assert_false(bnfuse_fuse(model, &fuse, &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
        assert_null(bnfuse_run(model, NULL, &run, &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
        assert_null(bnfuse_check(model, &check, &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
        assert_false(bnfuse_write(model, "no_such_folder/x.onnx", &write, &error));
        assert_non_null(strstr(error.message, "_init"));
    }
    bnfuse_free(model);
    build_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(external_data_come_from_the_opener),
        cmocka_unit_test(what_stays_in_the_openers_data_is_verified_there),
        cmocka_unit_test(data_that_the_opener_lacks_are_named),
        cmocka_unit_test(an_unchanged_model_is_written_as_it_was_read),
        cmocka_unit_test(a_callback_that_returns_false_cancels),
        cmocka_unit_test(a_graph_is_printed_with_shapes_and_ranges),
        cmocka_unit_test(options_of_an_older_program_leave_the_rest_at_its_defaults),
        cmocka_unit_test(options_of_a_newer_program_may_not_set_what_is_unknown),
        cmocka_unit_test(options_without_a_size_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
