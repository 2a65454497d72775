/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes: values, defaults, wrong types, and references to parameters of a function. */
#include "build.h"
#include "onnx/graph/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void attributes_are_found_by_name_with_defaults_for_absent_ones(void **state)
{
    (void)state;
    struct build b;
    struct model model;
    struct net net;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "1,3,8,8");
    build_node(&b, "Thing", "t", "x", "y", "group=3 alpha=0.5 auto_pad=SAME_UPPER_16____ pads=1,2, scales=0.5,2.0");
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    build_load(&b, &model, &net);
    struct node *node = build_find_node(&net, "t");
    const int64_t *ints = NULL;
    const float *floats = NULL;
    assert_int_equal(node_int(node, "group", 1), 3);
    assert_int_equal(node_int(node, "axis", -1), -1);
    assert_true(node_float(node, "alpha", 1) == 0.5F);
    assert_true(node_float(node, "beta", 2) == 2);
    assert_string_equal(node_text(node, "auto_pad", "NOTSET"), "SAME_UPPER_16____");
    assert_string_equal(node_text(node, "mode", "constant"), "constant");
    assert_int_equal(node_ints(node, "pads", &ints), 2);
    assert_true(ints[0] == 1 && ints[1] == 2);
    assert_int_equal(node_ints(node, "strides", &ints), 0);
    assert_true(ints[0] == 1 && ints[1] == 2); /* the default of whoever asks stays */
    for (size_t i = 0; i < node->proto->n_attribute; i++)
        if (strcmp(node->proto->attribute[i]->name, "pads") == 0) node->proto->attribute[i]->n_ints = 0;
    assert_int_equal(node_ints(node, "pads", &ints), 0);
    assert_true(ints[0] == 1 && ints[1] == 2);
    assert_int_equal(node_floats(node, "scales", &floats), 2);
    assert_true(floats[1] == 2);
    assert_non_null(node_attribute(node, "pads"));
    assert_null(node_attribute(node, "strides"));
    assert_false(node_refers(node));
    build_close(&b);
}

static void an_attribute_of_another_type_counts_as_absent(void **state)
{
    (void)state;
    struct build b;
    struct model model;
    struct net net;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "1");
    build_node(&b, "Thing", "t", "x", "y", "a=3 b=0.5 c=text d=1,2");
    build_load(&b, &model, &net);
    struct node *node = build_find_node(&net, "t");
    const int64_t *ints = NULL;
    const float *floats = NULL;
    assert_int_equal(node_int(node, "b", 7), 7);
    assert_true(node_float(node, "a", 7) == 7);
    assert_null(node_text(node, "a", NULL));
    assert_int_equal(node_ints(node, "a", &ints), 0);
    assert_int_equal(node_floats(node, "d", &floats), 0);
    assert_int_equal(node_int(node, "c", 7), 7);
    build_close(&b);
}

static void in_a_file_without_types_the_field_decides(void **state)
{
    (void)state;
    struct build b;
    struct model model;
    struct net net;
    build_open(&b, 1, 1);
    build_input(&b, "x", DTYPE_FLOAT, "1");
    BnfuseOnnx__NodeProto *proto = build_node(&b, "Thing", "t", "x", "y", "a=3 s=text d=1,2 f=1.5");
    for (size_t i = 0; i < proto->n_attribute; i++) proto->attribute[i]->has_type = false;
    build_load(&b, &model, &net);
    struct node *node = build_find_node(&net, "t");
    const int64_t *ints = NULL;
    assert_int_equal(node_int(node, "a", 7), 3);
    assert_true(node_float(node, "a", 7) == 7);
    assert_string_equal(node_text(node, "s", ""), "text");
    assert_int_equal(node_ints(node, "d", &ints), 2);
    assert_true(node_float(node, "f", 0) == 1.5F);
    build_close(&b);
}

static void a_reference_is_absent_until_it_is_bound_to_a_call(void **state)
{
    (void)state;
    struct build b;
    struct model model;
    struct net net;
    build_open(&b, 10, 21);
    build_import(&b, "local", 1);
    build_input(&b, "x", DTYPE_FLOAT, "1");
    build_node(&b, "F", "call", "x", "y", "slope=0.25 kind=soft");
    build_output(&b, "y", DTYPE_FLOAT, "1");
    b.model->graph->node[0]->domain = (char *)"local";
    build_function(&b, "local", "F", "a", "r", "slope kind axis");
    build_import(&b, "", 21);
    build_node(&b, "Thing", "inner", "a", "r", "alpha=@slope mode=@kind axis=@axis group=2")->attribute[0]->type =
        BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    build_end(&b);
    build_load(&b, &model, &net);
    struct node *node = build_find_node(&net, "inner"), *call = build_find_node(&net, "call");
    assert_ptr_equal(call->function, node->graph);
    assert_true(node_refers(node));
    assert_true(node_float(node, "alpha", 9) == 9);
    assert_string_equal(node_text(node, "mode", "none"), "none");

    const struct node *bound = node_bound(node, call, &b.arena);
    assert_ptr_not_equal(bound, node);
    assert_true(node_float(bound, "alpha", 9) == 0.25F);
    assert_string_equal(node_text(bound, "mode", "none"), "soft");
    assert_int_equal(node_int(bound, "axis", 9), 9);
    assert_int_equal(node_int(bound, "group", 1), 2);
    assert_null(node_attribute(bound, "slope"));
    assert_ptr_equal(node_bound(call, call, &b.arena), call);
    build_close(&b);
}

static void a_function_default_holds_where_the_call_gives_nothing(void **state)
{
    (void)state;
    struct build b;
    struct model model;
    struct net net;
    build_open(&b, 10, 21);
    build_input(&b, "x", DTYPE_FLOAT, "1");
    build_node(&b, "Thing", "carrier", "x", "y", "axis=5");
    build_node(&b, "F", "call", "x", "z", NULL);
    b.model->graph->node[1]->domain = (char *)"local";
    build_function(&b, "local", "F", "a", "r", NULL);
    build_node(&b, "Thing", "inner", "a", "r", "axis=@axis");
    build_end(&b);
    b.model->functions[0]->n_attribute_proto = 1;
    b.model->functions[0]->attribute_proto = b.model->graph->node[0]->attribute;
    build_load(&b, &model, &net);
    const struct node *bound = node_bound(build_find_node(&net, "inner"), build_find_node(&net, "call"), &b.arena);
    assert_int_equal(node_int(bound, "axis", 9), 5);
    build_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_are_found_by_name_with_defaults_for_absent_ones),
        cmocka_unit_test(an_attribute_of_another_type_counts_as_absent),
        cmocka_unit_test(in_a_file_without_types_the_field_decides),
        cmocka_unit_test(a_reference_is_absent_until_it_is_bound_to_a_call),
        cmocka_unit_test(a_function_default_holds_where_the_call_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
