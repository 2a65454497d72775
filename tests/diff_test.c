/* SPDX-License-Identifier: Apache-2.0
 *
 * diff: nothing between a model and itself, what was renamed, what was changed, what a fold did. */
#include "build.h"
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct build first, second;

static int open_builds(void **state)
{
    (void)state;
    build_open(&first, 8, 13);
    build_open(&second, 8, 13);
    return 0;
}

static int close_builds(void **state)
{
    (void)state;
    build_close(&first);
    build_close(&second);
    return 0;
}

/* Two Convs and a Relu between; `prefix` stands before every name but those of input and output. */
static void build_net(struct build *b, const char *prefix, uint64_t seed, const char *attributes)
{
    char text[6][64];
    snprintf(text[0], sizeof text[0], "%sw", prefix);
    snprintf(text[1], sizeof text[1], "%su", prefix);
    build_input(b, "x", DTYPE_FLOAT, "1,3,6,5");
    build_init(b, text[0], DTYPE_FLOAT, "3,3,3,3", seed);
    build_init(b, text[1], DTYPE_FLOAT, "4,3,1,1", 2);
    snprintf(text[2], sizeof text[2], "x %sw", prefix);
    snprintf(text[3], sizeof text[3], "%sa", prefix);
    build_node(b, "Conv", NULL, text[2], text[3], attributes);
    snprintf(text[4], sizeof text[4], "%sb", prefix);
    build_node(b, "Relu", NULL, text[3], text[4], NULL);
    snprintf(text[5], sizeof text[5], "%sb %su", prefix, prefix);
    build_node(b, "Conv", NULL, text[5], "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, "1,4,4,3");
}

static bnfuse_model *opened(struct build *b, const char *name)
{
    size_t size;
    const void *bytes = build_bytes(b, &size);
    bnfuse_error error = { .message = "" };
    bnfuse_model *model = read_named(name, bytes, size, 0, &error);
    if (!model) fail_msg("%s", error.message);
    return model;
}

/* How many changes of this kind and subject; -1 in place of a kind or subject: any. */
static size_t count(const bnfuse_changes *changes, int kind, int subject)
{
    size_t found = 0;
    for (size_t i = 0; i < changes->count; i++)
        found += (kind < 0 || (int)changes->changes[i]->kind == kind)
                 && (subject < 0 || (int)changes->changes[i]->subject == subject);
    return found;
}

static const bnfuse_change *change_of(const bnfuse_changes *changes, const char *name)
{
    for (size_t i = 0; i < changes->count; i++)
        if (strcmp(changes->changes[i]->name, name) == 0) return changes->changes[i];
    fail_msg("no change of \"%s\"", name);
    return NULL;
}

static void with_changes(void (*look)(const bnfuse_changes *changes))
{
    bnfuse_error error = { .message = "" };
    bnfuse_model *a = opened(&first, "a.onnx"), *b = opened(&second, "b.onnx");
    const bnfuse_changes *changes = bnfuse_diff(a, b, &error);
    if (!changes) fail_msg("%s", error.message);
    look(changes);
    bnfuse_free(b);
    bnfuse_free(a);
}

static void look_for_none(const bnfuse_changes *changes)
{
    assert_int_equal(changes->count, 0);
}

static void a_model_has_no_difference_from_itself(void **state)
{
    (void)state;
    build_net(&first, "", 1, NULL);
    build_net(&second, "", 1, NULL);
    with_changes(look_for_none);
}

static void look_for_renamed(const bnfuse_changes *changes)
{
    assert_true(changes->count > 0);
    assert_int_equal(count(changes, BNFUSE_CHANGE_RENAMED, -1), changes->count);
    assert_int_equal(count(changes, -1, BNFUSE_SUBJECT_TENSOR), 2);
    assert_string_equal(change_of(changes, "new_w")->other, "w");
}

static void other_names_are_renamed_and_nothing_else(void **state)
{
    (void)state;
    build_net(&first, "", 1, NULL);
    build_net(&second, "new_", 1, NULL);
    with_changes(look_for_renamed);
}

static void look_for_weight(const bnfuse_changes *changes)
{
    assert_int_equal(changes->count, 1);
    const bnfuse_change *change = change_of(changes, "w");
    assert_int_equal(change->kind, BNFUSE_CHANGE_CHANGED);
    assert_int_equal(change->subject, BNFUSE_SUBJECT_TENSOR);
    assert_non_null(strstr(change->detail, "81 of 81 elements"));
}

static void another_weight_is_one_change(void **state)
{
    (void)state;
    build_net(&first, "", 1, NULL);
    build_net(&second, "", 5, NULL);
    with_changes(look_for_weight);
}

static void look_for_weight_and_names(const bnfuse_changes *changes)
{
    assert_int_equal(count(changes, BNFUSE_CHANGE_CHANGED, BNFUSE_SUBJECT_TENSOR), 1);
    assert_string_equal(change_of(changes, "new_w")->other, "w");
    assert_int_equal(count(changes, BNFUSE_CHANGE_ADDED, -1), 0);
    assert_int_equal(count(changes, BNFUSE_CHANGE_REMOVED, -1), 0);
}

static void another_weight_under_other_names_is_found_from_its_place(void **state)
{
    (void)state;
    build_net(&first, "", 1, NULL);
    build_net(&second, "new_", 5, NULL);
    with_changes(look_for_weight_and_names);
}

static void look_for_attribute(const bnfuse_changes *changes)
{
    assert_int_equal(count(changes, -1, BNFUSE_SUBJECT_NODE), 1);
    assert_non_null(strstr(change_of(changes, "a")->detail, "attribute group changed"));
}

static void an_attribute_is_named(void **state)
{
    (void)state;
    build_net(&first, "", 1, "group=1");
    build_net(&second, "", 1, "group=2");
    with_changes(look_for_attribute);
}

/* More nodes read one value in one way than anyone looks at. */
static void nodes_that_are_equal_are_told_by_their_names(void **state)
{
    (void)state;
    enum { NODES = 400 };
    struct build *const builds[] = { &first, &second };
    for (size_t k = 0; k < 2; k++) {
        build_input(builds[k], "x", DTYPE_FLOAT, "1,4");
        for (int i = 0; i < NODES; i++) {
            char name[20];
            snprintf(name, sizeof name, "y%d", i);
            build_node(builds[k], "Relu", NULL, "x", name, NULL);
            build_output(builds[k], name, DTYPE_FLOAT, "1,4");
        }
    }
    with_changes(look_for_none);
}

static void look_for_added_node(const bnfuse_changes *changes)
{
    assert_int_equal(count(changes, BNFUSE_CHANGE_ADDED, BNFUSE_SUBJECT_NODE), 1);
    assert_string_equal(change_of(changes, "extra")->op, "Neg");
    assert_int_equal(count(changes, BNFUSE_CHANGE_ADDED, BNFUSE_SUBJECT_OUTPUT), 1);
    assert_int_equal(changes->count, 2);
}

static void what_is_new_is_added(void **state)
{
    (void)state;
    build_net(&first, "", 1, NULL);
    build_net(&second, "", 1, NULL);
    build_node(&second, "Neg", "extra", "y", "z", NULL);
    build_output(&second, "z", DTYPE_FLOAT, "1,4,4,3");
    with_changes(look_for_added_node);
}

static void look_for_opset(const bnfuse_changes *changes)
{
    assert_int_equal(count(changes, BNFUSE_CHANGE_CHANGED, BNFUSE_SUBJECT_MODEL), 1);
    assert_string_equal(change_of(changes, "opset_import")->detail, "\"ai.onnx 13\" -> \"ai.onnx 12\"");
}

static void another_opset_is_a_change_of_the_model(void **state)
{
    (void)state;
    build_close(&second);
    build_open(&second, 8, 12);
    build_net(&first, "", 1, NULL);
    build_net(&second, "", 1, NULL);
    with_changes(look_for_opset);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_builds, close_builds)
    const struct CMUnitTest tests[] = {
        TEST(a_model_has_no_difference_from_itself),
        TEST(nodes_that_are_equal_are_told_by_their_names),
        TEST(other_names_are_renamed_and_nothing_else),
        TEST(another_weight_is_one_change),
        TEST(another_weight_under_other_names_is_found_from_its_place),
        TEST(an_attribute_is_named),
        TEST(what_is_new_is_added),
        TEST(another_opset_is_a_change_of_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
