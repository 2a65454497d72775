/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph's values by name, and a value's reads in a doubly linked list. */
#include "onnx/graph/uses.h"

#include <assert.h>

void graph_put_value(struct value *value)
{
    bool is_new = name_map_add(&value->graph->values, value);
    assert(is_new);
    (void)is_new;
}

void graph_take_value(struct value *value)
{
    const void *taken = name_map_remove(&value->graph->values, value->name);
    assert(taken == value);
    (void)taken;
}

struct value *graph_add_value(struct graph *graph, const char *name)
{
    struct value *value = NEW(graph->net->arena, struct value);
    value->name = name;
    value->graph = graph;
    value->shape.rank = -1;
    return name_map_add(&graph->values, value) ? value : NULL;
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
