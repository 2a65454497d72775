/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node reads, in the order of its inputs and then of its bodies. */
#include "onnx/graph/reads.h"

static void visit_read(const struct read_visitor *visitor, struct value *value)
{
    if (value && graph_is_around(value->graph, visitor->region)) visitor->visit(visitor->context, value);
}

void visit_reads(const struct read_visitor *visitor, const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++) visit_read(visitor, node->inputs[i].value);
    for (size_t i = 0; i < node->inner_count; i++) {
        const struct graph *body = node->inner[i];
        for (const struct node *inner = body->first; inner; inner = inner->next) visit_reads(visitor, inner);
        for (size_t k = 0; k < body->output_count; k++) visit_read(visitor, body->outputs[k]);
    }
}
