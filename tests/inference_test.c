/* SPDX-License-Identifier: Apache-2.0
 *
 * From training to inference mode on the user's word, in the way of each opset, and not where statistics are read. */
#include "build.h"
#include "onnx/graph/attr.h"
#include "passes/inference.h"
#include "passes/passes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* One BatchNormalization of 3 channels with these outputs and attributes. */
static void add_bn(struct build *b, int64_t opset, const char *outputs, const char *attributes)
{
    build_open(b, opset < 9 ? 3 : 8, opset);
    build_input(b, "x", DTYPE_FLOAT, "2,3,4,5");
    build_init(b, "s", DTYPE_FLOAT, "3", 1);
    build_init(b, "b", DTYPE_FLOAT, "3", 2);
    build_init(b, "m", DTYPE_FLOAT, "3", 3);
    build_init(b, "v", DTYPE_FLOAT, "3", 4);
    build_node(b, "BatchNormalization", "bn", "x s b m v", outputs, attributes);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

static void unread_statistics_go_with_training_mode(void **state)
{
    struct build b;
    struct model model;
    struct net net;
    (void)state;
    add_bn(&b, 15, "y mean var", "training_mode=1");
    build_load(&b, &model, &net);
    assume_inference(&net);
    struct node *bn = build_find_node(&net, "bn");
    assert_int_equal(node_int(bn, "training_mode", 0), 0);
    assert_int_equal(bn->output_count, 1);
    build_close(&b);
}

static void before_opset_14_one_output_means_inference(void **state)
{
    struct build b;
    struct model model;
    struct net net;
    (void)state;
    add_bn(&b, 9, "y mean var smean svar", NULL);
    build_load(&b, &model, &net);
    assume_inference(&net);
    assert_int_equal(build_find_node(&net, "bn")->output_count, 1);
    build_close(&b);
}

static void before_opset_7_is_test_says_so(void **state)
{
    struct build b;
    struct model model;
    struct net net;
    (void)state;
    add_bn(&b, 6, "y", NULL);
    build_load(&b, &model, &net);
    assume_inference(&net);
    assert_int_equal(node_int(build_find_node(&net, "bn"), "is_test", 0), 1);
    build_close(&b);
}

static void statistics_that_are_read_keep_it_training(void **state)
{
    struct build b;
    struct model model;
    struct net net;
    (void)state;
    add_bn(&b, 15, "y mean var", "training_mode=1");
    build_output(&b, "mean", DTYPE_FLOAT, NULL);
    build_load(&b, &model, &net);
    assume_inference(&net);
    struct node *bn = build_find_node(&net, "bn");
    assert_int_equal(node_int(bn, "training_mode", 0), 1);
    assert_int_equal(bn->output_count, 3);
    build_close(&b);
}

static void help_names_the_option_only_where_it_helps(void **state)
{
    static const struct bnfuse_fuse_options defaults = { .fold_limit = 1 << 28 };
    (void)state;
    for (int is_read = 0; is_read < 2; is_read++) {
        struct build b;
        struct model model;
        struct net net;
        struct pass_report report;
        struct bnfuse_error error;
        add_bn(&b, 15, "y mean var", "training_mode=1");
        if (is_read) build_output(&b, "mean", DTYPE_FLOAT, NULL);
        build_load(&b, &model, &net);
        assert_true(passes_run(&net, &defaults, &report, &error));
        const struct bnfuse_remark *remark = report.remarks[0];
        assert_int_equal(remark->code, REASON_TRAINING_MODE);
        if (is_read) assert_string_equal(remark->help, "export in inference mode");
        else assert_string_equal(remark->help, reason_find(REASON_TRAINING_MODE)->help);
        build_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unread_statistics_go_with_training_mode),
        cmocka_unit_test(before_opset_14_one_output_means_inference),
        cmocka_unit_test(before_opset_7_is_test_says_so),
        cmocka_unit_test(statistics_that_are_read_keep_it_training),
        cmocka_unit_test(help_names_the_option_only_where_it_helps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
