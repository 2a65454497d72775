/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes after which a model computes something else: what folds, exporters and converters have been seen to do. A
 * pair counts only once an input was found on which the outputs differ (main.c). */
#include "draft.h"

#include <math.h>
#include <string.h>

/* ---- numbers ---- */

struct weight {
    float *numbers;
    size_t count, rows, inner; /* rows along the first axis */
    tensor_proto *tensor;
};

/* A node of the row's operator whose input in the row's slot is stored here. */
static node_proto *choose_weight(struct draft *draft, const struct change *change, struct weight *weight)
{
    for (int tries = 0; tries < 8; tries++) {
        node_proto *node = draft_choose(draft, change->op, NULL);
        if (!node || change->slot >= node->n_input) continue;
        weight->numbers = numbers_of(draft, node->input[change->slot], &weight->count, &weight->tensor);
        if (!weight->numbers || !weight->count || !weight->tensor->n_dims) continue;
        weight->rows = (size_t)weight->tensor->dims[0];
        weight->inner = weight->count / weight->rows;
        return node;
    }
    return NULL;
}

static bool add_to_element(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w)) return false;
    w.numbers[draft_random(draft, w.count)] += (float)change->by;
    return true;
}

/* A scalar, which choose_weight leaves alone. */
static bool add_to_scalar(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    size_t count;
    tensor_proto *tensor;
    float *number =
        node && change->slot < node->n_input ? numbers_of(draft, node->input[change->slot], &count, &tensor) : NULL;
    if (!number || count != 1) return false;
    *number += (float)change->by;
    return true;
}

/* The first of whole numbers: a trip count. */
static bool add_to_whole(struct draft *draft, const struct change *change)
{
    const node_proto *node = draft_choose(draft, change->op, NULL);
    int64_t *number = node && change->slot < node->n_input ? whole_of(draft, node->input[change->slot]) : NULL;
    if (number) *number += (int64_t)change->by;
    return number != NULL;
}

static bool zero_element(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w)) return false;
    size_t at = draft_random(draft, w.count);
    bool was = w.numbers[at] != 0;
    w.numbers[at] = 0;
    return was;
}

static bool scale_row(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w)) return false;
    float *row = w.numbers + draft_random(draft, w.rows) * w.inner;
    for (size_t i = 0; i < w.inner; i++) row[i] *= (float)(1 + change->by);
    return true;
}

static bool scale_all(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w)) return false;
    for (size_t i = 0; i < w.count; i++) w.numbers[i] *= (float)(1 + change->by);
    return true;
}

static bool fill_all(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w)) return false;
    for (size_t i = 0; i < w.count; i++) w.numbers[i] = (float)change->by;
    return true;
}

static bool square_all(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w)) return false;
    for (size_t i = 0; i < w.count; i++) w.numbers[i] *= w.numbers[i];
    return true;
}

static bool swap_rows(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w) || w.rows < 2) return false;
    size_t a = draft_random(draft, w.rows), b = (a + 1 + draft_random(draft, w.rows - 1)) % w.rows;
    for (size_t i = 0; i < w.inner; i++) {
        float kept = w.numbers[a * w.inner + i];
        w.numbers[a * w.inner + i] = w.numbers[b * w.inner + i];
        w.numbers[b * w.inner + i] = kept;
    }
    return true;
}

/* The factors of the outputs on the inputs: fits where there are as many of both. */
static bool scale_wrong_axis(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w) || w.tensor->n_dims < 2 || w.tensor->dims[0] != w.tensor->dims[1])
        return false;
    size_t inner = w.inner / w.rows;
    for (size_t o = 0; o < w.rows; o++)
        for (size_t i = 0; i < w.rows; i++)
            for (size_t k = 0; k < inner; k++)
                w.numbers[(o * w.rows + i) * inner + k] *= (float)((1 + 0.1 * (double)i) / (1 + 0.1 * (double)o));
    return w.rows > 1;
}

static bool reverse_rows(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w) || w.inner < 2) return false;
    for (size_t row = 0; row < w.rows; row++)
        for (size_t i = 0; i < w.inner / 2; i++) {
            float *a = &w.numbers[row * w.inner + i], *b = &w.numbers[(row + 1) * w.inner - 1 - i], kept = *a;
            *a = *b;
            *b = kept;
        }
    return true;
}

static bool round_to_eleven_bits(struct draft *draft, const struct change *change)
{
    struct weight w;
    if (!choose_weight(draft, change, &w)) return false;
    for (size_t i = 0; i < w.count; i++) {
        int exponent;
        double part = frexp((double)w.numbers[i], &exponent);
        w.numbers[i] = (float)ldexp(nearbyint(ldexp(part, 11)), exponent - 11);
    }
    return true;
}

/* ---- inputs ---- */

static bool drop_input(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node || node->n_input != change->slot + 1) return false;
    node->n_input--;
    return true;
}

static bool swap_inputs(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node || node->n_input < change->slot + 2) return false;
    char *kept = node->input[change->slot];
    node->input[change->slot] = node->input[change->slot + 1];
    node->input[change->slot + 1] = kept;
    return strcmp(kept, node->input[change->slot]) != 0;
}

/* ---- attributes ---- */

static bool change_int(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node) return false;
    const attribute_proto *attribute = find_attribute(node, change->name);
    int64_t value = attribute ? attribute->i : (int64_t)change->absent;
    set_int(draft, node, change->name, value + (int64_t)change->by);
    return true;
}

static bool flip_int(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node) return false;
    const attribute_proto *attribute = find_attribute(node, change->name);
    set_int(draft, node, change->name, !(attribute ? attribute->i : (int64_t)change->absent));
    return true;
}

static bool change_real(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node) return false;
    const attribute_proto *attribute = find_attribute(node, change->name);
    set_real(draft, node, change->name, (attribute ? attribute->f : (float)change->absent) + (float)change->by);
    return true;
}

static bool change_list(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    attribute_proto *attribute = node ? find_attribute(node, change->name) : NULL;
    if (!attribute || !attribute->n_ints) return false;
    int64_t *element = &attribute->ints[draft_random(draft, attribute->n_ints)];
    *element += (int64_t)change->by;
    return *element >= 0;
}

/* The sizes stay: what the one end gains, the other loses. */
static bool shift_pads(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    attribute_proto *attribute = node ? find_attribute(node, "pads") : NULL;
    if (!attribute || attribute->n_ints < 2 || !attribute->ints[attribute->n_ints / 2]) return false;
    attribute->ints[0]++;
    attribute->ints[attribute->n_ints / 2]--;
    return true;
}

static bool swap_list(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    attribute_proto *attribute = node ? find_attribute(node, change->name) : NULL;
    if (!attribute || attribute->n_ints < 2) return false;
    size_t last = attribute->n_ints - 1;
    int64_t kept = attribute->ints[last];
    attribute->ints[last] = attribute->ints[last - 1];
    attribute->ints[last - 1] = kept;
    return attribute->ints[last] != kept;
}

static bool change_text(struct draft *draft, const struct change *change)
{
    static const char *const texts[] = { "align_corners", "linear" }, *const others[] = { "asymmetric", "nearest" };
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node) return false;
    const attribute_proto *attribute = find_attribute(node, change->name);
    bool is_same = attribute && attribute->s.len == strlen(texts[change->slot])
                   && memcmp(attribute->s.data, texts[change->slot], attribute->s.len) == 0;
    set_text(draft, node, change->name, is_same ? others[change->slot] : texts[change->slot]);
    return true;
}

/* ---- operators ---- */

/* The row's name is the other operator; attributes go unless both have them. */
static bool replace_operator(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node) return false;
    node->op_type = arena_copy_text(draft->arena, change->name);
    if (!strstr(change->name, "Pool")) node->n_attribute = 0;
    return true;
}

/* Readers take what the node reads. */
static bool skip_node(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node || change->slot >= node->n_input || is_graph_output(draft, node->output[0])) return false;
    redirect_readers(draft, node->output[0], node->input[change->slot]);
    return true;
}

/* bn(relu(x)) instead of relu(bn(x)): a fold that crossed the activation. */
static bool cross_activation(struct draft *draft, const struct change *change)
{
    node_proto *relu = draft_choose(draft, "Relu", NULL), *bn = relu ? writer_of(draft, relu->input[0]) : NULL;
    (void)change;
    if (!bn || !node_op(bn, "BatchNormalization") || count_readers(draft, bn->output[0]) != 1) return false;
    char *x = bn->input[0], *middle = bn->output[0], *out = relu->output[0];
    relu->input[0] = x;
    relu->output[0] = middle;
    bn->input[0] = middle;
    bn->output[0] = out;
    size_t a = node_place(draft, bn), b = node_place(draft, relu);
    draft->graph->node[a] = relu;
    draft->graph->node[b] = bn;
    return true;
}

/* One BatchNormalization applied once more. */
static bool repeat_node(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node || node->n_output != 1) return false;
    char *middle = draft_name(draft, "once");
    size_t at = node_place(draft, node);
    node_proto *again = draft_insert(draft, at + 1, node->op_type, (const char *[]){ middle, NULL },
                                     (const char *[]){ node->output[0], NULL });
    again->attribute = node->attribute;
    again->n_attribute = node->n_attribute;
    for (size_t i = 1; i < node->n_input; i++) set_input(draft, again, i, node->input[i]);
    node->output[0] = middle;
    return true;
}

static bool insert_scale(struct draft *draft, const struct change *change)
{
    node_proto *node = draft_choose(draft, change->op, NULL);
    if (!node) return false;
    char *middle = draft_name(draft, "unscaled"), *factor = draft_name(draft, "factor");
    add_numbers(draft, factor, 0, NULL, (float[]){ (float)change->by });
    draft_insert(draft, node_place(draft, node) + 1, change->name, (const char *[]){ middle, factor, NULL },
                 (const char *[]){ node->output[0], NULL });
    node->output[0] = middle;
    return true;
}

static bool swap_outputs(struct draft *draft, const struct change *change)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    (void)change;
    if (graph->n_output < 2) return false;
    char *a = graph->output[0]->name, *b = graph->output[1]->name, *kept = draft_name(draft, "kept");
    rename_value(draft, a, kept);
    rename_value(draft, b, a);
    rename_value(draft, kept, b);
    BnfuseOnnx__ValueInfoProto *first = graph->output[0];
    graph->output[0] = graph->output[1];
    graph->output[1] = first;
    draft->what = "the two outputs";
    return true;
}

/* ---- bodies ---- */

static BnfuseOnnx__GraphProto *body_of(struct draft *draft, const char *op)
{
    node_proto *node = draft_choose(draft, op, NULL);
    size_t start = node && node->n_attribute ? draft_random(draft, node->n_attribute) : 0;
    for (size_t i = 0; node && i < node->n_attribute; i++)
        if (node->attribute[(start + i) % node->n_attribute]->g)
            return node->attribute[(start + i) % node->n_attribute]->g;
    return NULL;
}

/* One weight of one branch, whichever is taken. */
static bool change_branch(struct draft *draft, const struct change *change)
{
    struct draft inner = *draft;
    struct change any = *change;
    inner.graph = body_of(draft, change->op);
    if (!inner.graph || !inner.graph->n_node) return false;
    static const char *const ops[] = { "Conv", "Gemm", "MatMul", "Add", "Mul" };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        any.op = ops[i];
        any.slot = 1;
        if (scale_row(&inner, &any)) {
            draft->what = arena_printf(draft->arena, "in a body: %s", inner.what);
            return true;
        }
    }
    for (size_t i = 0; i < inner.graph->n_node; i++)
        if (node_op(inner.graph->node[i], "Relu")) {
            inner.graph->node[i]->op_type = arena_copy_text(draft->arena, "Tanh");
            return true;
        }
    return false;
}

/* ---- what follows hides it ---- */

/* The first output goes through one more node. */
static bool append(struct draft *draft, const char *op, const char *second, float value, int type)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    BnfuseOnnx__ValueInfoProto *output = graph->n_output ? graph->output[0] : NULL;
    if (!output || !writer_of(draft, output->name) || !output->type || !output->type->tensor_type) return false;
    if (output->type->tensor_type->elem_type != BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) return false;
    char *name = output->name, *inner = draft_name(draft, "visible"), *constant = draft_name(draft, "constant");
    rename_value(draft, name, inner);
    output->name = name;
    if (second) add_numbers(draft, constant, 0, NULL, &value);
    draft_insert(draft, graph->n_node, op, (const char *[]){ inner, second ? constant : NULL, NULL },
                 (const char *[]){ name, NULL });
    output->type->tensor_type->elem_type = type;
    return true;
}

static bool append_argmax(struct draft *draft)
{
    BnfuseOnnx__TensorShapeProto *shape;
    if (!append(draft, "ArgMax", NULL, 0, BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__INT64)) return false;
    shape = draft->graph->output[0]->type->tensor_type->shape;
    draft->graph->output[0]->type->tensor_type->shape = NULL;
    set_int(draft, draft->graph->node[draft->graph->n_node - 1], "axis", shape && shape->n_dim > 1);
    return true;
}

/* Saturated for most of what comes in. */
static bool append_sigmoid(struct draft *draft)
{
    return append(draft, "Mul", "by", 30, BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
           && append(draft, "Sigmoid", NULL, 0, BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}

/* Dead for most of what comes in. */
static bool append_dead_relu(struct draft *draft)
{
    return append(draft, "Sub", "by", 4, BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
           && append(draft, "Relu", NULL, 0, BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}

/* Limits that no usual input reaches. */
static bool insert_far_clip(struct draft *draft)
{
    node_proto *node = draft_choose(draft, draft_random(draft, 2) ? "Conv" : "Relu", NULL);
    if (!node || draft_opset(draft) < 11 || is_graph_output(draft, node->output[0])) return false;
    char *middle = draft_name(draft, "far"), *low = draft_name(draft, "low"), *high = draft_name(draft, "high");
    add_numbers(draft, low, 0, NULL, (float[]){ -60 });
    add_numbers(draft, high, 0, NULL, (float[]){ 60 });
    redirect_readers(draft, node->output[0], middle);
    draft_insert(draft, node_place(draft, node) + 1, "Clip", (const char *[]){ node->output[0], low, high, NULL },
                 (const char *[]){ middle, NULL });
    return true;
}

/* Boxes made of the first output: as many as overlap stay. */
static bool append_suppression(struct draft *draft)
{
    enum { INT64 = BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__INT64 };
    BnfuseOnnx__GraphProto *graph = draft->graph;
    if (draft_opset(draft) < 11 || draft_opset(draft) > 17) return false;
    char *boxes = draft_name(draft, "boxes"), *scores = draft_name(draft, "scores"),
         *score = draft_name(draft, "score"), *sizes = draft_name(draft, "sizes"), *shape = draft_name(draft, "shape"),
         *row = draft_name(draft, "row"), *most = draft_name(draft, "most"), *overlap = draft_name(draft, "overlap"),
         *least = draft_name(draft, "least");
    if (!append(draft, "NonMaxSuppression", NULL, 0, INT64)) return false;
    node_proto *node = graph->node[graph->n_node - 1];
    const char *from = node->input[0];
    graph->output[0]->type->tensor_type->shape = NULL;
    add_whole(draft, shape, 3, (int64_t[]){ 1, -1, 4 });
    add_whole(draft, row, 3, (int64_t[]){ 1, 1, -1 });
    add_whole(draft, most, 1, (int64_t[]){ 50 });
    add_numbers(draft, overlap, 1, (int64_t[]){ 1 }, (float[]){ 0.2F });
    add_numbers(draft, least, 1, (int64_t[]){ 1 }, (float[]){ 0.05F });
    size_t at = graph->n_node - 1;
    draft_insert(draft, at++, "Abs", (const char *[]){ from, NULL }, (const char *[]){ sizes, NULL });
    draft_insert(draft, at++, "Reshape", (const char *[]){ sizes, shape, NULL }, (const char *[]){ boxes, NULL });
    node_proto *reduce =
        draft_insert(draft, at++, "ReduceMin", (const char *[]){ boxes, NULL }, (const char *[]){ score, NULL });
    set_list(draft, reduce, "axes", 1, (int64_t[]){ 2 });
    draft_insert(draft, at, "Reshape", (const char *[]){ score, row, NULL }, (const char *[]){ scores, NULL });
    set_int(draft, node, "center_point_box", 1);
    const char *const inputs[] = { boxes, scores, most, overlap, least };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) set_input(draft, node, i, inputs[i]);
    return true;
}

/* The first output goes three times through x * 0.9 + x * x * 0.01. */
static bool append_loop(struct draft *draft)
{
    enum { FLOAT = BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT };
    BnfuseOnnx__GraphProto *graph = draft->graph;
    char *rounds = draft_name(draft, "rounds");
    if (draft_opset(draft) < 11 || !append(draft, "Loop", NULL, 0, FLOAT)) return false;
    node_proto *node = graph->node[graph->n_node - 1];
    const char *const inputs[] = { rounds, "", node->input[0] };
    add_whole(draft, rounds, 1, (int64_t[]){ 3 });
    for (size_t i = 0; i < 3; i++) set_input(draft, node, i, inputs[i]);
    struct draft body = *draft;
    body.graph = add_body(draft, node, "body");
    body_value(&body, true, "round", BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    body_value(&body, true, "go", BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
    body_value(&body, true, "now", FLOAT);
    body_value(&body, false, "go_on", BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
    body_value(&body, false, "next", FLOAT);
    add_numbers(&body, "most_of", 0, NULL, (float[]){ 0.9F });
    add_numbers(&body, "some_of", 0, NULL, (float[]){ 0.01F });
    draft_insert(&body, 0, "Identity", (const char *[]){ "go", NULL }, (const char *[]){ "go_on", NULL });
    draft_insert(&body, 1, "Mul", (const char *[]){ "now", "most_of", NULL }, (const char *[]){ "linear", NULL });
    draft_insert(&body, 2, "Mul", (const char *[]){ "now", "now", NULL }, (const char *[]){ "square", NULL });
    draft_insert(&body, 3, "Mul", (const char *[]){ "square", "some_of", NULL }, (const char *[]){ "bent", NULL });
    draft_insert(&body, 4, "Add", (const char *[]){ "linear", "bent", NULL }, (const char *[]){ "next", NULL });
    draft->names = body.names;
    return true;
}

const struct change wrong_changes[] = {
    { "one weight moved by 0.5", add_to_element, "Conv", NULL, 1, 0.5, 0, NULL },
    { "one weight moved by 0.01", add_to_element, "Conv", NULL, 1, 0.01, 0, NULL },
    { "one weight zeroed", zero_element, "Conv", NULL, 1, 0, 0, NULL },
    { "one weight of a Gemm moved", add_to_element, "Gemm", NULL, 1, 0.1, 0, NULL },
    { "one weight of a MatMul moved", add_to_element, "MatMul", NULL, 1, 0.1, 0, NULL },
    { "one channel off by 1e-2", scale_row, "Conv", NULL, 1, 1e-2, 0, NULL },
    { "one channel off by 1e-3", scale_row, "Conv", NULL, 1, 1e-3, 0, NULL },
    { "one channel off by 1e-4", scale_row, "Conv", NULL, 1, 1e-4, 0, NULL },
    { "one channel negated", scale_row, "Conv", NULL, 1, -2, 0, NULL },
    { "one row of a Gemm off by 1e-3", scale_row, "Gemm", NULL, 1, 1e-3, 0, NULL },
    { "one channel of a ConvTranspose off", scale_row, "ConvTranspose", NULL, 1, 1e-2, 0, NULL },
    { "two channels swapped", swap_rows, "Conv", NULL, 1, 0, 0, NULL },
    { "two rows of a Gemm swapped", swap_rows, "Gemm", NULL, 1, 0, 0, NULL },
    { "two input channels of a ConvTranspose swapped", swap_rows, "ConvTranspose", NULL, 1, 0, 0, NULL },
    { "scaled along the wrong axis", scale_wrong_axis, "Conv", NULL, 1, 0, 0, NULL },
    { "scaled along the wrong axis of a MatMul", scale_wrong_axis, "MatMul", NULL, 1, 0, 0, NULL },
    { "kernels reversed", reverse_rows, "Conv", NULL, 1, 0, 0, NULL },
    { "weights of eleven bits", round_to_eleven_bits, "Conv", NULL, 1, 0, 0, NULL },
    { "weights of a Gemm of eleven bits", round_to_eleven_bits, "Gemm", NULL, 1, 0, 0, NULL },
    { "bias off", add_to_element, "Conv", NULL, 2, 1e-2, 0, NULL },
    { "bias dropped", drop_input, "Conv", NULL, 2, 0, 0, NULL },
    { "bias doubled", scale_all, "Conv", NULL, 2, 1, 0, NULL },
    { "bias of a Gemm dropped", fill_all, "Gemm", NULL, 2, 0, 0, NULL },
    { "statistics: scale of one channel", scale_row, "BatchNormalization", NULL, 1, 1e-3, 0, NULL },
    { "statistics: scales swapped", swap_rows, "BatchNormalization", NULL, 1, 0, 0, NULL },
    { "statistics: beta missing", fill_all, "BatchNormalization", NULL, 2, 0, 0, NULL },
    { "statistics: beta twice", scale_all, "BatchNormalization", NULL, 2, 1, 0, NULL },
    { "statistics: mean missing", fill_all, "BatchNormalization", NULL, 3, 0, 0, NULL },
    { "statistics: mean stale", scale_all, "BatchNormalization", NULL, 3, -0.1, 0, NULL },
    { "statistics: variance instead of its root", square_all, "BatchNormalization", NULL, 4, 0, 0, NULL },
    { "statistics: variance of one channel", scale_row, "BatchNormalization", NULL, 4, 1e-2, 0, NULL },
    { "statistics: epsilon of 1e-3", change_real, "BatchNormalization", "epsilon", 0, 1e-3, 1e-5, NULL },
    { "statistics: scale and beta exchanged", swap_inputs, "BatchNormalization", NULL, 1, 0, 0, NULL },
    { "statistics: applied twice", repeat_node, "BatchNormalization", NULL, 0, 0, 0, NULL },
    { "statistics: not applied", skip_node, "BatchNormalization", NULL, 0, 0, 0, NULL },
    { "statistics: across the Relu", cross_activation, "Relu", NULL, 0, 0, 0, NULL },
    { "statistics: epsilon of an InstanceNormalization", change_real, "InstanceNormalization", "epsilon", 0, 1e-2, 1e-5,
      NULL },
    { "strides", change_list, "Conv", "strides", 0, 1, 0, NULL },
    { "dilations", change_list, "Conv", "dilations", 0, 1, 0, NULL },
    { "pads shifted", shift_pads, "Conv", NULL, 0, 0, 0, NULL },
    { "pads of a pool shifted", shift_pads, "MaxPool", NULL, 0, 0, 0, NULL },
    { "kernel of an AveragePool", change_list, "AveragePool", "kernel_shape", 0, 1, 0, NULL },
    { "kernel of a MaxPool", change_list, "MaxPool", "kernel_shape", 0, 1, 0, NULL },
    { "ceil_mode of a MaxPool", flip_int, "MaxPool", "ceil_mode", 0, 0, 0, NULL },
    { "count_include_pad", flip_int, "AveragePool", "count_include_pad", 0, 0, 0, NULL },
    { "slope of a LeakyRelu", change_real, "LeakyRelu", "alpha", 0, 0.05, 0.01, NULL },
    { "alpha of a Gemm", change_real, "Gemm", "alpha", 0, 1e-3, 1, NULL },
    { "beta of a Gemm", change_real, "Gemm", "beta", 0, 0.5, 1, NULL },
    { "transB of a Gemm", flip_int, "Gemm", "transB", 0, 0, 0, NULL },
    { "upper limit of a Clip", add_to_scalar, "Clip", NULL, 2, -0.5, 0, NULL },
    { "upper limit of a Clip in an attribute", change_real, "Clip", "max", 0, -0.5, 6, NULL },
    { "lower limit of a Clip in an attribute", change_real, "Clip", "min", 0, 0.5, 0, NULL },
    { "axis of a Softmax", change_int, "Softmax", "axis", 0, -1, -1, NULL },
    { "axis of an ArgMax", change_int, "ArgMax", "axis", 0, 1, 0, NULL },
    { "axis of a Concat", change_int, "Concat", "axis", 0, 1, 0, NULL },
    { "order of a Concat", swap_inputs, "Concat", NULL, 0, 0, 0, NULL },
    { "order of a Sub", swap_inputs, "Sub", NULL, 0, 0, 0, NULL },
    { "order of a Div", swap_inputs, "Div", NULL, 0, 0, 0, NULL },
    { "permutation of a Transpose", swap_list, "Transpose", "perm", 0, 0, 0, NULL },
    { "axes of a ReduceMean", change_list, "ReduceMean", "axes", 0, 1, 0, NULL },
    { "axis of a Flatten", change_int, "Flatten", "axis", 0, 1, 1, NULL },
    { "an element of a table", add_to_element, "Gather", NULL, 0, 0.5, 0, NULL },
    { "axis of a Gather", change_int, "Gather", "axis", 0, 1, 0, NULL },
    { "align_corners", change_text, "Resize", "coordinate_transformation_mode", 0, 0, 0, NULL },
    { "mode of a Resize", change_text, "Resize", "mode", 1, 0, 0, NULL },
    { "Relu dropped", skip_node, "Relu", NULL, 0, 0, 0, NULL },
    { "Relu to LeakyRelu", replace_operator, "Relu", "LeakyRelu", 0, 0, 0, NULL },
    { "Relu to Abs", replace_operator, "Relu", "Abs", 0, 0, 0, NULL },
    { "Sigmoid to HardSigmoid", replace_operator, "Sigmoid", "HardSigmoid", 0, 0, 0, NULL },
    { "Tanh to Sigmoid", replace_operator, "Tanh", "Sigmoid", 0, 0, 0, NULL },
    { "HardSwish to Relu", replace_operator, "HardSwish", "Relu", 0, 0, 0, NULL },
    { "MaxPool to AveragePool", replace_operator, "MaxPool", "AveragePool", 0, 0, 0, NULL },
    { "AveragePool to MaxPool", replace_operator, "AveragePool", "MaxPool", 0, 0, 0, NULL },
    { "GlobalAveragePool to GlobalMaxPool", replace_operator, "GlobalAveragePool", "GlobalMaxPool", 0, 0, 0, NULL },
    { "Add to Sub", replace_operator, "Add", "Sub", 0, 0, 0, NULL },
    { "Mul to Add", replace_operator, "Mul", "Add", 0, 0, 0, NULL },
    { "one branch of an Add dropped", skip_node, "Add", NULL, 0, 0, 0, NULL },
    { "the other branch of an Add dropped", skip_node, "Add", NULL, 1, 0, 0, NULL },
    { "Softmax dropped", skip_node, "Softmax", NULL, 0, 0, 0, NULL },
    { "a factor that belongs nowhere", insert_scale, "Conv", "Mul", 0, 1.0001, 0, NULL },
    { "a shift that belongs nowhere", insert_scale, "Relu", "Add", 0, 1e-3, 0, NULL },
    { "outputs swapped", swap_outputs, NULL, NULL, 0, 0, 0, NULL },
    { "a branch of an If", change_branch, "If", NULL, 0, 0.1, 0, NULL },
    { "the body of a Loop", change_branch, "Loop", NULL, 0, 0.1, 0, NULL },
    { "the body of a Scan", change_branch, "Scan", NULL, 0, 0.1, 0, NULL },
    { "an ArgMax follows: a channel", scale_row, "Conv", NULL, 1, 0.1, 0, append_argmax },
    { "an ArgMax follows: a row of a Gemm", scale_row, "Gemm", NULL, 1, 0.1, 0, append_argmax },
    { "an ArgMax follows: one weight", add_to_element, "Conv", NULL, 1, 0.1, 0, append_argmax },
    { "a saturated Sigmoid follows: a channel", scale_row, "Conv", NULL, 1, 0.01, 0, append_sigmoid },
    { "a saturated Sigmoid follows: a bias", add_to_element, "Conv", NULL, 2, 0.01, 0, append_sigmoid },
    { "a dead Relu follows: a channel", scale_row, "Conv", NULL, 1, 0.01, 0, append_dead_relu },
    { "a dead Relu follows: one weight", add_to_element, "Conv", NULL, 1, 0.05, 0, append_dead_relu },
    { "a limit that nothing reaches", add_to_scalar, "Clip", NULL, 2, -7, 0, insert_far_clip },
    { "a lower limit that nothing reaches", add_to_scalar, "Clip", NULL, 1, 20, 0, insert_far_clip },
    { "a NonMaxSuppression follows: its overlap", add_to_scalar, "NonMaxSuppression", NULL, 3, 0.4, 0,
      append_suppression },
    { "a NonMaxSuppression follows: its least score", add_to_scalar, "NonMaxSuppression", NULL, 4, 0.3, 0,
      append_suppression },
    { "a NonMaxSuppression follows: a channel", scale_row, "Conv", NULL, 1, 0.1, 0, append_suppression },
    { "a Loop follows: one round more", add_to_whole, "Loop", NULL, 0, 1, 0, append_loop },
    { "a Loop follows: no rounds", add_to_whole, "Loop", NULL, 0, -3, 0, append_loop },
    { "a Loop follows: a channel", scale_row, "Conv", NULL, 1, 1e-2, 0, append_loop },
    { "a weight of an LSTM", add_to_element, "LSTM", NULL, 1, 0.2, 0, NULL },
    { "a recurrent weight of an LSTM", scale_row, "LSTM", NULL, 2, 0.1, 0, NULL },
    { "a weight of a GRU", add_to_element, "GRU", NULL, 1, 0.2, 0, NULL },
    { "a weight of an RNN", add_to_element, "RNN", NULL, 1, 0.2, 0, NULL },
    { "direction of an LSTM", fill_all, "LSTM", NULL, 3, 0, 0, NULL },
    { "a factor of a Mul", add_to_element, "Mul", NULL, 1, 0.01, 0, NULL },
    { "a summand of an Add", add_to_element, "Add", NULL, 1, 0.01, 0, NULL },
};

const size_t wrong_change_count = sizeof wrong_changes / sizeof *wrong_changes;
