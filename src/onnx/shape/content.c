/* SPDX-License-Identifier: Apache-2.0
 *
 * What content rules of several families share. */
#include "onnx/shape/content.h"

bool small_of(struct shaping *s, struct value *value, struct small *small)
{
    *small = (struct small){ .count = value ? shape_count(&value->shape) : -1 };
    if (small->count < 0) return false;
    small->rank = value->shape.rank;
    for (int i = 0; i < small->rank; i++) small->dims[i] = value->shape.dims[i].size;
    small->elements = value_content(s, value);
    return true;
}

bool small_input(struct shaping *s, size_t slot, struct small *small)
{
    return small_of(s, node_input(s->node, slot), small) && small->elements;
}

void small_output(struct shaping *s, struct small *small)
{
    small_of(s, node_output(s->node, 0), small);
}

int small_element(const struct small *small, int64_t at)
{
    return small->elements ? small->elements[at].symbol : 0;
}

/* The index along each axis of element `at`. */
void small_unravel(const struct small *small, int64_t at, int64_t *index)
{
    for (int i = small->rank - 1; i >= 0; i--) {
        index[i] = at % small->dims[i];
        at /= small->dims[i];
    }
}

int64_t small_ravel(const struct small *small, const int64_t *index)
{
    int64_t at = 0;
    for (int i = 0; i < small->rank; i++) at = at * small->dims[i] + index[i];
    return at;
}

int combine_add(struct shaping *s, int a, int b)
{
    return symbol_add(s->symbols, a, b);
}

int combine_multiply(struct shaping *s, int a, int b)
{
    return symbol_multiply(s->symbols, a, b);
}

int combine_maximum(struct shaping *s, int a, int b)
{
    return symbol_maximum(s->symbols, a, b);
}

int combine_least(struct shaping *s, int a, int b)
{
    return symbol_least(s->symbols, a, b);
}

int content_truth(struct shaping *s, bool is)
{
    return symbol_number(s->symbols, is);
}

/* The same elements under other dims. */
void content_same(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    struct small input, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input) || input.count != output.count) return;
    for (int64_t i = 0; i < input.count; i++) symbols[i] = small_element(&input, i);
    set_content(s, 0, symbols);
}

/* Tile and Expand: element (i mod size) along every axis. */
void content_repeat(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK];
    struct small input, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input) || input.rank > output.rank) return;
    for (int64_t i = 0; i < output.count; i++) {
        small_unravel(&output, i, index);
        for (int d = 0; d < input.rank; d++) index[d] = index[output.rank - input.rank + d] % input.dims[d];
        symbols[i] = small_element(&input, small_ravel(&input, index));
    }
    set_content(s, 0, symbols);
}

int small_broadcast(const struct small *input, const struct small *output, const int64_t *index)
{
    int64_t at = 0;
    for (int i = 0; i < input->rank; i++) {
        int64_t along = index[output->rank - input->rank + i];
        at = at * input->dims[i] + (input->dims[i] == 1 ? 0 : along);
    }
    return small_element(input, at);
}

void content_unary(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    struct small input;
    if (!small_input(s, 0, &input)) return;
    for (int64_t i = 0; i < input.count; i++) symbols[i] = s->row->combine(s, small_element(&input, i), 0);
    set_content(s, 0, symbols);
}

void content_binary(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK];
    struct small input, output;
    small_output(s, &output);
    if (s->node->opset < 7 && node_int(s->node, "broadcast", 0)) return;
    for (size_t slot = 0; slot < s->node->input_count; slot++) {
        if (!small_input(s, slot, &input)) return;
        for (int64_t i = 0; i < output.count; i++) {
            small_unravel(&output, i, index);
            int other = small_broadcast(&input, &output, index);
            symbols[i] = slot ? s->row->combine(s, symbols[i], other) : other;
        }
    }
    set_content(s, 0, symbols);
}
