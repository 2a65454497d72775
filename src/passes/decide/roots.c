/* SPDX-License-Identifier: Apache-2.0
 *
 * The roots of folds, and how one leaves the graph. */
#include "passes/decide/roots.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "passes/decide/decision.h"
#include "passes/decide/remark.h"

#include <stdlib.h>
#include <string.h>

static int by_depth_then_name(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    const struct note *mine = x->mark, *other = y->mark;
    if (mine->depth != other->depth) return mine->depth < other->depth ? -1 : 1;
    return strcmp(x->outputs[0]->name, y->outputs[0]->name);
}

static bool is_norm(const struct node *node)
{
    return bn_is(node);
}

const struct root_kind norm_roots = { .is_root = is_norm, .copies_weights = true, .trades_nodes = true };

struct roots roots_of(const struct net *net, struct arena *arena, const struct root_kind *kind)
{
    struct roots roots = { NULL, 0 };
    size_t room = 0;
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) room += kind->is_root(node);
    roots.nodes = NEW_ARRAY(arena, struct node *, room);
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) {
            if (!kind->is_root(node) || !node->mark || !node_output(node, 0)) continue;
            if (node->is_skipped)
                remark_missed(node, REASON_SKIPPED, &(struct words){ node_title(node), "", NULL }, "");
            else if (node_refers(node))
                remark_missed(node, graph->call_count > 1 ? REASON_SHARED_FUNCTION : REASON_NOT_CONSTANT,
                              &(struct words){ node_title(node), "an attribute is a parameter of the function", NULL },
                              "");
            else roots.nodes[roots.count++] = node;
        }
    qsort(roots.nodes, roots.count, sizeof *roots.nodes, by_depth_then_name);
    return roots;
}

enum dtype root_type(const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i].value;
        if (value && dtype_kind(value->type) == KIND_REAL) return value->type;
        if (value && value->initializer) return value->initializer->type;
    }
    return DTYPE_FLOAT;
}

void root_remove(struct node *node, size_t slot)
{
    struct value *result = node_input(node, slot), *output = node->outputs[0];
    struct graph *graph = node->graph;
    struct node *writer = result->writer;
    edit_set_input(node, slot, NULL);
    if (writer && !result->is_output && result->graph == graph) {
        size_t writer_slot = result->writer_slot;
        edit_replace_uses(result, output);
        edit_take_output(writer, writer_slot, output);
        remark_forget(node);
        edit_remove_node(node);
    } else if (!output->is_output) {
        edit_replace_uses(output, result);
        remark_forget(node);
        edit_remove_node(node);
    } else {
        /* A constant, an input or another output stands for a graph output: the name needs a writer. */
        struct node *identity = edit_add_node(graph, node, "Identity", node_title(node), &result, 1, output);
        edit_take_output(identity, 0, output);
        remark_forget(node);
        edit_remove_node(node);
    }
}
