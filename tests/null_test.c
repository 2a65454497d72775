/* SPDX-License-Identifier: Apache-2.0
 *
 * Every public function with every pointer NULL in turn: an error with a message, never a crash. */
#include "build.h"
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bnfuse_model *model, *other;
static bnfuse_tensors *tensors;
static bnfuse_tensor tensor;
static void *bytes;
static size_t size;

static bool ignore(void *context, const void *part, size_t count)
{
    (void)context, (void)part, (void)count;
    return true;
}

/* Each calls one function with all arguments good but one. */
#define CALLS(CALL)                                                                       \
    CALL(load_no_path, bnfuse_load(NULL, NULL, error))                                    \
    CALL(read_no_bytes, bnfuse_read(NULL, 7, NULL, error))                                \
    CALL(print_no_model, bnfuse_print(NULL, ignore, NULL, error))                         \
    CALL(print_no_sink, bnfuse_print(model, NULL, NULL, error))                           \
    CALL(fuse_no_model, bnfuse_fuse(NULL, NULL, error))                                   \
    CALL(load_tensors_no_list, bnfuse_tensors_load(NULL, model, "x", "x.npy", error))     \
    CALL(load_tensors_no_model, bnfuse_tensors_load(tensors, NULL, NULL, ".", error))     \
    CALL(load_tensors_no_name, bnfuse_tensors_load(tensors, model, NULL, "x.npy", error)) \
    CALL(load_tensors_no_path, bnfuse_tensors_load(tensors, model, "x", NULL, error))     \
    CALL(load_outputs_no_list, bnfuse_tensors_load_outputs(NULL, model, ".", error))      \
    CALL(load_outputs_no_model, bnfuse_tensors_load_outputs(tensors, NULL, ".", error))   \
    CALL(load_outputs_no_path, bnfuse_tensors_load_outputs(tensors, model, NULL, error))  \
    CALL(add_no_list, bnfuse_tensors_add(NULL, &tensor, error))                           \
    CALL(add_no_tensor, bnfuse_tensors_add(tensors, NULL, error))                         \
    CALL(agree_no_expected, bnfuse_tensors_agree(NULL, tensors, 0, 0, error))             \
    CALL(agree_no_tensors, bnfuse_tensors_agree(tensors, NULL, 0, 0, error))              \
    CALL(write_tensors_no_list, bnfuse_tensors_write(NULL, model, "x.npz", error))        \
    CALL(write_tensors_no_model, bnfuse_tensors_write(tensors, NULL, ".", error))         \
    CALL(write_tensors_no_path, bnfuse_tensors_write(tensors, model, NULL, error))        \
    CALL(prepare_tensors_no_list, bnfuse_tensors_prepare(NULL, model, "x.npz", error))    \
    CALL(prepare_tensors_no_path, bnfuse_tensors_prepare(tensors, model, NULL, error))    \
    CALL(commit_tensors_no_list, bnfuse_tensors_commit(NULL, error))                      \
    CALL(run_no_model, bnfuse_run(NULL, tensors, NULL, error))                            \
    CALL(run_no_inputs, bnfuse_run(model, NULL, NULL, error))                             \
    CALL(check_no_model, bnfuse_check(NULL, NULL, error))                                 \
    CALL(compare_no_a, bnfuse_compare(NULL, other, NULL, error))                          \
    CALL(compare_no_b, bnfuse_compare(model, NULL, NULL, error))                          \
    CALL(diff_no_a, bnfuse_diff(NULL, other, error))                                      \
    CALL(diff_no_b, bnfuse_diff(model, NULL, error))                                      \
    CALL(write_no_model, bnfuse_write(NULL, "x.onnx", NULL, error))                       \
    CALL(write_no_path, bnfuse_write(model, NULL, NULL, error))                           \
    CALL(check_written_no_model, bnfuse_check_written(NULL, NULL, error))                 \
    CALL(write_bytes_no_model, bnfuse_write_bytes(NULL, &bytes, &size, error))            \
    CALL(write_bytes_no_bytes, bnfuse_write_bytes(model, NULL, &size, error))             \
    CALL(write_bytes_no_size, bnfuse_write_bytes(model, &bytes, NULL, error))

#define CALL(name, call)                  \
    static bool name(bnfuse_error *error) \
    {                                     \
        return call;                      \
    }
CALLS(CALL)
#undef CALL

static const struct call {
    const char *name;
    bool (*run)(bnfuse_error *error);
} calls[] = {
#define CALL(name, call) { #name, name },
    CALLS(CALL)
#undef CALL
};

static bnfuse_model *small_model(struct build *b)
{
    bnfuse_error error;
    build_open(b, 8, 13);
    build_input(b, "x", DTYPE_FLOAT, "2,3");
    build_node(b, "Relu", "relu", "x", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, "2,3");
    size_t count;
    const void *file = build_bytes(b, &count);
    bnfuse_model *read = read_named("small", file, count, 0, &error);
    if (!read) fail_msg("%s", error.message);
    return read;
}

static void a_missing_argument_is_an_error(void **state)
{
    struct build a, b;
    (void)state;
    model = small_model(&a);
    other = small_model(&b);
    tensors = bnfuse_tensors_new();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        bnfuse_error error = { .message = "" };
        if (calls[i].run(&error)) fail_msg("%s is no error", calls[i].name);
        if (error.status != BNFUSE_USAGE || !*error.message)
            fail_msg("%s: status %d: %s", calls[i].name, error.status, error.message);
        assert_false(calls[i].run(NULL)); /* and the message may be of no interest */
    }
    bnfuse_tensors_free(tensors);
    bnfuse_free(model);
    bnfuse_free(other);
    build_close(&a);
    build_close(&b);
}

static void a_tensor_says_what_it_lacks(void **state)
{
    const int64_t dims[] = { 2 };
    const char *const strings[] = { "a", NULL };
    const bnfuse_tensor lacking[] = {
        { .type = BNFUSE_DTYPE_FLOAT, .bytes = "", .size = 0 },
        { .name = "x", .type = BNFUSE_DTYPE_FLOAT, .rank = 1, .bytes = "12345678", .size = 8 },
        { .name = "x", .type = BNFUSE_DTYPE_FLOAT, .rank = 1, .dims = dims, .size = 8 },
        { .name = "x", .type = BNFUSE_DTYPE_FLOAT, .rank = 1, .dims = dims, .bytes = "1234", .size = 4 },
        { .name = "x", .type = BNFUSE_DTYPE_STRING, .rank = 1, .dims = dims },
        { .name = "x", .type = BNFUSE_DTYPE_STRING, .rank = 1, .dims = dims, .strings = strings },
    };
    (void)state;
    tensors = bnfuse_tensors_new();
    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++) {
        bnfuse_error error = { .message = "" };
        assert_false(bnfuse_tensors_add(tensors, &lacking[i], &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
        assert_true(*error.message);
    }
    assert_int_equal(bnfuse_tensors_count(tensors), 0);
    bnfuse_tensors_free(tensors);
}

static void functions_without_an_error_return_nothing(void **state)
{
    char text[8] = "before";
    (void)state;
    bnfuse_free(NULL);
    bnfuse_tensors_free(NULL);
    bnfuse_free_bytes(NULL);
    assert_null(bnfuse_get_report(NULL));
    assert_null(bnfuse_get_node(NULL, false, 0));
    bnfuse_tensors_limit(NULL, 1);
    bnfuse_limit(NULL, 1);
    assert_int_equal(bnfuse_tensors_count(NULL), 0);
    assert_null(bnfuse_tensors_get(NULL, 0));
    bnfuse_escape(NULL, 8, "x");
    bnfuse_escape(text, 0, "x");
    assert_string_equal(text, "before");
    bnfuse_escape(text, sizeof text, NULL);
    assert_string_equal(text, "");
    bnfuse_read_options_init(NULL);
    bnfuse_fuse_options_init(NULL);
    bnfuse_run_options_init(NULL);
    bnfuse_check_options_init(NULL);
    bnfuse_write_options_init(NULL);
    assert_string_equal(bnfuse_verdict_text((bnfuse_verdict)99), "");
    assert_string_equal(bnfuse_verdict_text((bnfuse_verdict)-1), "");
    assert_int_equal(bnfuse_verdict_status((bnfuse_verdict)99), BNFUSE_USAGE);
    assert_string_equal(bnfuse_outcome_text((bnfuse_outcome)99), "");
    assert_string_equal(bnfuse_dtype_text((bnfuse_dtype)99), "undefined");
    assert_null(bnfuse_get_reason(SIZE_MAX));
    assert_null(bnfuse_get_pass(SIZE_MAX));
    assert_null(bnfuse_get_extra(SIZE_MAX));
}

static void lists_of_options_may_not_be_null(void **state)
{
    struct build b;
    bnfuse_fuse_options fuse;
    bnfuse_check_options check;
    bnfuse_error error;
    const char *const none[] = { NULL };
    const bnfuse_names broken[] = { { NULL, 1 }, { none, 1 } };
    (void)state;
    model = small_model(&b);
    for (size_t i = 0; i < 6; i++) {
        bnfuse_fuse_options_init(&fuse);
        *(i < 2 ? &fuse.enabled : i < 4 ? &fuse.disabled : &fuse.skipped) = broken[i % 2];
        assert_false(bnfuse_fuse(model, &fuse, &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
    }
    for (int i = 0; i < 3; i++) {
        bnfuse_check_options_init(&check);
        *(i == 0 ? &check.set_count : i == 1 ? &check.dim_count : &check.shape_count) = 1;
        assert_null(bnfuse_check(model, &check, &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
    }
    bnfuse_free(model);
    build_close(&b);
}

/* What a caller's sets were asked for: one at a time is alive. */
struct giver {
    bnfuse_tensors *set;
    size_t asked, broken; /* this one cannot be read */
    bool says_why;
};

static const bnfuse_tensors *give(void *context, size_t index, bnfuse_error *error)
{
    struct giver *giver = context;
    const float x[6] = { (float)index };
    const bnfuse_tensor numbers = { .name = "x",
                                    .type = BNFUSE_DTYPE_FLOAT,
                                    .rank = 2,
                                    .dims = (const int64_t[]){ 2, 3 },
                                    .count = 6,
                                    .bytes = x,
                                    .size = sizeof x };
    bnfuse_tensors_free(giver->set);
    giver->set = NULL;
    giver->asked++;
    if (index == giver->broken) {
        if (giver->says_why) *error = (bnfuse_error){ BNFUSE_INVALID, "no such set" };
        return NULL;
    }
    giver->set = bnfuse_tensors_new();
    assert_true(bnfuse_tensors_add(giver->set, &numbers, error));
    return giver->set;
}

static void sets_are_given_one_at_a_time(void **state)
{
    static const bnfuse_status statuses[] = { BNFUSE_INVALID, BNFUSE_CANCELLED, BNFUSE_OK };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct build b;
        struct giver giver = { .broken = i < 2 ? 30 : SIZE_MAX, .says_why = i == 0 };
        bnfuse_check_options check;
        bnfuse_error error = { .status = BNFUSE_OK };
        model = small_model(&b);
        bnfuse_check_options_init(&check);
        check.set = give;
        check.set_count = 40;
        check.context = &giver;
        const bnfuse_check_result *result = bnfuse_check(model, &check, &error);
        assert_int_equal(error.status, statuses[i]);
        assert_int_equal(result != NULL, i == 2);
        assert_int_equal(giver.asked, i == 2 ? 40 : 31);
        bnfuse_tensors_free(giver.set);
        bnfuse_free(model);
        build_close(&b);
    }
}

static void sizes_that_are_none_are_refused(void **state)
{
    const int64_t many[40] = { 1, 1, 1 }, none[] = { 2, 0 }, below[] = { -5, 3 };
    const bnfuse_shape shapes[] = {
        { "x", -3, many }, { "x", 33, many }, { "x", 40, many }, { "x", 2, none }, { "x", 2, below }, { "x", 2, NULL },
    };
    const bnfuse_dim dim = { "n", -1 };
    (void)state;
    for (size_t i = 0; i <= sizeof shapes / sizeof *shapes; i++) {
        struct build b;
        bnfuse_fuse_options fuse;
        bnfuse_check_options check;
        bnfuse_error error = { .status = BNFUSE_OK };
        const bool is_shape = i < sizeof shapes / sizeof *shapes;
        model = small_model(&b);
        bnfuse_fuse_options_init(&fuse);
        bnfuse_check_options_init(&check);
        fuse.shapes = check.shapes = is_shape ? &shapes[i] : NULL;
        fuse.shape_count = check.shape_count = is_shape;
        fuse.dims = check.dims = &dim;
        fuse.dim_count = check.dim_count = !is_shape;
        assert_false(bnfuse_fuse(model, &fuse, &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
        assert_null(bnfuse_check(model, &check, &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
        bnfuse_free(model);
        build_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_argument_is_an_error),
        cmocka_unit_test(a_tensor_says_what_it_lacks),
        cmocka_unit_test(functions_without_an_error_return_nothing),
        cmocka_unit_test(lists_of_options_may_not_be_null),
        cmocka_unit_test(sizes_that_are_none_are_refused),
        cmocka_unit_test(sets_are_given_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
