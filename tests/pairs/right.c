/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes after which a model computes the same up to rounding: what exporters, converters and optimizers do. */
#include "draft.h"

#include <math.h>
#include <string.h>

/* ---- names and order ---- */

static bool rename_values(struct draft *draft, const struct change *change)
{
    (void)change;
    for (size_t i = 0; i < draft->graph->n_node; i++)
        for (size_t k = 0; k < draft->graph->node[i]->n_output; k++) {
            const char *name = draft->graph->node[i]->output[k];
            if (*name && !is_graph_output(draft, name)) rename_value(draft, name, draft_name(draft, "v"));
        }
    return draft->graph->n_node > 1;
}

/* The names of values go round: each stands for another value now. */
static bool rotate_names(struct draft *draft, const struct change *change)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    char *first = NULL, *last = NULL, *kept = draft_name(draft, "kept");
    (void)change;
    for (size_t i = 0; i < graph->n_node; i++) {
        char *name = graph->node[i]->n_output ? graph->node[i]->output[0] : NULL;
        if (!name || !*name || is_graph_output(draft, name) || is_graph_input(draft, name)) continue;
        if (!first) {
            first = name;
            rename_value(draft, name, kept);
        } else {
            rename_value(draft, name, last);
        }
        last = arena_copy_text(draft->arena, name);
    }
    if (!first || last == first || strcmp(first, last) == 0) return false;
    rename_value(draft, kept, last);
    return true;
}

static bool rename_nodes(struct draft *draft, const struct change *change)
{
    (void)change;
    for (size_t i = 0; i < draft->graph->n_node; i++) draft->graph->node[i]->name = draft_name(draft, "n");
    return draft->graph->n_node > 0;
}

static bool rename_interface(struct draft *draft, const struct change *change)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    (void)change;
    for (size_t i = 0; i < graph->n_input; i++) rename_value(draft, graph->input[i]->name, draft_name(draft, "in"));
    for (size_t i = 0; i < graph->n_output; i++) rename_value(draft, graph->output[i]->name, draft_name(draft, "out"));
    return true;
}

static bool reads_output_of(const node_proto *node, const node_proto *other)
{
    for (size_t i = 0; i < node->n_input; i++)
        for (size_t k = 0; k < other->n_output; k++)
            if (*node->input[i] && strcmp(node->input[i], other->output[k]) == 0) return true;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->g) return true;
    return false;
}

static bool reorder_nodes(struct draft *draft, const struct change *change)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    bool moved = false;
    (void)change;
    for (size_t round = 0; round < 8; round++)
        for (size_t i = 1; i < graph->n_node; i++) {
            node_proto *node = graph->node[i];
            if (reads_output_of(node, graph->node[i - 1]) || draft_random(draft, 3) == 0) continue;
            graph->node[i] = graph->node[i - 1];
            graph->node[i - 1] = node;
            moved = true;
        }
    return moved;
}

/* ---- constants ---- */

static bool constants_to_nodes(struct draft *draft, const struct change *change)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    size_t kept = 0, moved = 0;
    (void)change;
    for (size_t i = 0; i < graph->n_initializer; i++) {
        tensor_proto *tensor = graph->initializer[i];
        if (is_graph_input(draft, tensor->name) || is_graph_output(draft, tensor->name)) {
            graph->initializer[kept++] = tensor;
            continue;
        }
        node_proto *node =
            draft_insert(draft, 0, "Constant", (const char *[]){ NULL }, (const char *[]){ tensor->name, NULL });
        attribute_proto *attribute = make_attribute(draft, node, "value");
        attribute->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
        attribute->t = tensor;
        moved++;
    }
    graph->n_initializer = kept;
    return moved > 0;
}

static bool constants_to_inputs(struct draft *draft, const struct change *change)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    (void)change;
    if (draft->model->ir_version < 4) return false;
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const tensor_proto *tensor = graph->initializer[i];
        if (is_graph_input(draft, tensor->name)) continue;
        BnfuseOnnx__ValueInfoProto **list = NEW_ARRAY(draft->arena, BnfuseOnnx__ValueInfoProto *, graph->n_input + 1);
        BnfuseOnnx__ValueInfoProto *info = NEW(draft->arena, BnfuseOnnx__ValueInfoProto);
        BnfuseOnnx__TypeProto *type = NEW(draft->arena, BnfuseOnnx__TypeProto);
        BnfuseOnnx__TypeProto__Tensor *of = NEW(draft->arena, BnfuseOnnx__TypeProto__Tensor);
        memcpy(list, graph->input, graph->n_input * sizeof *list);
        bnfuse_onnx__value_info_proto__init(info);
        bnfuse_onnx__type_proto__init(type);
        bnfuse_onnx__type_proto__tensor__init(of);
        of->has_elem_type = 1;
        of->elem_type = tensor->data_type;
        type->value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
        type->tensor_type = of;
        info->type = type;
        info->name = tensor->name;
        list[graph->n_input++] = info;
        graph->input = list;
    }
    return graph->n_initializer > 0;
}

static bool constants_to_lists(struct draft *draft, const struct change *change)
{
    bool moved = false;
    (void)change;
    for (size_t i = 0; i < draft->graph->n_initializer; i++) {
        tensor_proto *tensor = draft->graph->initializer[i];
        if (tensor->data_type != BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT || !tensor->has_raw_data) continue;
        tensor->n_float_data = tensor->raw_data.len / sizeof(float);
        tensor->float_data = NEW_ARRAY(draft->arena, float, tensor->n_float_data);
        memcpy(tensor->float_data, tensor->raw_data.data, tensor->raw_data.len);
        tensor->has_raw_data = 0;
        moved = true;
    }
    return moved;
}

static void add_entry(struct draft *draft, tensor_proto *tensor, const char *key, const char *value)
{
    typedef BnfuseOnnx__StringStringEntryProto entry_proto;
    entry_proto **list = NEW_ARRAY(draft->arena, entry_proto *, tensor->n_external_data + 1);
    entry_proto *entry = NEW(draft->arena, entry_proto);
    if (tensor->n_external_data) memcpy(list, tensor->external_data, tensor->n_external_data * sizeof *list);
    bnfuse_onnx__string_string_entry_proto__init(entry);
    entry->key = arena_copy_text(draft->arena, key);
    entry->value = arena_copy_text(draft->arena, value);
    list[tensor->n_external_data++] = entry;
    tensor->external_data = list;
}

/* All that lie in raw_data, one behind the other in one file. */
static bool constants_to_external(struct draft *draft, const struct change *change)
{
    size_t size = 0;
    (void)change;
    for (size_t i = 0; i < draft->graph->n_initializer; i++) size += draft->graph->initializer[i]->raw_data.len + 64;
    draft->outside = arena_alloc(draft->arena, size);
    for (size_t i = 0; i < draft->graph->n_initializer; i++) {
        tensor_proto *tensor = draft->graph->initializer[i];
        size_t at = draft->outside_size, length = tensor->raw_data.len;
        if (!tensor->has_raw_data || tensor->data_location || !length) continue;
        memcpy(draft->outside + at, tensor->raw_data.data, length);
        add_entry(draft, tensor, "location", "weights.bin");
        add_entry(draft, tensor, "offset", arena_printf(draft->arena, "%zu", at));
        add_entry(draft, tensor, "length", arena_printf(draft->arena, "%zu", length));
        tensor->has_raw_data = 0;
        tensor->has_data_location = 1;
        tensor->data_location = BNFUSE_ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        draft->outside_size = (at + length + 63) / 64 * 64;
    }
    return draft->outside_size > 0;
}

static bool duplicate_constant(struct draft *draft, const struct change *change)
{
    (void)change;
    for (size_t i = 0; i < draft->graph->n_initializer; i++) {
        const tensor_proto *tensor = draft->graph->initializer[i];
        size_t count;
        tensor_proto *found;
        const float *numbers = numbers_of(draft, tensor->name, &count, &found);
        if (!numbers || !count) continue;
        char *copy = draft_name(draft, "copy");
        for (size_t k = 0; k < draft->graph->n_node; k++)
            for (size_t n = 0; n < draft->graph->node[k]->n_input; n++)
                if (strcmp(draft->graph->node[k]->input[n], tensor->name) == 0) {
                    add_numbers(draft, copy, tensor->n_dims, tensor->dims, numbers);
                    set_input(draft, draft->graph->node[k], n, copy);
                    return true;
                }
    }
    return false;
}

/* ---- nodes that do nothing ---- */

static bool insert_after(struct draft *draft, const char *behind, const char *op, char **middle)
{
    node_proto *node = draft_choose(draft, behind, NULL);
    if (!node || node->n_output == 0 || !*node->output[0] || is_graph_output(draft, node->output[0])) return false;
    *middle = draft_name(draft, "through");
    redirect_readers(draft, node->output[0], *middle);
    draft_insert(draft, node_place(draft, node) + 1, op, (const char *[]){ node->output[0], NULL },
                 (const char *[]){ *middle, NULL });
    return true;
}

static bool insert_through(struct draft *draft, const struct change *change)
{
    char *middle;
    return draft_opset(draft) >= 7 && insert_after(draft, change->op, change->name, &middle);
}

static bool insert_negations(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Conv", NULL);
    (void)change;
    if (!node || is_graph_output(draft, node->output[0])) return false;
    char *once = draft_name(draft, "minus"), *twice = draft_name(draft, "plus");
    size_t at = node_place(draft, node);
    redirect_readers(draft, node->output[0], twice);
    draft_insert(draft, at + 1, "Neg", (const char *[]){ node->output[0], NULL }, (const char *[]){ once, NULL });
    draft_insert(draft, at + 2, "Neg", (const char *[]){ once, NULL }, (const char *[]){ twice, NULL });
    return true;
}

static bool insert_transposes(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Conv", NULL);
    size_t count;
    tensor_proto *weight;
    (void)change;
    if (!node || !numbers_of(draft, node->input[1], &count, &weight) || weight->n_dims != 4) return false;
    if (is_graph_output(draft, node->output[0])) return false;
    char *there = draft_name(draft, "nhwc"), *back = draft_name(draft, "nchw");
    size_t at = node_place(draft, node);
    redirect_readers(draft, node->output[0], back);
    set_list(draft,
             draft_insert(draft, at + 1, "Transpose", (const char *[]){ node->output[0], NULL },
                          (const char *[]){ there, NULL }),
             "perm", 4, (int64_t[]){ 0, 2, 3, 1 });
    set_list(draft,
             draft_insert(draft, at + 2, "Transpose", (const char *[]){ there, NULL }, (const char *[]){ back, NULL }),
             "perm", 4, (int64_t[]){ 0, 3, 1, 2 });
    return true;
}

static bool add_dead_node(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Conv", NULL);
    (void)change;
    if (!node) return false;
    draft_insert(draft, node_place(draft, node) + 1, "Relu", (const char *[]){ node->output[0], NULL },
                 (const char *[]){ draft_name(draft, "unread"), NULL });
    return true;
}

/* Each reader gets an operator of its own. */
static bool duplicate_node(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node || node->n_output != 1 || is_graph_output(draft, node->output[0])) return false;
    for (size_t i = node_place(draft, node) + 1; i < draft->graph->n_node; i++)
        for (size_t k = 0; k < draft->graph->node[i]->n_input; k++) {
            node_proto *reader = draft->graph->node[i];
            if (strcmp(reader->input[k], node->output[0]) != 0) continue;
            char *other = draft_name(draft, "again");
            node_proto *copy = draft_insert(draft, node_place(draft, node) + 1, node->op_type, (const char *[]){ NULL },
                                            (const char *[]){ other, NULL });
            copy->input = node->input;
            copy->n_input = node->n_input;
            copy->attribute = node->attribute;
            copy->n_attribute = node->n_attribute;
            set_input(draft, reader, k, other);
            return true;
        }
    return false;
}

static bool is_plain(const node_proto *node)
{
    return !node->n_attribute;
}

static bool swap_operands(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node || node->n_input != 2 || !is_plain(node)) return false;
    char *kept = node->input[0];
    node->input[0] = node->input[1];
    node->input[1] = kept;
    return true;
}

/* ---- the same in other words ---- */

/* BatchNormalization -> Mul, Add: rounded parameters. */
static bool decompose_bn(struct draft *draft, const struct change *change)
{
    node_proto *bn = draft_choose(draft, "BatchNormalization", NULL);
    size_t count[4], at;
    float *p[4];
    tensor_proto *tensor;
    (void)change;
    if (!bn || draft_opset(draft) < 9 || bn->n_output != 1 || find_attribute(bn, "training_mode")) return false;
    for (size_t i = 0; i < 4; i++) {
        p[i] = numbers_of(draft, bn->input[i + 1], &count[i], &tensor);
        if (!p[i]) return false;
    }
    const node_proto *conv = writer_of(draft, bn->input[0]);
    const attribute_proto *attribute = find_attribute(bn, "epsilon");
    if (!conv || !node_op(conv, "Conv")) return false;
    float *scale = NEW_ARRAY(draft->arena, float, count[0]), *shift = NEW_ARRAY(draft->arena, float, count[0]);
    for (size_t i = 0; i < count[0]; i++) {
        double s = (double)p[0][i] / sqrt((double)p[3][i] + (double)(attribute ? attribute->f : 1e-5f));
        scale[i] = (float)s;
        shift[i] = (float)((double)p[1][i] - (double)p[2][i] * s);
    }
    size_t weight;
    if (!numbers_of(draft, conv->input[1], &weight, &tensor)) return false;
    int64_t dims[8] = { (int64_t)count[0], 1, 1, 1, 1, 1, 1, 1 };
    char *s = draft_name(draft, "scale"), *t = draft_name(draft, "shift"), *middle = draft_name(draft, "scaled");
    if (tensor->n_dims < 2 || tensor->n_dims > 6) return false;
    add_numbers(draft, s, tensor->n_dims - 1, dims, scale);
    add_numbers(draft, t, tensor->n_dims - 1, dims, shift);
    at = node_place(draft, bn);
    draft_remove(draft, at);
    draft_insert(draft, at, "Mul", (const char *[]){ bn->input[0], s, NULL }, (const char *[]){ middle, NULL });
    draft_insert(draft, at + 1, "Add", (const char *[]){ middle, t, NULL }, (const char *[]){ bn->output[0], NULL });
    return true;
}

/* Weights doubled and what they give halved: exact. */
static bool move_factor(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    size_t count;
    tensor_proto *tensor;
    float *weight = node ? numbers_of(draft, node->input[1], &count, &tensor) : NULL;
    if (!weight || draft_opset(draft) < 7 || count_readers(draft, node->input[1]) != 1) return false;
    float factor = (float)change->by;
    for (size_t i = 0; i < count; i++) weight[i] /= factor;
    if (node->n_input > 2 && *node->input[2]) {
        float *bias = numbers_of(draft, node->input[2], &count, &tensor);
        if (!bias || count_readers(draft, node->input[2]) != 1) return false;
        for (size_t i = 0; i < count; i++) bias[i] /= factor;
    }
    char *small = draft_name(draft, "small"), *name = draft_name(draft, "factor");
    add_numbers(draft, name, 0, NULL, &factor);
    draft_insert(draft, node_place(draft, node) + 1, "Mul", (const char *[]){ small, name, NULL },
                 (const char *[]){ node->output[0], NULL });
    node->output[0] = small;
    return true;
}

static bool relu_to_max(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Relu", NULL);
    (void)change;
    if (!node || draft_opset(draft) < 8) return false;
    char *zero = draft_name(draft, "zero");
    add_numbers(draft, zero, 0, NULL, (float[]){ 0 });
    node->op_type = arena_copy_text(draft->arena, "Max");
    set_input(draft, node, 1, zero);
    return true;
}

static bool relu_to_clip(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Relu", NULL);
    (void)change;
    if (!node || draft_opset(draft) < 11) return false;
    char *zero = draft_name(draft, "zero");
    add_numbers(draft, zero, 0, NULL, (float[]){ 0 });
    node->op_type = arena_copy_text(draft->arena, "Clip");
    set_input(draft, node, 1, zero);
    return true;
}

static bool clip_to_limits(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Clip", NULL);
    (void)change;
    if (!node || node->n_input < 3 || !*node->input[1] || !*node->input[2] || draft_opset(draft) < 12) return false;
    char *below = draft_name(draft, "below");
    size_t at = node_place(draft, node);
    draft_remove(draft, at);
    draft_insert(draft, at, "Min", (const char *[]){ node->input[0], node->input[2], NULL },
                 (const char *[]){ below, NULL });
    draft_insert(draft, at + 1, "Max", (const char *[]){ below, node->input[1], NULL },
                 (const char *[]){ node->output[0], NULL });
    return true;
}

/* If(not c) with its branches exchanged. */
static bool exchange_branches(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "If", NULL);
    attribute_proto *taken = node ? find_attribute(node, "then_branch") : NULL,
                    *other = node ? find_attribute(node, "else_branch") : NULL;
    (void)change;
    if (!taken || !other) return false;
    char *contrary = draft_name(draft, "contrary"), *name = taken->name;
    taken->name = other->name;
    other->name = name;
    draft_insert(draft, node_place(draft, node), "Not", (const char *[]){ node->input[0], NULL },
                 (const char *[]){ contrary, NULL });
    node->input[0] = contrary;
    return true;
}

/* Relu(Relu(x)): what an optimizer takes out again. */
static bool repeat_relu(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node) return false;
    char *once = draft_name(draft, "once");
    node_proto *again = draft_insert(draft, node_place(draft, node) + 1, node->op_type, (const char *[]){ once, NULL },
                                     (const char *[]){ node->output[0], NULL });
    for (size_t i = 1; i < node->n_input; i++) set_input(draft, again, i, node->input[i]);
    again->attribute = node->attribute;
    again->n_attribute = node->n_attribute;
    node->output[0] = once;
    return true;
}

static bool sigmoid_in_parts(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Sigmoid", NULL);
    (void)change;
    if (!node || draft_opset(draft) < 7) return false;
    char *minus = draft_name(draft, "minus"), *power = draft_name(draft, "power"), *sum = draft_name(draft, "sum"),
         *one = draft_name(draft, "one");
    size_t at = node_place(draft, node);
    add_numbers(draft, one, 0, NULL, (float[]){ 1 });
    draft_remove(draft, at);
    draft_insert(draft, at, "Neg", (const char *[]){ node->input[0], NULL }, (const char *[]){ minus, NULL });
    draft_insert(draft, at + 1, "Exp", (const char *[]){ minus, NULL }, (const char *[]){ power, NULL });
    draft_insert(draft, at + 2, "Add", (const char *[]){ one, power, NULL }, (const char *[]){ sum, NULL });
    draft_insert(draft, at + 3, "Div", (const char *[]){ one, sum, NULL }, (const char *[]){ node->output[0], NULL });
    return true;
}

static bool sub_to_add(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Sub", NULL);
    (void)change;
    if (!node) return false;
    char *minus = draft_name(draft, "minus");
    size_t at = node_place(draft, node);
    draft_insert(draft, at, "Neg", (const char *[]){ node->input[1], NULL }, (const char *[]){ minus, NULL });
    node->op_type = arena_copy_text(draft->arena, "Add");
    node->input[1] = minus;
    return true;
}

static bool bias_to_add(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Conv", NULL);
    size_t count;
    tensor_proto *tensor;
    const float *bias = node && node->n_input > 2 ? numbers_of(draft, node->input[2], &count, &tensor) : NULL;
    const float *weight = bias ? numbers_of(draft, node->input[1], &count, &tensor) : NULL;
    (void)change;
    if (!bias || !weight || tensor->n_dims > 6 || draft_opset(draft) < 7) return false;
    int64_t dims[8] = { tensor->dims[0], 1, 1, 1, 1, 1, 1, 1 };
    char *name = draft_name(draft, "bias"), *bare = draft_name(draft, "bare");
    add_numbers(draft, name, tensor->n_dims - 1, dims, bias);
    draft_insert(draft, node_place(draft, node) + 1, "Add", (const char *[]){ bare, name, NULL },
                 (const char *[]){ node->output[0], NULL });
    node->output[0] = bare;
    node->n_input = 2;
    return true;
}

static bool gemm_to_matmul(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Gemm", NULL);
    (void)change;
    if (!node || draft_opset(draft) < 7 || node->n_attribute || node->n_input < 3) return false;
    char *product = draft_name(draft, "product"), *bias = node->input[2];
    draft_insert(draft, node_place(draft, node) + 1, "Add", (const char *[]){ product, bias, NULL },
                 (const char *[]){ node->output[0], NULL });
    node->op_type = arena_copy_text(draft->arena, "MatMul");
    node->output[0] = product;
    node->n_input = 2;
    return true;
}

static bool pads_to_node(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Conv", NULL);
    attribute_proto *pads = node ? find_attribute(node, "pads") : NULL;
    (void)change;
    if (!pads || pads->n_ints != 4 || draft_opset(draft) < 11) return false;
    int64_t all[8] = { 0, 0, pads->ints[0], pads->ints[1], 0, 0, pads->ints[2], pads->ints[3] };
    char *sizes = draft_name(draft, "pads"), *padded = draft_name(draft, "padded");
    add_whole(draft, sizes, 8, all);
    draft_insert(draft, node_place(draft, node), "Pad", (const char *[]){ node->input[0], sizes, NULL },
                 (const char *[]){ padded, NULL });
    node->input[0] = padded;
    memset(pads->ints, 0, 4 * sizeof *pads->ints);
    return true;
}

static bool pool_to_mean(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "GlobalAveragePool", NULL);
    (void)change;
    if (!node || draft_opset(draft) >= 18) return false;
    node->op_type = arena_copy_text(draft->arena, "ReduceMean");
    set_list(draft, node, "axes", 2, (int64_t[]){ 2, 3 });
    set_int(draft, node, "keepdims", 1);
    return true;
}

static bool flatten_to_reshape(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Flatten", NULL);
    (void)change;
    if (!node || node->n_attribute || draft_opset(draft) < 5) return false;
    char *shape = draft_name(draft, "shape");
    add_whole(draft, shape, 2, (int64_t[]){ 0, -1 });
    node->op_type = arena_copy_text(draft->arena, "Reshape");
    set_input(draft, node, 1, shape);
    return true;
}

static bool spell_defaults(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, "Conv", NULL);
    (void)change;
    if (!node || find_attribute(node, "group")) return false;
    set_int(draft, node, "group", 1);
    return true;
}

static bool newer_opset(struct draft *draft, const struct change *change)
{
    (void)change;
    for (size_t i = 0; i < draft->model->n_opset_import; i++) {
        BnfuseOnnx__OperatorSetIdProto *import = draft->model->opset_import[i];
        if ((import->domain && *import->domain) || import->version < 9 || import->version == 12 || import->version > 14)
            continue;
        for (size_t k = 0; k < draft->graph->n_node; k++)
            if (strcmp(draft->graph->node[k]->op_type, "BatchNormalization") != 0
                && strcmp(draft->graph->node[k]->op_type, "Conv") != 0
                && strcmp(draft->graph->node[k]->op_type, "Relu") != 0
                && strcmp(draft->graph->node[k]->op_type, "MaxPool") != 0
                && strcmp(draft->graph->node[k]->op_type, "Gemm") != 0)
                return false;
        import->version++;
        return true;
    }
    return false;
}

const struct change right_changes[] = {
    { "values renamed", rename_values, NULL, NULL, 0, 0, 0, NULL },
    { "names moved to other values", rotate_names, NULL, NULL, 0, 0, 0, NULL },
    { "nodes renamed", rename_nodes, NULL, NULL, 0, 0, 0, NULL },
    { "inputs and outputs renamed", rename_interface, NULL, NULL, 0, 0, 0, NULL },
    { "nodes reordered", reorder_nodes, NULL, NULL, 0, 0, 0, NULL },
    { "constants as nodes", constants_to_nodes, NULL, NULL, 0, 0, 0, NULL },
    { "weights as inputs", constants_to_inputs, NULL, NULL, 0, 0, 0, NULL },
    { "weights in another field", constants_to_lists, NULL, NULL, 0, 0, 0, NULL },
    { "weights as external data", constants_to_external, NULL, NULL, 0, 0, 0, NULL },
    { "a constant twice", duplicate_constant, NULL, NULL, 0, 0, 0, NULL },
    { "Identity inserted", insert_through, NULL, "Identity", 0, 0, 0, NULL },
    { "Dropout inserted", insert_through, "Conv", "Dropout", 0, 0, 0, NULL },
    { "negated twice", insert_negations, NULL, NULL, 0, 0, 0, NULL },
    { "transposed and back", insert_transposes, NULL, NULL, 0, 0, 0, NULL },
    { "a node that nobody reads", add_dead_node, NULL, NULL, 0, 0, 0, NULL },
    { "a Conv twice", duplicate_node, "Conv", NULL, 0, 0, 0, NULL },
    { "a Relu twice", duplicate_node, "Relu", NULL, 0, 0, 0, NULL },
    { "operands of an Add swapped", swap_operands, "Add", NULL, 0, 0, 0, NULL },
    { "operands of a Mul swapped", swap_operands, "Mul", NULL, 0, 0, 0, NULL },
    { "BatchNormalization as Mul and Add", decompose_bn, NULL, NULL, 0, 0, 0, NULL },
    { "a factor of two moved out", move_factor, "Conv", NULL, 0, 2, 0, NULL },
    { "a factor of three moved out", move_factor, "Conv", NULL, 0, 3, 0, NULL },
    { "a factor of a Gemm moved out", move_factor, "Gemm", NULL, 0, 0.7, 0, NULL },
    { "Relu as Max", relu_to_max, NULL, NULL, 0, 0, 0, NULL },
    { "Relu as Clip", relu_to_clip, NULL, NULL, 0, 0, 0, NULL },
    { "Clip as Min and Max", clip_to_limits, NULL, NULL, 0, 0, 0, NULL },
    { "branches exchanged", exchange_branches, NULL, NULL, 0, 0, 0, NULL },
    { "Relu of a Relu", repeat_relu, "Relu", NULL, 0, 0, 0, NULL },
    { "Clip of a Clip", repeat_relu, "Clip", NULL, 0, 0, 0, NULL },
    { "Sigmoid in parts", sigmoid_in_parts, NULL, NULL, 0, 0, 0, NULL },
    { "Sub as Add", sub_to_add, NULL, NULL, 0, 0, 0, NULL },
    { "bias as Add", bias_to_add, NULL, NULL, 0, 0, 0, NULL },
    { "Gemm as MatMul and Add", gemm_to_matmul, NULL, NULL, 0, 0, 0, NULL },
    { "pads as a node", pads_to_node, NULL, NULL, 0, 0, 0, NULL },
    { "GlobalAveragePool as ReduceMean", pool_to_mean, NULL, NULL, 0, 0, 0, NULL },
    { "Flatten as Reshape", flatten_to_reshape, NULL, NULL, 0, 0, 0, NULL },
    { "defaults spelt out", spell_defaults, NULL, NULL, 0, 0, 0, NULL },
    { "a newer opset", newer_opset, NULL, NULL, 0, 0, 0, NULL },
};

const size_t right_change_count = sizeof right_changes / sizeof *right_changes;
