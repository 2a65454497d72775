/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values are constant, in every form a model may state them. */
#include "build.h"
#include "onnx/graph/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct build b;
static struct model model;
static struct net net;

static int close_build(void **state)
{
    (void)state;
    build_close(&b);
    return 0;
}

static const struct tensor *constant(const char *name)
{
    return value_constant(build_find_value(&net, name));
}

/* dims as text, elements as doubles. */
static void assert_constant(const char *name, enum dtype type, const char *dims, const double *expected)
{
    const struct tensor *tensor = constant(name);
    char text[128] = "";
    if (!tensor) fail_msg("%s is not constant", name);
    assert_int_equal(tensor->type, type);
    for (int i = 0; i < tensor->rank; i++)
        snprintf(text + strlen(text), 24, "%s%lld", i ? "," : "", (long long)tensor->dims[i]);
    assert_string_equal(text, dims);
    double *values;
    assert_true(tensor_values(tensor, &b.arena, &values, NULL));
    for (int64_t i = 0; i < tensor->count; i++) assert_true(values[i] == expected[i]);
}

static void an_initializer_is_constant_unless_a_caller_can_replace_it(void **state)
{
    (void)state;
    for (int64_t ir = 3; ir <= 4; ir++) {
        build_open(&b, ir, 9);
        build_input(&b, "x", DTYPE_FLOAT, "2");
        build_input(&b, "w", DTYPE_FLOAT, "2");
        build_init_values(&b, "w", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
        build_init_values(&b, "v", DTYPE_FLOAT, "2", (double[]){ 3, 4 });
        build_output(&b, "v", DTYPE_FLOAT, "2");
        build_load(&b, &model, &net);
        assert_null(constant("x"));
        assert_true((constant("w") != NULL) == (ir == 3));
        assert_constant("v", DTYPE_FLOAT, "2", (double[]){ 3, 4 });
        net.freeze_weights = true;
        assert_constant("w", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
        if (ir == 3) build_close(&b);
    }
}

static void a_constant_node_is_constant_in_every_form(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_node(&b, "Constant", NULL, NULL, "t", NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, NULL, DTYPE_FLOAT16, "1,2", (double[]){ 1.5, -2 }));
    build_node(&b, "Constant", NULL, NULL, "i", "value_int=-7");
    build_node(&b, "Constant", NULL, NULL, "is", "value_ints=3,4,5");
    build_node(&b, "Constant", NULL, NULL, "f", "value_float=0.5");
    build_node(&b, "Constant", NULL, NULL, "fs", "value_floats=0.5,-1.0");
    build_node(&b, "Constant", NULL, NULL, "s", "value_string=text");
    build_node(&b, "Constant", NULL, NULL, "nothing", NULL);
    build_node(&b, "Constant", NULL, NULL, "other", "value_else=1");
    build_load(&b, &model, &net);
    assert_constant("t", DTYPE_FLOAT16, "1,2", (double[]){ 1.5, -2 });
    assert_constant("i", DTYPE_INT64, "", (double[]){ -7 });
    assert_constant("is", DTYPE_INT64, "3", (double[]){ 3, 4, 5 });
    assert_constant("f", DTYPE_FLOAT, "", (double[]){ 0.5 });
    assert_constant("fs", DTYPE_FLOAT, "2", (double[]){ 0.5, -1 });
    assert_string_equal(constant("s")->strings[0], "text");
    assert_null(constant("nothing"));
    assert_null(constant("other"));
    assert_ptr_equal(constant("is"), constant("is"));
}

static BnfuseOnnx__SparseTensorProto *sparse(const char *name, const char *dims, const char *index_dims,
                                             const double *indices)
{
    BnfuseOnnx__SparseTensorProto *proto = NEW(&b.arena, BnfuseOnnx__SparseTensorProto);
    bnfuse_onnx__sparse_tensor_proto__init(proto);
    proto->values = build_tensor(&b, name, DTYPE_FLOAT, "2", (double[]){ 5, 7 });
    proto->indices = build_tensor(&b, NULL, DTYPE_INT64, index_dims, indices);
    BnfuseOnnx__TensorProto *shape = build_tensor(&b, NULL, DTYPE_BOOL, dims, (double[]){ 0, 0, 0, 0, 0, 0 });
    proto->n_dims = shape->n_dims;
    proto->dims = shape->dims;
    return proto;
}

static void add_sparse(BnfuseOnnx__SparseTensorProto *proto)
{
    BnfuseOnnx__GraphProto *graph = b.model->graph;
    BnfuseOnnx__SparseTensorProto **list = NEW_ARRAY(&b.arena, BnfuseOnnx__SparseTensorProto *, 16);
    if (!graph->sparse_initializer) graph->sparse_initializer = list;
    graph->sparse_initializer[graph->n_sparse_initializer++] = proto;
}

static void sparse_tensors_are_made_dense(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    add_sparse(sparse("linear", "2,3", "2", (double[]){ 1, 5 }));
    add_sparse(sparse("pairs", "2,3", "2,2", (double[]){ 0, 2, 1, 0 }));
    add_sparse(sparse("beyond", "2,3", "2", (double[]){ 1, 6 }));
    add_sparse(sparse("row_beyond", "2,3", "2,2", (double[]){ 0, 2, 2, 0 }));
    add_sparse(sparse("descending", "2,3", "2", (double[]){ 5, 1 }));
    add_sparse(sparse("negative", "2,3", "2", (double[]){ -1, 0 }));
    BnfuseOnnx__SparseTensorProto *narrow = sparse("narrow", "2,3", "2", (double[]){ 1, 5 });
    narrow->indices = build_tensor(&b, NULL, DTYPE_INT8, "2", (double[]){ 2, 3 });
    add_sparse(narrow);
    BnfuseOnnx__SparseTensorProto *real = sparse("real", "2,3", "2", (double[]){ 1, 5 });
    real->indices = build_tensor(&b, NULL, DTYPE_FLOAT, "2", (double[]){ 2, 3 });
    add_sparse(real);
    BnfuseOnnx__SparseTensorProto *huge = sparse("huge", "2,3", "2", (double[]){ 1, 5 });
    huge->dims[0] = 1LL << 40;
    add_sparse(huge);
    BnfuseOnnx__SparseTensorProto *minus = sparse("minus", "2,3", "2", (double[]){ 1, 5 });
    minus->dims[0] = -2;
    add_sparse(minus);
    BnfuseOnnx__SparseTensorProto *nibbles = sparse("nibbles", "2,3", "2", (double[]){ 1, 5 });
    nibbles->values = build_tensor(&b, "nibbles", DTYPE_INT4, "2", (double[]){ 1, 2 });
    add_sparse(nibbles);
    BnfuseOnnx__SparseTensorProto *cut = sparse("cut", "2,3", "2", (double[]){ 1, 5 });
    cut->values->raw_data.len--;
    add_sparse(cut);
    BnfuseOnnx__NodeProto *node = build_node(&b, "Constant", NULL, NULL, "literal", "sparse_value=1");
    node->attribute[0]->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR;
    node->attribute[0]->sparse_tensor = sparse(NULL, "4", "2,1", (double[]){ 0, 3 });
    build_load(&b, &model, &net);
    assert_constant("linear", DTYPE_FLOAT, "2,3", (double[]){ 0, 5, 0, 0, 0, 7 });
    assert_constant("pairs", DTYPE_FLOAT, "2,3", (double[]){ 0, 0, 5, 7, 0, 0 });
    assert_constant("literal", DTYPE_FLOAT, "4", (double[]){ 5, 0, 0, 7 });
    assert_constant("narrow", DTYPE_FLOAT, "2,3", (double[]){ 0, 0, 5, 7, 0, 0 });
    assert_null(constant("real"));
    assert_null(constant("beyond"));
    assert_null(constant("row_beyond"));
    assert_null(constant("descending"));
    assert_null(constant("negative"));
    assert_null(constant("huge"));
    assert_null(constant("minus"));
    assert_null(constant("nibbles"));
    assert_null(constant("cut"));
}

/* Values and indices of other ranks or counts than the dims want. */
static void sparse_tensors_whose_parts_do_not_fit_are_none(void **state)
{
    static const struct {
        const char *name, *value_dims, *index_dims;
        double indices[6];
    } cases[] = {
        { "values_of_rank_2", "2,1", "2", { 1, 5 } },
        { "indices_of_rank_3", "2", "2,1,1", { 1, 5 } },
        { "scalar_index", "2", "", { 1 } },
        { "an_index_more", "2", "3", { 1, 2, 5 } },
        { "a_row_of_three", "2", "2,3", { 0, 0, 0, 1, 1, 1 } },
        { "row_before_the_first", "2", "2,2", { 0, -1, 1, 1 } },
    };
    (void)state;
    build_open(&b, 8, 13);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BnfuseOnnx__SparseTensorProto *proto = sparse(cases[i].name, "2,3", cases[i].index_dims, cases[i].indices);
        proto->values = build_tensor(&b, cases[i].name, DTYPE_FLOAT, cases[i].value_dims, (double[]){ 5, 7 });
        add_sparse(proto);
    }
    BnfuseOnnx__SparseTensorProto *vast = sparse("vast", "2,3", "2", (double[]){ 1, 5 });
    vast->dims[0] = vast->dims[1] = INT64_C(1) << 40;
    add_sparse(vast);
    BnfuseOnnx__SparseTensorProto *deep = sparse("deep", "2,3", "2", (double[]){ 1, 5 });
    deep->n_dims = 40;
    deep->dims = NEW_ARRAY(&b.arena, int64_t, deep->n_dims);
    add_sparse(deep);
    static const char *const incomplete[] = { "no_values", "no_indices" };
    for (int i = 0; i < 2; i++) {
        BnfuseOnnx__NodeProto *node = build_node(&b, "Constant", NULL, NULL, incomplete[i], "sparse_value=1");
        BnfuseOnnx__SparseTensorProto *proto = sparse(NULL, "4", "2,1", (double[]){ 0, 3 });
        *(i ? &proto->indices : &proto->values) = NULL;
        node->attribute[0]->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR;
        node->attribute[0]->sparse_tensor = proto;
    }
    build_load(&b, &model, &net);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_null(constant(cases[i].name));
    for (int i = 0; i < 2; i++) assert_null(constant(incomplete[i]));
    assert_null(constant("vast"));
    assert_null(constant("deep"));
}

static const double six[] = { 1, 2, 3, 4, 5, 6 };

static void nodes_that_change_the_dims_only_are_seen_through(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_init_values(&b, "w", DTYPE_FLOAT, "2,1,3", six);
    build_init_values(&b, "to", DTYPE_INT64, "2", (double[]){ -1, 2 });
    build_init_values(&b, "keep", DTYPE_INT64, "3", (double[]){ 0, 3, -1 });
    build_init_values(&b, "one", DTYPE_INT64, "1", (double[]){ 1 });
    build_init_values(&b, "ends", DTYPE_INT64, "2", (double[]){ -1, 0 });
    build_node(&b, "Identity", NULL, "w", "same", NULL);
    build_node(&b, "Reshape", NULL, "same to", "r", NULL);
    build_node(&b, "Reshape", NULL, "w keep", "k", NULL);
    build_node(&b, "Squeeze", NULL, "w one", "s", NULL);
    build_node(&b, "Squeeze", NULL, "w", "all", NULL);
    build_node(&b, "Unsqueeze", NULL, "s ends", "u", NULL);
    build_node(&b, "Flatten", NULL, "w", "f", NULL);
    build_node(&b, "Flatten", NULL, "w", "f0", "axis=0");
    build_node(&b, "Flatten", NULL, "w", "f3", "axis=-1");
    build_node(&b, "Neg", NULL, "w", "n", NULL);
    build_node(&b, "Reshape", NULL, "n to", "m", NULL);
    build_load(&b, &model, &net);
    assert_ptr_equal(constant("same"), constant("w"));
    assert_constant("r", DTYPE_FLOAT, "3,2", six);
    assert_constant("k", DTYPE_FLOAT, "2,3,1", six);
    assert_constant("s", DTYPE_FLOAT, "2,3", six);
    assert_constant("all", DTYPE_FLOAT, "2,3", six);
    assert_constant("u", DTYPE_FLOAT, "1,2,3,1", six);
    assert_constant("f", DTYPE_FLOAT, "2,3", six);
    assert_constant("f0", DTYPE_FLOAT, "1,6", six);
    assert_constant("f3", DTYPE_FLOAT, "2,3", six);
    assert_null(constant("n"));
    assert_null(constant("m"));
    assert_ptr_equal(constant("r"), constant("r"));
}

static void axes_and_shapes_may_be_attributes_in_old_opsets(void **state)
{
    (void)state;
    build_open(&b, 3, 1);
    build_input(&b, "w", DTYPE_FLOAT, "2,1,3");
    build_init_values(&b, "w", DTYPE_FLOAT, "2,1,3", six);
    build_node(&b, "Reshape", NULL, "w", "r", "shape=3,-1");
    build_node(&b, "Squeeze", NULL, "w", "s", "axes=1,");
    build_node(&b, "Unsqueeze", NULL, "s", "u", "axes=0,3");
    build_load(&b, &model, &net);
    assert_constant("r", DTYPE_FLOAT, "3,2", six);
    assert_constant("s", DTYPE_FLOAT, "2,3", six);
    assert_constant("u", DTYPE_FLOAT, "1,2,3,1", six);
}

static void views_that_do_not_fit_are_not_constant(void **state)
{
    (void)state;
    build_open(&b, 8, 14);
    build_input(&b, "x", DTYPE_INT64, "1");
    build_init_values(&b, "w", DTYPE_FLOAT, "2,3", six);
    build_init_values(&b, "five", DTYPE_INT64, "1", (double[]){ 5 });
    build_init_values(&b, "open", DTYPE_INT64, "2", (double[]){ -1, -1 });
    build_init_values(&b, "rest", DTYPE_INT64, "2", (double[]){ -1, 4 });
    build_init_values(&b, "zero", DTYPE_INT64, "3", (double[]){ 6, 1, 0 });
    build_init_values(&b, "real", DTYPE_FLOAT, "1", (double[]){ 6 });
    build_init_values(&b, "first", DTYPE_INT64, "1", (double[]){ 0 });
    build_init_values(&b, "twice", DTYPE_INT64, "2", (double[]){ 0, -4 });
    build_init_values(&b, "none", DTYPE_FLOAT, "0,3", six);
    build_init_values(&b, "none_to", DTYPE_INT64, "2", (double[]){ 5, 0 });
    build_node(&b, "Reshape", NULL, "w five", "a", NULL);
    build_node(&b, "Reshape", NULL, "w open", "b", NULL);
    build_node(&b, "Reshape", NULL, "w rest", "c", NULL);
    build_node(&b, "Reshape", NULL, "w zero", "d", NULL);
    build_node(&b, "Reshape", NULL, "w real", "e", NULL);
    build_node(&b, "Reshape", NULL, "w x", "f", NULL);
    build_node(&b, "Squeeze", NULL, "w first", "g", NULL);
    build_node(&b, "Unsqueeze", NULL, "w", "h", NULL);
    build_node(&b, "Unsqueeze", NULL, "w twice", "i", NULL);
    build_node(&b, "Flatten", NULL, "w", "j", "axis=3");
    build_node(&b, "Reshape", NULL, "_ five", "k", NULL);
    build_node(&b, "Reshape", NULL, "none none_to", "l", "allowzero=1");
    build_load(&b, &model, &net);
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (constant(names[i])) fail_msg("%s", names[i]);
    assert_constant("l", DTYPE_FLOAT, "5,0", NULL);
}

static void a_view_follows_an_edit_of_what_it_views(void **state)
{
    (void)state;
    build_open(&b, 8, 14);
    build_init_values(&b, "w", DTYPE_FLOAT, "2,3", six);
    build_init_values(&b, "to", DTYPE_INT64, "1", (double[]){ 6 });
    build_node(&b, "Reshape", "r", "w to", "v", NULL);
    build_load(&b, &model, &net);
    assert_constant("v", DTYPE_FLOAT, "6", six);
    const double other[] = { 6, 5, 4, 3, 2, 1 };
    const int64_t dims[] = { 2, 3 };
    struct value *w = edit_add_initializer(net.main, "w", tensor_exact(&b.arena, DTYPE_FLOAT, 2, dims, other));
    edit_set_input(build_find_node(&net, "r"), 0, w);
    assert_constant("v", DTYPE_FLOAT, "6", other);
}

static void constants_of_outer_graphs_are_seen_from_bodies_and_parameters_are_not(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "c", DTYPE_BOOL, "");
    build_init_values(&b, "w", DTYPE_FLOAT, "6", six);
    build_node(&b, "Loop", NULL, "_ c w", "z", NULL);
    build_body(&b, "body");
    build_input(&b, "i", DTYPE_INT64, "");
    build_input(&b, "go", DTYPE_BOOL, "");
    build_input(&b, "carried", DTYPE_FLOAT, "6");
    build_init_values(&b, "carried", DTYPE_FLOAT, "6", six);
    build_node(&b, "Identity", NULL, "w", "seen", NULL);
    build_end(&b);
    build_function(&b, "local", "F", "a", "a", NULL);
    build_end(&b);
    build_load(&b, &model, &net);
    assert_constant("seen", DTYPE_FLOAT, "6", six);
    assert_null(constant("carried"));
    assert_null(constant("a"));
    net.freeze_weights = true;
    assert_null(constant("carried"));
}

static void a_constant_of_a_functions_parameter_is_not_constant(void **state)
{
    (void)state;
    build_open(&b, 10, 21);
    build_function(&b, "local", "F", "a", "k", "p");
    build_node(&b, "Constant", NULL, NULL, "k", "value_int=@p");
    build_node(&b, "Constant", NULL, NULL, "l", "value_ints=@p");
    build_end(&b);
    build_load(&b, &model, &net);
    assert_null(constant("k"));
    assert_null(constant("l"));
}

static void cycles_and_endless_chains_end(void **state)
{
    (void)state;
    char from[16], to[16];
    build_open(&b, 8, 13);
    build_init_values(&b, "w", DTYPE_FLOAT, "6", six);
    build_node(&b, "Identity", NULL, "q", "p", NULL);
    build_node(&b, "Identity", NULL, "p", "q", NULL);
    build_node(&b, "Reshape", NULL, "w p", "r", NULL);
    build_node(&b, "Identity", NULL, "w", "0", NULL);
    for (int i = 0; i < 1000; i++) {
        snprintf(from, sizeof from, "%d", i);
        snprintf(to, sizeof to, "%d", i + 1);
        build_node(&b, "Identity", NULL, from, to, NULL);
    }
    build_load(&b, &model, &net);
    assert_null(constant("p"));
    assert_null(constant("r"));
    assert_ptr_equal(constant("9"), constant("w"));
    assert_null(constant("1000"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, close_build)
    const struct CMUnitTest tests[] = {
        TEST(an_initializer_is_constant_unless_a_caller_can_replace_it),
        TEST(a_constant_node_is_constant_in_every_form),
        TEST(sparse_tensors_are_made_dense),
        TEST(sparse_tensors_whose_parts_do_not_fit_are_none),
        TEST(nodes_that_change_the_dims_only_are_seen_through),
        TEST(axes_and_shapes_may_be_attributes_in_old_opsets),
        TEST(views_that_do_not_fit_are_not_constant),
        TEST(a_view_follows_an_edit_of_what_it_views),
        TEST(constants_of_outer_graphs_are_seen_from_bodies_and_parameters_are_not),
        TEST(a_constant_of_a_functions_parameter_is_not_constant),
        TEST(cycles_and_endless_chains_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
