/* SPDX-License-Identifier: Apache-2.0
 *
 * --static: sizes that are given for open dims stand in the file, as all that follows from them. */
#include "bnfuse.h"
#include "build.h"
#include "onnx.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bnfuse_model *load(void)
{
    char path[2048];
    bnfuse_error error;
    snprintf(path, sizeof path, "%s/simplify_sizes.onnx", getenv("BNFUSE_MODELS"));
    bnfuse_model *model = bnfuse_load(path, NULL, &error);
    if (!model) fail_msg("%s", error.message);
    return model;
}

static bnfuse_fuse_options options_for(const bnfuse_dim *dims, size_t dim_count, const bnfuse_shape *shapes,
                                       size_t shape_count)
{
    bnfuse_fuse_options options;
    bnfuse_fuse_options_init(&options);
    options.simplify = options.fix_shapes = true;
    options.dims = dims;
    options.dim_count = dim_count;
    options.shapes = shapes;
    options.shape_count = shape_count;
    return options;
}

/* The dims of a declaration as text: "2,3,N,". */
static void describe(const BnfuseOnnx__ValueInfoProto *info, char *to, size_t size)
{
    const BnfuseOnnx__TensorShapeProto *shape = info->type->tensor_type->shape;
    snprintf(to, size, "%s:", info->name);
    for (size_t i = 0; i < shape->n_dim; i++) {
        size_t used = strlen(to);
        if (shape->dim[i]->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
            snprintf(to + used, size - used, "%lld,", (long long)shape->dim[i]->dim_value);
        else snprintf(to + used, size - used, "%s,", shape->dim[i]->dim_param ? shape->dim[i]->dim_param : "?");
    }
}

static void expect(const bnfuse_fuse_options *options, size_t nodes, const char *input, const char *output,
                   const char *inside)
{
    bnfuse_error error;
    bnfuse_check_options check;
    void *bytes;
    size_t size;
    char text[100];
    bnfuse_model *model = load();
    bnfuse_check_options_init(&check);
    check.level = BNFUSE_LEVEL_FULL;
    check.dims = options->dims;
    check.dim_count = options->dim_count;
    check.shapes = options->shapes;
    check.shape_count = options->shape_count;
    if (!bnfuse_fuse(model, options, &error)) fail_msg("%s", error.message);
    const bnfuse_check_result *result = bnfuse_check(model, &check, &error);
    if (!result) fail_msg("%s", error.message);
    assert_int_equal(result->verdict, BNFUSE_VERDICT_PASS);
    if (!bnfuse_write_bytes(model, &bytes, &size, &error)) fail_msg("%s", error.message);
    BnfuseOnnx__ModelProto *proto = bnfuse_onnx__model_proto__unpack(NULL, size, bytes);
    assert_int_equal(proto->graph->n_node, nodes);
    describe(proto->graph->input[0], text, sizeof text);
    assert_string_equal(text, input);
    describe(proto->graph->output[0], text, sizeof text);
    assert_string_equal(text, output);
    describe(proto->graph->value_info[0], text, sizeof text);
    assert_string_equal(text, inside);
    bnfuse_onnx__model_proto__free_unpacked(proto, NULL);
    free(bytes);
    bnfuse_free(model);
}

static void all_that_follows_from_given_sizes_is_a_number(void **state)
{
    static const bnfuse_dim dims[] = { { "N", 2 }, { "W", 5 } };
    static const int64_t sizes[] = { 2, 3, 5 };
    static const bnfuse_shape shape = { "x", 3, sizes };
    const bnfuse_fuse_options by_name = options_for(dims, 2, NULL, 0), by_shape = options_for(NULL, 0, &shape, 1);
    (void)state;
    expect(&by_name, 2, "x:2,3,5,", "y:2,3,10,", "c:2,3,10,");
    expect(&by_shape, 2, "x:2,3,5,", "y:2,3,10,", "c:2,3,10,");
}

static void a_dim_without_a_size_stays_open(void **state)
{
    static const bnfuse_dim dim = { "N", 2 };
    const bnfuse_fuse_options options = options_for(&dim, 1, NULL, 0);
    (void)state;
    expect(&options, 2, "x:2,3,W,", "y:2,3,Z,", "c:2,3,Z,");
}

static void without_being_asked_no_dim_becomes_a_number(void **state)
{
    static const bnfuse_dim dims[] = { { "N", 2 }, { "W", 5 } };
    bnfuse_fuse_options options = options_for(dims, 2, NULL, 0);
    (void)state;
    options.fix_shapes = false;
    expect(&options, 2, "x:N,3,W,", "y:N,?,Z,", "c:N,3,Z,");
}

static void refuse(const bnfuse_fuse_options *options, const char *part)
{
    bnfuse_error error;
    bnfuse_model *model = load();
    assert_false(bnfuse_fuse(model, options, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    if (!strstr(error.message, part)) fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    bnfuse_free(model);
}

static void sizes_that_contradict_are_refused(void **state)
{
    static const int64_t sizes[] = { 4, 3, 5 }, others[] = { 2, 4, 5 };
    static const bnfuse_dim dim = { "N", 2 }, unknown = { "Q", 2 };
    static const bnfuse_shape shape = { "x", 3, sizes }, declared = { "x", 3, others }, few = { "x", 2, sizes },
                              absent = { "z", 3, sizes }, none = { "x", 3, NULL };
    const bnfuse_fuse_options both = options_for(&dim, 1, &shape, 1), another = options_for(NULL, 0, &declared, 1),
                              rank = options_for(NULL, 0, &few, 1), input = options_for(NULL, 0, &absent, 1),
                              name = options_for(&unknown, 1, NULL, 0), null = options_for(NULL, 0, &none, 1);
    (void)state;
    refuse(&both, "cannot be both 2 and 4");
    refuse(&another, "has 3 along axis 1, not 4");
    refuse(&rank, "has 3 dims, not 2");
    refuse(&input, "there is no input \"z\"");
    refuse(&name, "\"Q\", which no input");
    refuse(&null, "is NULL");
}

static void refuse_stored(const char *declared, const bnfuse_fuse_options *options, bool fits)
{
    struct build b;
    bnfuse_error error;
    size_t size;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, declared);
    build_init(&b, "x", DTYPE_FLOAT, "5,2", 1);
    build_node(&b, "Relu", NULL, "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    const void *bytes = build_bytes(&b, &size);
    bnfuse_model *model = bnfuse_read(bytes, size, NULL, &error);
    assert_non_null(model);
    assert_int_equal(bnfuse_fuse(model, options, &error), fits);
    if (!fits) assert_int_equal(error.status, BNFUSE_USAGE);
    if (!fits) assert_non_null(strstr(error.message, "do not fit initializer \"x\""));
    bnfuse_free(model);
    build_close(&b);
}

static void an_input_with_a_stored_value_keeps_its_sizes(void **state)
{
    static const int64_t same[] = { 5, 2 }, others[] = { 5, 3 };
    static const bnfuse_dim dim = { "N", 4 }, stored = { "N", 5 };
    static const bnfuse_shape own = { "x", 2, same }, larger = { "x", 2, others }, few = { "x", 1, same };
    const bnfuse_fuse_options by_name = options_for(&dim, 1, NULL, 0), good_name = options_for(&stored, 1, NULL, 0),
                              by_shape = options_for(NULL, 0, &larger, 1), by_rank = options_for(NULL, 0, &few, 1),
                              good = options_for(NULL, 0, &own, 1), nothing = options_for(NULL, 0, NULL, 0);
    (void)state;
    refuse_stored("N,2", &by_name, false);
    refuse_stored("N,2", &good_name, true);
    refuse_stored(NULL, &by_shape, false);
    refuse_stored(NULL, &by_rank, false);
    refuse_stored(NULL, &good, true);
    refuse_stored("0,2", &nothing, true); /* as some exporters write that it is not known */
}

static void an_input_without_a_shape_gets_the_one_given(void **state)
{
    static const int64_t sizes[] = { 2, 3, 5 };
    static const bnfuse_shape shape = { "x", 3, sizes };
    const bnfuse_fuse_options options = options_for(NULL, 0, &shape, 1);
    struct build b;
    bnfuse_error error;
    void *bytes;
    size_t size;
    char text[100];
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, NULL);
    build_node(&b, "Relu", "relu", "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    const void *built = build_bytes(&b, &size);
    bnfuse_model *model = bnfuse_read(built, size, NULL, &error);
    if (!model || !bnfuse_fuse(model, &options, &error) || !bnfuse_write_bytes(model, &bytes, &size, &error))
        fail_msg("%s", error.message);
    BnfuseOnnx__ModelProto *proto = bnfuse_onnx__model_proto__unpack(NULL, size, bytes);
    describe(proto->graph->input[0], text, sizeof text);
    assert_string_equal(text, "x:2,3,5,");
    bnfuse_onnx__model_proto__free_unpacked(proto, NULL);
    free(bytes);
    bnfuse_free(model);
    build_close(&b);
}

/* Of two inputs, by name and by shape; a declaration of nothing follows from its names alone, and a function has
 * none. */
static void sizes_may_be_given_twice_where_they_agree(void **state)
{
    static const int64_t sizes[] = { 2, 5 }, own[] = { 2, 3 };
    static const bnfuse_dim dims[] = { { "N", 2 }, { "W", 5 } };
    static const bnfuse_shape shapes[] = { { "z", 2, sizes }, { "x", 2, own } };
    const bnfuse_fuse_options options = options_for(dims, 2, shapes, 2);
    static const char *const inputs[] = { "x:2,3,", "z:2,5,", "u:2,7," };
    static char local[] = "local";
    struct build b;
    bnfuse_error error;
    void *bytes;
    size_t size;
    char text[100];
    (void)state;
    build_open(&b, 8, 13);
    build_import(&b, local, 1);
    build_input(&b, "x", DTYPE_FLOAT, "N,3");
    build_input(&b, "z", DTYPE_FLOAT, "N,W");
    build_input(&b, "u", DTYPE_FLOAT, "N,7");
    build_value_info(&b, "ghost", DTYPE_FLOAT, "W,?");
    build_node(&b, "Concat", "all", "x z u", "c", "axis=1");
    build_node(&b, "F", "call", "c", "y", NULL)->domain = local;
    build_output(&b, "y", DTYPE_FLOAT, "N,M");
    build_function(&b, local, "F", "a", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Sigmoid", NULL, "a", "r", NULL);
    build_end(&b);
    const void *built = build_bytes(&b, &size);
    bnfuse_model *model = bnfuse_read(built, size, NULL, &error);
    if (!model || !bnfuse_fuse(model, &options, &error) || !bnfuse_write_bytes(model, &bytes, &size, &error))
        fail_msg("%s", error.message);
    BnfuseOnnx__ModelProto *proto = bnfuse_onnx__model_proto__unpack(NULL, size, bytes);
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        describe(proto->graph->input[i], text, sizeof text);
        assert_string_equal(text, inputs[i]);
    }
    describe(proto->graph->output[0], text, sizeof text);
    assert_string_equal(text, "y:2,15,");
    bnfuse_onnx__model_proto__free_unpacked(proto, NULL);
    free(bytes);
    bnfuse_free(model);
    build_close(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_follows_from_given_sizes_is_a_number),
        cmocka_unit_test(a_dim_without_a_size_stays_open),
        cmocka_unit_test(without_being_asked_no_dim_becomes_a_number),
        cmocka_unit_test(sizes_that_contradict_are_refused),
        cmocka_unit_test(an_input_with_a_stored_value_keeps_its_sizes),
        cmocka_unit_test(an_input_without_a_shape_gets_the_one_given),
        cmocka_unit_test(sizes_may_be_given_twice_where_they_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
