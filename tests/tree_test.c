/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees, linear models and what makes features for them, of ai.onnx.ml: small ones, worked out by hand. tests/fused.py
 * holds more of them against ONNX Runtime. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static void open_ml(struct trial *t, int64_t version)
{
    trial_open(t, 15);
    build_import(&t->build, "ai.onnx.ml", version);
}

static void add_ml(struct trial *t, const char *op, const char *inputs, const char *outputs, const char *attributes)
{
    build_node(&t->build, op, "ml", inputs, outputs, attributes)->domain =
        arena_copy_text(&t->build.arena, "ai.onnx.ml");
}

static void add_tensor(struct trial *t, const char *name, enum dtype type, const char *dims, const double *values)
{
    build_attribute_tensor(&t->build, name, build_tensor(&t->build, name, type, dims, values));
}

/* Feature 0 <= 1 leads to node 1, else to node 2; a stump a tree. */
#define STUMP                                                                                  \
    "nodes_treeids=0,0,0 nodes_nodeids=0,1,2 nodes_featureids=0,0,0 nodes_values=1.0,0.0,0.0 " \
    "nodes_modes=|BRANCH_LEQ|LEAF|LEAF nodes_truenodeids=1,0,0 nodes_falsenodeids=2,0,0 "

static void a_tree_regresses(void **state)
{
    static const double x[] = { 0.5, 1, 2, NAN };
    struct trial t;
    (void)state;
    open_ml(&t, 3);
    trial_input(&t, "x", DTYPE_FLOAT, "4,1", x);
    add_ml(&t, "TreeEnsembleRegressor", "x", "y",
           STUMP "target_treeids=0,0 target_nodeids=1,2 target_ids=0,0 target_weights=3.0,5.0 base_values=0.5,");
    add_ml(&t, "TreeEnsembleRegressor", "x", "z",
           STUMP "nodes_missing_value_tracks_true=1,0,0 target_treeids=0,0,0 target_nodeids=1,2,2 target_ids=0,1,0 "
                 "target_weights=3.0,5.0,7.0 n_targets=2 aggregate_function=MAX");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "4,1", (double[]){ 3.5, 3.5, 5.5, 5.5 });
    trial_expect(&t, "z", DTYPE_FLOAT, "4,2", (double[]){ 3, 0, 3, 0, 7, 5, 3, 0 });
    trial_close(&t);
}

static void a_tree_classifies(void **state)
{
    struct trial t;
    (void)state;
    open_ml(&t, 1);
    trial_input(&t, "x", DTYPE_FLOAT, "2,1", (double[]){ 0, 2 });
    add_ml(&t, "TreeEnsembleClassifier", "x", "label scores",
           STUMP "class_treeids=0,0,0 class_nodeids=1,2,2 class_ids=0,1,2 class_weights=1.0,0.25,0.75 "
                 "classlabels_strings=|a|b|c");
    add_ml(&t, "TreeEnsembleClassifier", "x", "binary both",
           STUMP "class_treeids=0,0 class_nodeids=1,2 class_ids=0,0 class_weights=0.25,0.75 classlabels_int64s=4,8");
    add_ml(&t, "TreeEnsembleClassifier", "x", "margin shares",
           STUMP "class_treeids=0,0 class_nodeids=1,2 class_ids=0,0 class_weights=-1.0,2.0 classlabels_int64s=4,8 "
                 "post_transform=LOGISTIC");
    trial_run(&t, "label scores binary both margin shares");
    trial_expect_text(&t, "label", "2", (const char *[]){ "a", "c" });
    trial_expect(&t, "scores", DTYPE_FLOAT, "2,3", (double[]){ 1, 0, 0, 0, 0.25, 0.75 });
    trial_expect(&t, "binary", DTYPE_INT64, "2", (double[]){ 4, 8 });
    trial_expect(&t, "both", DTYPE_FLOAT, "2,2", (double[]){ 0.75, 0.25, 0.25, 0.75 });
    trial_expect(&t, "margin", DTYPE_INT64, "2", (double[]){ 4, 8 });
    trial_expect(&t, "shares", DTYPE_FLOAT, "2,2",
                 (double[]){ 1 / (1 + exp(-1)), 1 / (1 + exp(1)), 1 / (1 + exp(2)), 1 / (1 + exp(-2)) });
    trial_close(&t);
}

static void an_ensemble_asks_for_members(void **state)
{
    struct trial t;
    (void)state;
    open_ml(&t, 5);
    trial_input(&t, "x", DTYPE_FLOAT, "3,2", (double[]){ 1, 0, 3, 0, 2, 9 });
    add_ml(&t, "TreeEnsemble", "x", "y",
           "tree_roots=0, nodes_featureids=0,1 nodes_truenodeids=0,1 nodes_trueleafs=1,1 nodes_falsenodeids=1,2 "
           "nodes_falseleafs=0,1 leaf_targetids=0,0,0");
    add_tensor(&t, "nodes_modes", DTYPE_UINT8, "2", (double[]){ 6, 3 }); /* a member; greater than */
    add_tensor(&t, "nodes_splits", DTYPE_FLOAT, "2", (double[]){ 0, 5 });
    add_tensor(&t, "membership_values", DTYPE_FLOAT, "3", (double[]){ 1, 3, NAN });
    add_tensor(&t, "leaf_weights", DTYPE_FLOAT, "3", (double[]){ 10, 20, 30 });
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "3,1", (double[]){ 10, 10, 20 });
    trial_close(&t);
}

static void refuse(int64_t version, const char *op, const char *attributes, const char *part)
{
    struct trial t;
    open_ml(&t, version);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1", (double[]){ 0 });
    add_ml(&t, op, "x", "y", attributes);
    trial_fails(&t, "y", part);
    trial_close(&t);
}

static void trees_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    refuse(1, "TreeEnsembleRegressor",
           "nodes_treeids=0,0 nodes_nodeids=0,1 nodes_featureids=0,0 nodes_values=1.0,0.0 nodes_modes=|BRANCH_LEQ|LEAF "
           "nodes_truenodeids=1,0 nodes_falsenodeids=7,0 target_treeids=0, target_nodeids=1, target_ids=0, "
           "target_weights=1.0,",
           "leads nowhere");
    refuse(1, "TreeEnsembleRegressor",
           "nodes_treeids=0,0,0 nodes_nodeids=0,1,2 nodes_featureids=0,0,0 nodes_values=1.0,1.0,1.0 "
           "nodes_modes=|BRANCH_LEQ|BRANCH_LEQ|BRANCH_LEQ nodes_truenodeids=1,2,1 nodes_falsenodeids=1,2,1 "
           "target_treeids=0, target_nodeids=1, target_ids=0, target_weights=1.0,",
           "round in a circle");
    refuse(1, "TreeEnsembleRegressor", STUMP "target_treeids=0, target_nodeids=1, target_ids=3, target_weights=1.0,",
           "target 3 of 1");
}

static void sums_of_products(void **state)
{
    struct trial t;
    (void)state;
    open_ml(&t, 1);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, -1, 0 });
    add_ml(&t, "LinearRegressor", "x", "y", "targets=2 coefficients=1.0,2.0,0.5,-1.0 intercepts=0.0,3.0");
    add_ml(&t, "LinearClassifier", "x", "label scores",
           "coefficients=1.0,0.0,-1.0,0.0 intercepts=0.0,0.0 classlabels_ints=7,9 post_transform=SOFTMAX");
    add_ml(&t, "SVMRegressor", "x", "z",
           "kernel_type=RBF kernel_params=0.5,0.0,3.0 n_supports=2 coefficients=2.0,-1.0 "
           "support_vectors=1.0,2.0,-1.0,2.0 rho=0.25,");
    trial_run(&t, "y label scores z");
    double half = 1 / (1 + exp(-2));
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2", (double[]){ 5, 1.5, -1, 2.5 });
    trial_expect(&t, "label", DTYPE_INT64, "2", (double[]){ 7, 9 });
    trial_expect(&t, "scores", DTYPE_FLOAT, "2,2", (double[]){ half, 1 - half, 1 - half, half });
    trial_expect(&t, "z", DTYPE_FLOAT, "2,1", (double[]){ 2 - exp(-2) + 0.25, 2 * exp(-4) - exp(-2) + 0.25 });
    trial_close(&t);
}

static void features_are_made(void **state)
{
    struct trial t;
    (void)state;
    open_ml(&t, 1);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2", (double[]){ 3, 4, 0, -1 });
    trial_input(&t, "n", DTYPE_INT64, "2,2", (double[]){ 5, 2, 2, 7 });
    trial_text(&t, "s", "2", (const char *[]){ "b", "z" });
    add_ml(&t, "Normalizer", "x", "l2", "norm=L2");
    add_ml(&t, "Normalizer", "x", "l1", "norm=L1");
    add_ml(&t, "Normalizer", "x", "most", NULL);
    add_ml(&t, "Imputer", "n", "filled", "imputed_value_int64s=10,20 replaced_value_int64=2");
    add_ml(&t, "Imputer", "x", "refilled", "imputed_value_floats=9.0, replaced_value_float=4.0");
    add_ml(&t, "OneHotEncoder", "n", "hot", "cats_int64s=2,5");
    add_ml(&t, "OneHotEncoder", "s", "text", "cats_strings=|a|b");
    add_ml(&t, "FeatureVectorizer", "x n", "wide", "inputdimensions=2,3");
    trial_run(&t, "l2 l1 most filled refilled hot text wide");
    trial_expect(&t, "l2", DTYPE_FLOAT, "2,2", (double[]){ 0.6, 0.8, 0, -1 });
    trial_expect(&t, "l1", DTYPE_FLOAT, "2,2", (double[]){ 3.0 / 7, 4.0 / 7, 0, -1 });
    trial_expect(&t, "most", DTYPE_FLOAT, "2,2", (double[]){ 0.75, 1, 0, -1 });
    trial_expect(&t, "filled", DTYPE_INT64, "2,2", (double[]){ 5, 20, 10, 7 });
    trial_expect(&t, "refilled", DTYPE_FLOAT, "2,2", (double[]){ 3, 9, 0, -1 });
    trial_expect(&t, "hot", DTYPE_FLOAT, "2,2,2", (double[]){ 0, 1, 1, 0, 1, 0, 0, 0 });
    trial_expect(&t, "text", DTYPE_FLOAT, "2,2", (double[]){ 0, 1, 0, 0 });
    trial_expect(&t, "wide", DTYPE_FLOAT, "2,5", (double[]){ 3, 4, 5, 2, 0, 0, -1, 2, 7, 0 });
    trial_close(&t);
}

/* Kernels: the products of x with 1 and -1; classes 3 and 4 differ by 2x + 0.5. */
static void vectors_vote_for_classes(void **state)
{
    static const double x[] = { 1, -1 };
    struct trial t;
    (void)state;
    open_ml(&t, 1);
    trial_input(&t, "x", DTYPE_FLOAT, "2,1", x);
    add_ml(&t, "SVMClassifier", "x", "label margin",
           "coefficients=1.0,-1.0 support_vectors=1.0,-1.0 vectors_per_class=1,1 rho=0.5, classlabels_ints=3,4");
    trial_input(&t, "one", DTYPE_FLOAT, "1,1", x);
    add_ml(&t, "SVMClassifier", "one", "text share",
           "coefficients=1.0,-1.0 support_vectors=1.0,-1.0 vectors_per_class=1,1 rho=0.5, prob_a=-0.2, prob_b=0.5, "
           "classlabels_strings=|a|b");
    add_ml(&t, "SVMClassifier", "x", "most scores", "coefficients=1.0,-1.0,0.0 rho=0.5, classlabels_ints=7,8,9");
    trial_run(&t, "label margin text share most scores");
    trial_expect(&t, "label", DTYPE_INT64, "2", (double[]){ 3, 4 });
    trial_expect(&t, "margin", DTYPE_FLOAT, "2,2", (double[]){ -2.5, 2.5, 1.5, -1.5 });
    trial_expect_text(&t, "text", "1", (const char *const[]){ "a" });
    trial_expect(&t, "share", DTYPE_FLOAT, "1,2", (double[]){ 0.5, 0.5 });
    trial_expect(&t, "most", DTYPE_INT64, "2", (double[]){ 7, 8 });
    trial_expect(&t, "scores", DTYPE_FLOAT, "2,3", (double[]){ 1.5, -0.5, 0.5, -0.5, 1.5, 0.5 });
    trial_close(&t);
}

static void pairs_need_all_their_numbers(void **state)
{
    static const char *const lies[] = {
        "coefficients=1.0,-1.0 support_vectors=1.0,-1.0 vectors_per_class=1,2 rho=0.5, classlabels_ints=3,4",
        "coefficients=1.0,-1.0 support_vectors=1.0,-1.0 vectors_per_class=-1,3 rho=0.5, classlabels_ints=3,4",
        "coefficients=1.0,-1.0 support_vectors=1.0,-1.0 vectors_per_class=1,1 rho=0.5,0.5 classlabels_ints=3,4",
        "coefficients=1.0,-1.0 support_vectors=1.0,-1.0 vectors_per_class=1,1 rho=0.5, prob_a=1.0, "
        "classlabels_ints=3,4",
        "coefficients=1.0,-1.0 support_vectors=1.0,-1.0 vectors_per_class=2, rho=0.5, classlabels_ints=3,4",
        "coefficients=1.0, support_vectors=1.0,-1.0 vectors_per_class=1,1 rho=0.5, classlabels_ints=3,4",
        "coefficients=1.0,-1.0 rho=0.5,",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct trial t;
        open_ml(&t, 1);
        trial_input(&t, "x", DTYPE_FLOAT, "2,1", (double[]){ 1, -1 });
        add_ml(&t, "SVMClassifier", "x", "y z", lies[i]);
        trial_fails(&t, "y", "ml");
        trial_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_regresses),
        cmocka_unit_test(a_tree_classifies),
        cmocka_unit_test(an_ensemble_asks_for_members),
        cmocka_unit_test(trees_that_lead_nowhere_are_refused),
        cmocka_unit_test(sums_of_products),
        cmocka_unit_test(vectors_vote_for_classes),
        cmocka_unit_test(pairs_need_all_their_numbers),
        cmocka_unit_test(features_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
