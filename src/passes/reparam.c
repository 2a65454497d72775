/* SPDX-License-Identifier: Apache-2.0
 *
 * On request (--enable reparam), what RepVGG, MobileOne, ACNet and YOLOv6 and 7 are trained as
 *
 *   conv(x, V, a) + conv(x, W, b)  ->  conv(x, V' + W', a + b)      Sub alike, with W' and b subtracted
 *
 *   gemm(x, V, a) + gemm(x, W, b)  ->  gemm(x, V + W, a + b)        MatMul alike (product.h)
 *
 * where V' and W' are V and W on one grid of taps: equal strides and groups, equal dilations where a kernel has more
 * than one tap, and pads that give the same size. The grid is no larger than what it replaces, so nothing gets slower.
 * A BatchNormalization beside the Convs is gone before (sibling.h). */
#include "passes/reparam.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/anchor.h"
#include "passes/algebra/bias.h"
#include "passes/algebra/product.h"
#include "passes/algebra/sibling.h"
#include "passes/decide/decision.h"
#include "passes/decide/extras.h"
#include "passes/decide/roots.h"

#include <math.h>
#include <string.h>

enum { MOST_BRANCHES = 16, MOST_DEPTH = 8, MOST_AXES = TENSOR_MAX_RANK - 2 };

/* One spatial axis of a Conv: its taps read the elements at -before, -before + dilation, ... of each position. */
struct taps {
    int64_t count, dilation, before, after;
};

struct branch {
    struct node *sum, *conv;            /* which may be a product */
    size_t slot;                        /* of the sum */
    double sign;                        /* with which it is in the first sum */
    const struct tensor *weight, *bias; /* no weight: a product */
    struct taps taps[MOST_AXES];
};

struct tree {
    struct branch branches[MOST_BRANCHES];
    int count;
    struct value *partial[MOST_BRANCHES]; /* what the sums under the first one write */
    int partial_count;
};

static bool find_taps(const struct branch *branch, size_t axis, struct taps *taps)
{
    const struct node *conv = branch->conv;
    size_t axes = (size_t)branch->weight->rank - 2;
    const char *mode = node_text(conv, "auto_pad", "NOTSET");
    *taps =
        (struct taps){ .count = branch->weight->dims[axis + 2], .dilation = node_int_at(conv, "dilations", axis, 1) };
    if (taps->count < 1) return false;
    if (strcmp(mode, "VALID") == 0) return true;
    if (strcmp(mode, "NOTSET") != 0) return false;
    taps->before = node_int_at(conv, "pads", axis, 0);
    taps->after = node_int_at(conv, "pads", axes + axis, 0);
    return true;
}

static bool read_branch(struct decision *decision, struct branch *branch)
{
    enum reason why;
    struct value *weight = node_input(branch->conv, 1), *bias = node_input(branch->conv, 2);
    branch->weight = decision_constant(decision, weight, &why);
    branch->bias = decision_constant(decision, bias, &why);
    const struct tensor *w = branch->weight;
    if (!w || (bias && !branch->bias) || dtype_kind(w->type) != KIND_REAL || w->rank < 3) return false;
    if (branch->bias && (branch->bias->count != w->dims[0] || branch->bias->type != w->type)) return false;
    for (int i = 0; i < w->rank - 2; i++)
        if (!find_taps(branch, (size_t)i, &branch->taps[i])) return false;
    return true;
}

static bool has_terms(const struct node *node)
{
    return is_sum(node) || is_difference(node);
}

/* The Convs and products under a sum, through sums that nothing else reads. */
static void collect(struct decision *decision, struct node *sum, double sign, int depth, struct tree *tree)
{
    for (size_t slot = 0; slot < sum->input_count; slot++) {
        struct value *term = node_input(sum, slot);
        struct node *writer = term->writer;
        if (!writer || term->graph != sum->graph || !sum_has_alone(term)) continue;
        if (anchor_of_output(writer) && tree->count < MOST_BRANCHES) {
            struct branch *branch = &tree->branches[tree->count];
            *branch = (struct branch){ .sum = sum, .conv = writer, .slot = slot };
            branch->sign = sign * affine_sum_sign(sum, slot > 0);
            tree->count += !operator_has(writer, CONVOLVES) || read_branch(decision, branch);
        } else if (has_terms(writer) && depth > 0 && tree->partial_count < MOST_BRANCHES) {
            tree->partial[tree->partial_count++] = term;
            collect(decision, writer, sign * affine_sum_sign(sum, slot > 0), depth - 1, tree);
        }
    }
}

/* The taps of both on one grid; false when there is none. */
static bool join(const struct taps *a, const struct taps *b, struct taps *both)
{
    if (a->count > 1 && b->count > 1 && a->dilation != b->dilation) return false;
    const struct taps *longer = a->count >= b->count ? a : b;
    both->dilation = longer->count > 1 ? longer->dilation : 1;
    both->before = a->before > b->before ? a->before : b->before;
    int64_t last_a = (a->count - 1) * a->dilation - a->before, last_b = (b->count - 1) * b->dilation - b->before;
    int64_t last = last_a > last_b ? last_a : last_b;
    /* The output is of one size for every input if what is padded beyond the last tap is. */
    if (a->after - last_a != b->after - last_b) return false;
    if ((a->before - b->before) % both->dilation != 0 || (last + both->before) % both->dilation != 0) return false;
    both->count = (last + both->before) / both->dilation + 1;
    both->after = a->after - last_a + last;
    return both->count <= a->count + b->count && both->after >= 0 && both->before >= 0;
}

static bool same_list(const struct node *a, const struct node *b, const char *attribute, int count)
{
    for (int i = 0; i < count; i++)
        if (node_int_at(a, attribute, (size_t)i, 1) != node_int_at(b, attribute, (size_t)i, 1)) return false;
    return true;
}

static bool fit(const struct branch *a, const struct branch *b, struct taps *taps)
{
    const struct tensor *v = a->weight, *w = b->weight;
    if (!v || !w) return false;
    int axes = v->rank - 2;
    int64_t grid = 1, taps_a = 1, taps_b = 1;
    if (node_input(a->conv, 0) != node_input(b->conv, 0) || v->rank != w->rank || v->type != w->type) return false;
    if (v->dims[0] != w->dims[0] || v->dims[1] != w->dims[1]) return false;
    if (node_int(a->conv, "group", 1) != node_int(b->conv, "group", 1)) return false;
    if (!same_list(a->conv, b->conv, "strides", axes)) return false;
    for (int i = 0; i < axes; i++) {
        if (!join(&a->taps[i], &b->taps[i], &taps[i]) || !size_multiply(grid, taps[i].count, &grid)) return false;
        taps_a *= a->taps[i].count;
        taps_b *= b->taps[i].count;
    }
    return grid <= taps_a + taps_b;
}

/* Adds the weight of a branch, times `sign`, to `values`, on the grid. */
static bool add_weight(struct arena *arena, const struct branch *branch, double sign, const struct taps *taps,
                       double *values)
{
    const struct tensor *w = branch->weight;
    int axes = w->rank - 2;
    double *own;
    if (!tensor_values(w, arena, &own, NULL)) return false;
    for (int64_t i = 0; i < w->count; i++) {
        int64_t rest = i, at = 0, step = 1;
        for (int axis = axes - 1; axis >= 0; axis--) {
            const struct taps *mine = &branch->taps[axis];
            int64_t tap = rest % mine->count + (taps[axis].before - mine->before) / taps[axis].dilation;
            at += tap * step;
            rest /= mine->count;
            step *= taps[axis].count;
        }
        values[rest * step + at] += sign * own[i];
    }
    return true;
}

static bool add_bias(struct arena *arena, const struct branch *branch, double sign, double *values)
{
    double *own;
    if (!branch->bias) return true;
    if (!tensor_values(branch->bias, arena, &own, NULL)) return false;
    for (int64_t c = 0; c < branch->bias->count; c++) values[c] += sign * own[c];
    return true;
}

static void set_kernel(struct node *conv, const struct tensor *weight, const struct taps *taps)
{
    int axes = weight->rank - 2;
    int64_t kernel[MOST_AXES], dilations[MOST_AXES], pads[2 * MOST_AXES];
    for (int i = 0; i < axes; i++) {
        kernel[i] = taps[i].count;
        dilations[i] = taps[i].dilation;
        pads[i] = taps[i].before;
        pads[axes + i] = taps[i].after;
    }
    edit_remove_attribute(conv, "auto_pad");
    edit_set_ints(conv, "kernel_shape", kernel, (size_t)axes);
    edit_set_ints(conv, "dilations", dilations, (size_t)axes);
    edit_set_ints(conv, "pads", pads, (size_t)axes * 2);
}

/* `into` computes both from now on; nothing has changed when this is false. */
static bool merge(struct decision *decision, const struct branch *into, const struct branch *other,
                  const struct taps *taps)
{
    struct arena *arena = decision->net->arena;
    const double sign = into->sign * other->sign;
    const struct tensor *w = into->weight;
    int64_t dims[TENSOR_MAX_RANK] = { w->dims[0], w->dims[1] }, count = w->dims[0] * w->dims[1], bytes;
    for (int i = 0; i < w->rank - 2; i++) {
        dims[i + 2] = taps[i].count;
        if (!size_multiply(count, taps[i].count, &count)) return false;
    }
    if (!size_multiply(count, 3 * sizeof(double), &bytes) || !constants_fit(decision->constants, (uint64_t)bytes))
        return false;
    double *weight = NEW_ARRAY(decision->arena, double, (size_t)count);
    double *bias = NEW_ARRAY(decision->arena, double, (size_t)dims[0]);
    if (!add_weight(decision->arena, into, 1, taps, weight) || !add_weight(decision->arena, other, sign, taps, weight)
        || !add_bias(decision->arena, into, 1, bias) || !add_bias(decision->arena, other, sign, bias)
        || !dtype_all_finite(w->type, weight, count) || !dtype_all_finite(w->type, bias, dims[0]))
        return false;
    struct node *conv = into->conv;
    const char *name = node_input(conv, 1)->name;
    const struct branch *named = into->bias ? into : other;
    if (named->bias)
        edit_set_input(conv, 2,
                       edit_add_initializer(conv->graph, fused_name(arena, node_input(named->conv, 2)->name),
                                            tensor_exact(arena, w->type, 1, dims, bias)));
    edit_set_input(conv, 1,
                   edit_add_initializer(conv->graph, fused_name(arena, name),
                                        tensor_exact(arena, w->type, w->rank, dims, weight)));
    set_kernel(conv, w, taps);
    return true;
}

/* What the other branch computed is in this one. */
static void remove_branch(const struct tree *tree, const struct branch *into, const struct branch *other)
{
    edit_rename(into->conv->outputs[0]);
    for (int i = 0; i < tree->partial_count; i++) edit_rename(tree->partial[i]);
    sum_remove_term(other->sum, other->slot);
    remark_forget(other->conv);
    edit_remove_node(other->conv);
}

/* A difference stays without its second term alone. */
static bool may_be_taken_out(const struct branch *branch)
{
    return branch->slot > 0 || is_sum(branch->sum);
}

/* The larger one stays, unless only it can go. */
static bool merge_two(struct decision *decision, const struct branch *into, const struct branch *other)
{
    struct taps taps[MOST_AXES];
    if (!may_be_taken_out(other)) return false;
    if (!into->weight && !other->weight)
        return into->sign == other->sign && product_merge(decision, into->conv, other->conv);
    if (!fit(into, other, taps)) return false;
    if (into->weight->count < other->weight->count && may_be_taken_out(into)) return false;
    return merge(decision, into, other, taps);
}

static bool merge_some(struct decision *decision, struct node *sum)
{
    struct tree tree = { .count = 0 };
    decision_clear(decision);
    collect(decision, sum, 1, MOST_DEPTH, &tree);
    for (int i = 0; i < tree.count; i++)
        for (int k = 0; k < tree.count; k++)
            if (k != i && merge_two(decision, &tree.branches[i], &tree.branches[k])) {
                remove_branch(&tree, &tree.branches[i], &tree.branches[k]);
                return true;
            }
    return false;
}

/* Listed first: merging removes nodes. A sum that is gone has no inputs. */
static struct node **list_sums(const struct net *net, size_t *count)
{
    size_t room = 0;
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (const struct node *node = graph->first; node; node = node->next) room += has_terms(node);
    struct node **sums = NEW_ARRAY(net->arena, struct node *, room);
    *count = 0;
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next)
            if (has_terms(node)) sums[(*count)++] = node;
    return sums;
}

bool reparam_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                 struct bnfuse_error *error)
{
    (void)error;
    if (!is_enabled(options, EXTRA_REPARAM)) return true;
    struct decision *decision = decision_open(net, options, report, &norm_roots);
    size_t count;
    struct node **sums = list_sums(net, &count);
    for (size_t i = 0; i < count; i++)
        while (sums[i]->input_count > 1 && merge_some(decision, sums[i])) report->convs_merged++;
    decision_close(decision);
    return true;
}
