/* SPDX-License-Identifier: Apache-2.0
 *
 * Which constants are sizes, whatever way they take to the operator that they steer. */
#include "build.h"
#include "check/sizes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct build b;
static struct model model;
static struct net net;

static int open_build(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "1,2,3,4");
    build_init_values(&b, "w", DTYPE_FLOAT, "1,2,1,1", (double[]){ 0.3, 0.7 });
    build_init_values(&b, "twice", DTYPE_FLOAT, "4", (double[]){ 1, 1, 2, 2 });
    return 0;
}

static int close_build(void **state)
{
    (void)state;
    build_close(&b);
    return 0;
}

static bool is_size(const char *name)
{
    return pointer_map_get(sizes_find(&net, &b.arena), build_find_value(&net, name)) != NULL;
}

static void load(const char *output)
{
    if (output) build_output(&b, output, DTYPE_FLOAT, NULL);
    build_load(&b, &model, &net);
}

static void scales_are_sizes_and_what_they_scale_is_not(void **state)
{
    (void)state;
    build_node(&b, "Mul", "mul", "x w", "y", NULL);
    build_node(&b, "Resize", "resize", "y _ twice", "z", NULL);
    load("z");
    assert_true(is_size("twice"));
    assert_false(is_size("w"));
    assert_false(is_size("y"));
}

static void a_size_is_followed_through_what_computes_it(void **state)
{
    (void)state;
    build_init_values(&b, "half", DTYPE_FLOAT, "", (double[]){ 0.5 });
    build_node(&b, "Constant", "k", NULL, "one", "value_float=1.0");
    build_node(&b, "Mul", "mul", "twice half", "once", NULL);
    build_node(&b, "Add", "add", "once one", "again", NULL);
    build_node(&b, "Cast", "cast", "again", "whole", "to=7");
    build_node(&b, "Tile", "tile", "x whole", "y", NULL);
    load("y");
    assert_true(is_size("half"));
    assert_true(is_size("one"));
}

/* An index that a net finds by its weights leaves the weights what they are. */
static void a_decision_of_the_net_makes_no_size_of_its_weights(void **state)
{
    (void)state;
    build_node(&b, "Mul", "mul", "x w", "y", NULL);
    build_node(&b, "ArgMax", "best", "y", "i", "axis=1");
    build_node(&b, "Gather", "gather", "x i", "z", "axis=1");
    load("z");
    assert_true(is_size("i"));
    assert_false(is_size("w"));
}

static void a_size_is_found_out_of_a_body(void **state)
{
    (void)state;
    build_init_values(&b, "times", DTYPE_INT64, "", (double[]){ 2 });
    build_init_values(&b, "yes", DTYPE_BOOL, "", (double[]){ 1 });
    build_node(&b, "Loop", "loop", "times yes x twice", "y grown", NULL);
    build_body(&b, "body");
    build_input(&b, "i", DTYPE_INT64, "");
    build_input(&b, "go", DTYPE_BOOL, "");
    build_input(&b, "a", DTYPE_FLOAT, NULL);
    build_input(&b, "by", DTYPE_FLOAT, "4");
    build_init_values(&b, "root", DTYPE_FLOAT, "4", (double[]){ 1, 1, 0.5, 0.5 });
    build_node(&b, "Identity", "stay", "go", "on", NULL);
    build_node(&b, "Resize", "resize", "a _ by", "c", NULL);
    build_node(&b, "Pow", "pow", "by root", "next", NULL);
    build_output(&b, "on", DTYPE_BOOL, "");
    build_output(&b, "c", DTYPE_FLOAT, NULL);
    build_output(&b, "next", DTYPE_FLOAT, "4");
    build_end(&b);
    load("y");
    assert_true(is_size("twice"));
    assert_true(is_size("root"));
    assert_false(is_size("w"));
}

static void a_size_is_found_into_a_function_and_out_of_it(void **state)
{
    (void)state;
    build_import(&b, "local", 1);
    build_init_values(&b, "two", DTYPE_FLOAT, "", (double[]){ 2 });
    build_node(&b, "Grow", "grow", "x twice", "y", NULL)->domain = (char *)"local";
    build_node(&b, "Half", "halve", "two", "one", NULL)->domain = (char *)"local";
    build_node(&b, "Range", "range", "two two one", "r", NULL);
    build_output(&b, "r", DTYPE_FLOAT, NULL);
    build_function(&b, "local", "Grow", "a by", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Resize", "resize", "a _ by", "r", NULL);
    build_end(&b);
    build_function(&b, "local", "Half", "a", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Constant", "k", NULL, "half", "value_float=0.5");
    build_node(&b, "Mul", "mul", "a half", "r", NULL);
    build_end(&b);
    load("y");
    assert_true(is_size("twice"));
    assert_non_null(pointer_map_get(sizes_find(&net, &b.arena), graph_value(net.functions[1], "half")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_build, close_build)
        TEST(scales_are_sizes_and_what_they_scale_is_not),        TEST(a_size_is_followed_through_what_computes_it),
        TEST(a_decision_of_the_net_makes_no_size_of_its_weights), TEST(a_size_is_found_out_of_a_body),
        TEST(a_size_is_found_into_a_function_and_out_of_it),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
