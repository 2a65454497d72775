/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees of ai.onnx.ml: TreeEnsemble, TreeEnsembleRegressor, TreeEnsembleClassifier. All three become one list of nodes
 * and one of leaves; a row of the input goes down every tree, and the weights of the leaves it comes to are put
 * together. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/kernel.h"
#include "runtime/ops/ml.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum mode { LEQ, LT, GTE, GT, EQ, NEQ, MEMBER, LEAF };

/* Where to go on: a node, or of a TreeEnsemble a leaf, which is -1 - its number. */
struct tree_node {
    int64_t tree, id, feature;
    double split;
    enum mode mode;
    bool missing; /* NaN goes the way of true */
    int64_t yes, no;
    int64_t first_member, member_count; /* MEMBER: of the set */
};

struct weight {
    int64_t node; /* whose leaf it belongs to; of a TreeEnsemble the leaf's number */
    int64_t target;
    double weight;
};

struct forest {
    struct tree_node *nodes;
    struct weight *weights; /* those of a node are side by side */
    size_t node_count, weight_count, root_count;
    int64_t *roots;
    double *members;
    int64_t targets;
    enum aggregate { AVERAGE, SUM, MIN, MAX } aggregate;
    const float *base;
    size_t base_count;
};

/* ---- attributes ---- */

/* A list of reals that is an attribute of floats or, under another name, a tensor; NULL with 0 where it is neither. */
static bool read_reals(struct call *call, const char *list, const char *tensor, double **values, size_t *count)
{
    const BnfuseOnnx__AttributeProto *given = tensor ? node_attribute(call->node, tensor) : NULL;
    const float *floats = NULL;
    struct array *array = NULL;
    *count = list ? node_floats(call->node, list, &floats) : 0;
    if (given && given->t && !run_load(call->run, tensor, given->t, &array, call->error)) return false;
    if (array && (is_real(array) || is_whole(array))) *count = (size_t)array->count;
    else if (array) return call_fail(call, "needs numbers as %s", tensor);
    *values = NEW_ARRAY(call->scratch, double, *count);
    for (size_t i = 0; i < *count; i++) (*values)[i] = array ? element_real(array, (int64_t)i) : (double)floats[i];
    array_drop(array);
    return true;
}

static bool read_list(struct call *call, const char *name, size_t count, const int64_t **list)
{
    size_t found = node_ints(call->node, name, list);
    return found == count || call_fail(call, "has %zu numbers in %s, not %zu", found, name, count);
}

static bool read_aggregate(struct call *call, int64_t number, struct forest *f)
{
    static const char *const names[] = { "AVERAGE", "SUM", "MIN", "MAX" };
    const char *name = node_text(call->node, "aggregate_function", NULL);
    for (int i = AVERAGE; name && i <= MAX; i++)
        if (strcmp(name, names[i]) == 0) number = i;
    f->aggregate = (enum aggregate)number;
    return (number >= AVERAGE && number <= MAX) || call_fail(call, "has an unknown aggregate_function");
}

/* ---- TreeEnsemble ---- */

/* Sets of members stand one after the other, each ended by NaN, in the order of the nodes that ask for them. */
static bool share_members(struct call *call, struct forest *f, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < f->node_count; i++) {
        struct tree_node *node = &f->nodes[i];
        if (node->mode != MEMBER) continue;
        node->first_member = (int64_t)at;
        while (at < count && !isnan(f->members[at])) at++;
        node->member_count = (int64_t)at - node->first_member;
        if (at++ >= count) return call_fail(call, "has fewer sets of members than nodes that ask for one");
    }
    return true;
}

static bool read_links(struct call *call, struct forest *f, size_t leaves)
{
    const int64_t *yes, *no, *yes_leaf, *no_leaf;
    if (!read_list(call, "nodes_truenodeids", f->node_count, &yes)
        || !read_list(call, "nodes_falsenodeids", f->node_count, &no)
        || !read_list(call, "nodes_trueleafs", f->node_count, &yes_leaf)
        || !read_list(call, "nodes_falseleafs", f->node_count, &no_leaf))
        return false;
    for (size_t i = 0; i < f->node_count; i++) {
        int64_t most_yes = (int64_t)(yes_leaf[i] ? leaves : f->node_count);
        int64_t most_no = (int64_t)(no_leaf[i] ? leaves : f->node_count);
        if (yes[i] < 0 || yes[i] >= most_yes || no[i] < 0 || no[i] >= most_no)
            return call_fail(call, "has a node %zu that leads nowhere", i);
        f->nodes[i].yes = yes_leaf[i] ? -1 - yes[i] : yes[i];
        f->nodes[i].no = no_leaf[i] ? -1 - no[i] : no[i];
    }
    return true;
}

static bool read_nodes(struct call *call, struct forest *f, size_t *members)
{
    const int64_t *features, *missing = NULL;
    double *splits, *modes;
    size_t split_count, mode_count;
    if (!read_reals(call, NULL, "nodes_splits", &splits, &split_count)
        || !read_reals(call, NULL, "nodes_modes", &modes, &mode_count)
        || !read_reals(call, NULL, "membership_values", &f->members, members))
        return false;
    f->node_count = split_count;
    f->nodes = NEW_ARRAY(call->scratch, struct tree_node, f->node_count);
    size_t tracked = node_ints(call->node, "nodes_missing_value_tracks_true", &missing);
    if (mode_count != f->node_count || !read_list(call, "nodes_featureids", f->node_count, &features))
        return mode_count == f->node_count ? false
                                           : call_fail(call, "has as many modes as nodes only where it is valid");
    for (size_t i = 0; i < f->node_count; i++) {
        if (!(modes[i] >= LEQ && modes[i] <= MEMBER)) return call_fail(call, "has an unknown mode of node %zu", i);
        f->nodes[i] = (struct tree_node){ .feature = features[i], .split = splits[i], .mode = (enum mode)modes[i] };
        f->nodes[i].missing = tracked == f->node_count && missing[i] != 0;
    }
    return true;
}

static bool read_ensemble(struct call *call, struct forest *f)
{
    const int64_t *targets, *roots;
    double *weights;
    size_t leaves, members;
    if (!read_nodes(call, f, &members) || !read_reals(call, NULL, "leaf_weights", &weights, &leaves)
        || !read_list(call, "leaf_targetids", leaves, &targets) || !read_links(call, f, leaves)
        || !share_members(call, f, members)
        || !read_aggregate(call, node_int(call->node, "aggregate_function", SUM), f))
        return false;
    f->root_count = node_ints(call->node, "tree_roots", &roots);
    f->roots = NEW_ARRAY(call->scratch, int64_t, f->root_count);
    for (size_t i = 0; i < f->root_count; i++) {
        f->roots[i] = roots[i];
        if (roots[i] < 0 || roots[i] >= (int64_t)f->node_count) return call_fail(call, "has a root that is no node");
    }
    f->weights = NEW_ARRAY(call->scratch, struct weight, leaves);
    f->weight_count = leaves;
    for (size_t i = 0; i < leaves; i++) f->weights[i] = (struct weight){ (int64_t)i, targets[i], weights[i] };
    f->targets = node_int(call->node, "n_targets", 1);
    return true;
}

/* ---- the older two: nodes and weights are found by the numbers of their tree and node ---- */

static int by_number(const void *a, const void *b)
{
    const struct tree_node *x = a, *y = b;
    if (x->tree != y->tree) return x->tree < y->tree ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_node(const void *a, const void *b)
{
    const struct weight *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return x->target < y->target ? -1 : x->target > y->target;
}

/* -1: there is none. */
static int64_t find_node(const struct forest *f, int64_t tree, int64_t id)
{
    struct tree_node key = { .tree = tree, .id = id };
    const struct tree_node *found = bsearch(&key, f->nodes, f->node_count, sizeof key, by_number);
    return found ? found - f->nodes : -1;
}

static bool read_mode(ProtobufCBinaryData text, enum mode *mode)
{
    static const char *const names[] = { "BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE",    "BRANCH_GT",
                                         "BRANCH_EQ",  "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF" };
    for (int i = LEQ; i <= LEAF; i++) {
        if (i == MEMBER || strlen(names[i]) != text.len || memcmp(names[i], text.data, text.len) != 0) continue;
        *mode = (enum mode)i;
        return true;
    }
    return false;
}

static bool read_numbered_nodes(struct call *call, struct forest *f)
{
    const int64_t *trees, *ids, *features, *yes, *no, *missing = NULL;
    const BnfuseOnnx__AttributeProto *modes = node_attribute(call->node, "nodes_modes");
    double *splits;
    size_t splits_count;
    f->node_count = node_ints(call->node, "nodes_nodeids", &ids);
    size_t tracked = node_ints(call->node, "nodes_missing_value_tracks_true", &missing);
    if (!read_reals(call, "nodes_values", "nodes_values_as_tensor", &splits, &splits_count)
        || !read_list(call, "nodes_treeids", f->node_count, &trees)
        || !read_list(call, "nodes_featureids", f->node_count, &features)
        || !read_list(call, "nodes_truenodeids", f->node_count, &yes)
        || !read_list(call, "nodes_falsenodeids", f->node_count, &no))
        return false;
    if (!modes || modes->n_strings != f->node_count || splits_count != f->node_count)
        return call_fail(call, "needs a mode and a value for each of %zu nodes", f->node_count);
    f->nodes = NEW_ARRAY(call->scratch, struct tree_node, f->node_count);
    for (size_t i = 0; i < f->node_count; i++) {
        struct tree_node *node = &f->nodes[i];
        *node = (struct tree_node){
            .tree = trees[i], .id = ids[i], .feature = features[i], .split = splits[i], .yes = yes[i], .no = no[i]
        };
        node->missing = tracked == f->node_count && missing[i] != 0;
        if (!read_mode(modes->strings[i], &node->mode)) return call_fail(call, "has an unknown mode of node %zu", i);
    }
    return true;
}

/* Sorts the nodes, and replaces their numbers by places. A tree begins with its node that is no other's. */
static bool link_nodes(struct call *call, struct forest *f)
{
    qsort(f->nodes, f->node_count, sizeof *f->nodes, by_number);
    bool *led_to = NEW_ARRAY(call->scratch, bool, f->node_count);
    for (size_t i = 0; i < f->node_count; i++) {
        struct tree_node *node = &f->nodes[i];
        if (node->mode == LEAF) continue;
        int64_t yes = find_node(f, node->tree, node->yes), no = find_node(f, node->tree, node->no);
        if (yes < 0 || no < 0) return call_fail(call, "has a node that leads nowhere");
        node->yes = yes;
        node->no = no;
        led_to[yes] = led_to[no] = true;
    }
    f->roots = NEW_ARRAY(call->scratch, int64_t, f->node_count);
    for (size_t i = 0; i < f->node_count; i++)
        if (!led_to[i]) f->roots[f->root_count++] = (int64_t)i;
    return true;
}

/* The attributes that hold the weights begin with "target" or "class". */
static bool read_numbered_weights(struct call *call, struct forest *f, const char *what)
{
    const int64_t *trees, *ids, *targets;
    double *weights;
    char names[5][40];
    static const char *const ends[] = { "ids", "nodeids", "treeids", "weights", "weights_as_tensor" };
    for (int i = 0; i < 5; i++) {
        strcpy(names[i], what);
        strcat(strcat(names[i], "_"), ends[i]);
    }
    if (!read_reals(call, names[3], names[4], &weights, &f->weight_count)
        || !read_list(call, names[0], f->weight_count, &targets) || !read_list(call, names[1], f->weight_count, &ids)
        || !read_list(call, names[2], f->weight_count, &trees))
        return false;
    f->weights = NEW_ARRAY(call->scratch, struct weight, f->weight_count);
    for (size_t i = 0; i < f->weight_count; i++) {
        int64_t node = find_node(f, trees[i], ids[i]);
        if (node < 0) return call_fail(call, "has a weight of a node that is not there");
        f->weights[i] = (struct weight){ node, targets[i], weights[i] };
    }
    qsort(f->weights, f->weight_count, sizeof *f->weights, by_node);
    f->base_count = node_floats(call->node, "base_values", &f->base);
    return true;
}

static bool read_numbered(struct call *call, struct forest *f, const char *what)
{
    return read_numbered_nodes(call, f) && link_nodes(call, f) && read_numbered_weights(call, f, what);
}

/* ---- a row down the trees ---- */

static bool is_member(const struct forest *f, const struct tree_node *node, double x)
{
    for (int64_t i = 0; i < node->member_count; i++)
        if (f->members[node->first_member + i] == x) return true;
    return false;
}

static bool is_true(const struct forest *f, const struct tree_node *node, double x)
{
    if (isnan(x)) return node->missing;
    switch (node->mode) {
    case LEQ: return x <= node->split;
    case LT: return x < node->split;
    case GTE: return x >= node->split;
    case GT: return x > node->split;
    case EQ: return x == node->split;
    case NEQ: return x != node->split;
    default: return is_member(f, node, x);
    }
}

/* The leaf that a row comes to, as weights call it; -1 when the nodes go round in a circle. */
static int64_t find_leaf(const struct forest *f, int64_t at, const struct array *x, int64_t row, int64_t width)
{
    for (size_t steps = 0; steps <= f->node_count; steps++) {
        if (at < 0) return -1 - at;
        const struct tree_node *node = &f->nodes[at];
        if (node->mode == LEAF) return at;
        at = is_true(f, node, element_real(x, row * width + node->feature)) ? node->yes : node->no;
    }
    return -1;
}

static const struct weight *first_weight(const struct forest *f, int64_t leaf)
{
    size_t low = 0, high = f->weight_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->weights[middle].node < leaf) low = middle + 1;
        else high = middle;
    }
    return &f->weights[low];
}

static void add_weight(const struct forest *f, double weight, double *score, bool *any)
{
    if (f->aggregate == MIN) *score = *any ? fmin(*score, weight) : weight;
    else if (f->aggregate == MAX) *score = *any ? fmax(*score, weight) : weight;
    else *score += weight;
    *any = true;
}

/* The scores of a row, without base values; `any` has room for the targets. */
static bool score_row(struct call *call, const struct forest *f, const struct array *x, int64_t row, int64_t width,
                      double *scores, bool *any)
{
    for (int64_t t = 0; t < f->targets; t++) scores[t] = 0;
    memset(any, 0, (size_t)f->targets * sizeof *any);
    for (size_t i = 0; i < f->root_count; i++) {
        int64_t leaf = find_leaf(f, f->roots[i], x, row, width);
        if (leaf < 0) return call_fail(call, "has a tree that goes round in a circle");
        const struct weight *end = f->weights + f->weight_count;
        for (const struct weight *w = first_weight(f, leaf); w < end && w->node == leaf; w++)
            add_weight(f, w->weight, &scores[w->target], &any[w->target]);
    }
    for (int64_t t = 0; t < f->targets && f->aggregate == AVERAGE && f->root_count > 0; t++)
        scores[t] /= (double)f->root_count;
    for (int64_t t = 0; t < f->targets && f->base_count == (size_t)f->targets; t++) scores[t] += (double)f->base[t];
    return true;
}

static bool check_forest(struct call *call, const struct forest *f, const struct array *x, int64_t width)
{
    if (!x || !(is_real(x) || is_whole(x)) || x->rank < 1 || x->rank > 2)
        return call_fail(call, "needs rows of numbers");
    if (f->targets < 1 || f->targets > INT32_MAX) return call_fail(call, "has %lld targets", (long long)f->targets);
    for (size_t i = 0; i < f->node_count; i++)
        if (f->nodes[i].mode != LEAF && (f->nodes[i].feature < 0 || f->nodes[i].feature >= width))
            return call_fail(call, "asks for feature %lld of %lld", (long long)f->nodes[i].feature, (long long)width);
    for (size_t i = 0; i < f->weight_count; i++)
        if (f->weights[i].target < 0 || f->weights[i].target >= f->targets)
            return call_fail(call, "has a weight for target %lld of %lld", (long long)f->weights[i].target,
                             (long long)f->targets);
    return true;
}

/* The scores of all rows, [rows, targets]; NULL after call_fail. */
static double *score_all(struct call *call, struct forest *f, int64_t *rows)
{
    const struct array *x = call_input(call, 0);
    int64_t width = x && x->rank > 0 ? x->dims[x->rank - 1] : 0, total;
    if (!check_forest(call, f, x, width)) return NULL;
    *rows = x->rank == 2 ? x->dims[0] : 1;
    if (!size_multiply(*rows, f->targets, &total)) memory_exhausted(call->pool->memory);
    CALL_WORK(call, *rows, (int64_t)f->root_count + f->targets, 64, WORK_ELEMENT);
    double *scores = NEW_ARRAY(call->scratch, double, (size_t)total);
    bool *any = NEW_ARRAY(call->scratch, bool, (size_t)f->targets);
    for (int64_t row = 0; row < *rows; row++)
        if (!score_row(call, f, x, row, width, scores + row * f->targets, any)) return NULL;
    return scores;
}

/* ---- the operators ---- */

static bool put_scores(struct call *call, struct forest *f, enum dtype type, enum post_transform post)
{
    int64_t rows;
    double *scores = score_all(call, f, &rows);
    if (!scores) return false;
    struct array *y = call_output(call, 0, type, 2, (int64_t[]){ rows, f->targets });
    for (int64_t row = 0; row < rows; row++) ml_transform(post, scores + row * f->targets, f->targets);
    for (int64_t i = 0; i < y->count; i++) element_put(y, i, scores[i]);
    return true;
}

static bool tree_ensemble(struct call *call)
{
    struct forest f = { 0 };
    int64_t post = node_int(call->node, "post_transform", 0);
    if (post < POST_NONE || post > POST_PROBIT) return call_fail(call, "has an unknown post_transform");
    return read_ensemble(call, &f)
           && put_scores(call, &f, call_input(call, 0) ? call_input(call, 0)->type : DTYPE_FLOAT,
                         (enum post_transform)post);
}

static bool tree_regressor(struct call *call)
{
    struct forest f = { .targets = node_int(call->node, "n_targets", 1) };
    enum post_transform post;
    return ml_read_transform(call, &post) && read_numbered(call, &f, "target") && read_aggregate(call, SUM, &f)
           && put_scores(call, &f, DTYPE_FLOAT, post);
}

/* Of two classes only one may have weights: its score then stands for both. With weights that are all positive it is a
 * probability, and else a margin. */
static bool scores_one_class(const struct forest *f, bool *positive)
{
    *positive = true;
    for (size_t i = 0; i < f->weight_count; i++) {
        if (f->weights[i].target != f->weights[0].target) return false;
        *positive = *positive && f->weights[i].weight >= 0;
    }
    return f->targets == 2 && f->weight_count > 0;
}

static bool tree_classifier(struct call *call)
{
    struct forest f = { .aggregate = SUM, .targets = ml_label_count(call->node) };
    enum post_transform post;
    int64_t rows;
    bool positive;
    if (!ml_read_transform(call, &post) || !read_numbered(call, &f, "class")) return false;
    if (f.base_count != 0 && f.base_count != (size_t)f.targets)
        return call_unsupported(call, "%zu base values of %lld classes", f.base_count, (long long)f.targets);
    bool one = scores_one_class(&f, &positive);
    if (one && post == POST_PROBIT) return call_unsupported(call, "PROBIT of one score");
    double *scores = score_all(call, &f, &rows);
    if (!scores) return false;
    int64_t *chosen = NEW_ARRAY(call->scratch, int64_t, (size_t)rows);
    for (int64_t row = 0; row < rows; row++) {
        double *own = scores + row * f.targets;
        if (one) {
            double score = own[f.weights[0].target];
            chosen[row] = score > (positive ? 0.5 : 0);
            ml_two_scores(score, positive, !positive && post == POST_LOGISTIC, own);
            continue;
        }
        chosen[row] = ml_greatest(own, f.targets);
        ml_transform(post, own, f.targets);
    }
    return ml_put_classes(call, chosen, scores, rows, f.targets);
}

/* ---- shapes ---- */

static bool shape_scores(struct shaping *s)
{
    struct dim dims[2] = { input_rank(s, 0) == 2 ? input_dim(s, 0, 0) : fresh_dim(s),
                           number_dim(node_int(s->node, "n_targets", 1)) };
    return set_output(s, 0, rule_type(s), 2, dims);
}

const struct operator_row tree_operators[] = {
    { "ai.onnx.ml:TreeEnsemble", 5, 5, .run = tree_ensemble, .shape = shape_scores, .hides = true,
      .schemas = SCHEMAS({ 5, LATEST, "Tf > T",
                           "aggregate_function:i leaf_targetids!I leaf_weights!t membership_values:t n_targets:i "
                           "nodes_falseleafs!I nodes_falsenodeids!I nodes_featureids!I nodes_hitrates:t "
                           "nodes_missing_value_tracks_true:I nodes_modes!t nodes_splits!t nodes_trueleafs!I "
                           "nodes_truenodeids!I post_transform:i tree_roots!I" }) },
    { "ai.onnx.ml:TreeEnsembleClassifier", 1, 4, .run = tree_classifier, .shape = ml_shape_classes, .hides = true,
      .schemas = SCHEMAS({ 1, 2, ".irg > . f32",
                           "base_values:F class_ids:I class_nodeids:I class_treeids:I class_weights:F "
                           "classlabels_int64s:I classlabels_strings:S nodes_falsenodeids:I nodes_featureids:I "
                           "nodes_hitrates:F nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I "
                           "nodes_treeids:I nodes_truenodeids:I nodes_values:F post_transform:s" },
                         { 3, 4, ".irg > . f32",
                           "base_values:F base_values_as_tensor:t class_ids:I class_nodeids:I class_treeids:I "
                           "class_weights:F class_weights_as_tensor:t classlabels_int64s:I classlabels_strings:S "
                           "nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t "
                           "nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I "
                           "nodes_truenodeids:I nodes_values:F nodes_values_as_tensor:t post_transform:s" }) },
    { "ai.onnx.ml:TreeEnsembleRegressor", 1, 4, .run = tree_regressor, .shape = shape_scores, .type = DTYPE_FLOAT,
      .hides = true,
      .schemas = SCHEMAS({ 1, 2, ".irg > f32",
                           "aggregate_function:s=SUM|AVERAGE|MIN|MAX base_values:F n_targets:i nodes_falsenodeids:I "
                           "nodes_featureids:I nodes_hitrates:F nodes_missing_value_tracks_true:I nodes_modes:S "
                           "nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F post_transform:s "
                           "target_ids:I target_nodeids:I target_treeids:I target_weights:F" },
                         { 3, 4, ".irg > f32",
                           "aggregate_function:s=SUM|AVERAGE|MIN|MAX base_values:F base_values_as_tensor:t n_targets:i "
                           "nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t "
                           "nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I "
                           "nodes_truenodeids:I nodes_values:F nodes_values_as_tensor:t post_transform:s "
                           "target_ids:I target_nodeids:I target_treeids:I target_weights:F "
                           "target_weights_as_tensor:t" }) },
    { 0 },
};
