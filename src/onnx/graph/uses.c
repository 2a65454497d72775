/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph's values by name, and a value's reads in a doubly linked list. */
#include "onnx/graph/uses.h"

#include <assert.h>

void graph_put_value(struct value *value)
{
    value->is_found = name_map_add(&value->graph->values, value);
    assert(value->is_found);
}

void graph_take_value(struct value *value)
{
    const void *taken = name_map_remove(&value->graph->values, value->name);
    assert(taken == value);
    (void)taken;
    value->is_found = false;
}

struct value *graph_add_value(struct graph *graph, const char *name)
{
    struct value *value = NEW(graph->net->arena, struct value);
    value->name = name;
    value->graph = graph;
    value->shape.rank = -1;
    value->is_found = name_map_add(&graph->values, value);
    return value->is_found ? value : NULL;
}

void use_add(struct use *use, struct value *value)
{
    use->value = value;
    use->next = value->uses;
    use->link = &value->uses;
    if (use->next) use->next->link = &use->next;
    value->uses = use;
    value->use_count++;
}

void use_remove(struct use *use)
{
    *use->link = use->next;
    if (use->next) use->next->link = use->link;
    use->value->use_count--;
    use->value = NULL;
    use->next = NULL;
    use->link = NULL;
}
