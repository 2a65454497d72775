/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph as text. Bodies stand indented under their node, functions after the main graph. */
#include "onnx/graph/print.h"
#include "base/text.h"

#include "onnx/graph/attr.h"

#include <math.h>
#include <string.h>

enum { MOST_ELEMENTS = 8, MOST_NESTED = 100, LONGEST_NAME = 1024 };

struct printer {
    FILE *to;
    const struct net *net;
    int indent;
    bool all; /* what inference knows, and summaries */
};

static void begin_line(const struct printer *p)
{
    fprintf(p->to, "%*s", 2 * p->indent, "");
}

static void print_text(const struct printer *p, const char *text)
{
    char escaped[LONGEST_NAME];
    escape_text(escaped, sizeof escaped, text_or_empty(text));
    fputs(escaped, p->to);
}

static void print_quoted(const struct printer *p, const char *text)
{
    fputc('"', p->to);
    print_text(p, text);
    fputc('"', p->to);
}

static void print_name(const struct printer *p, const struct value *value)
{
    if (value) print_text(p, value->name);
    else fputc('_', p->to);
}

/* A separator before every entry but the first. */
static void separate(const struct printer *p, size_t i)
{
    if (i) fputs(", ", p->to);
}

/* A whole number has a point, so that it is seen to be a float. */
static void print_float(const struct printer *p, double number)
{
    char text[32];
    snprintf(text, sizeof text, "%g", number);
    fprintf(p->to, "%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

/* ---- types and tensors ----------------------------------------------------------------------------------------- */

static void print_dims(const struct printer *p, const int64_t *dims, size_t rank)
{
    fputs(" [", p->to);
    for (size_t i = 0; i < rank; i++) {
        separate(p, i);
        fprintf(p->to, "%lld", (long long)dims[i]);
    }
    fputc(']', p->to);
}

static void print_declared_shape(const struct printer *p, const BnfuseOnnx__TensorShapeProto *shape)
{
    fputs(" [", p->to);
    for (size_t i = 0; i < shape->n_dim; i++) {
        const BnfuseOnnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        separate(p, i);
        if (dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
            fprintf(p->to, "%lld", (long long)dim->dim_value);
        else if (dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM)
            print_text(p, dim->dim_param);
        else fputc('?', p->to);
    }
    fputc(']', p->to);
}

static void print_declared(const struct printer *p, const BnfuseOnnx__TypeProto *type)
{
    if (type->value_case != BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
        fprintf(p->to, " %s", type_kind(type));
        return;
    }
    fprintf(p->to, " %s", dtype_name(type->tensor_type->elem_type));
    if (type->tensor_type->shape) print_declared_shape(p, type->tensor_type->shape);
    else fputs(" [...]", p->to);
}

static void print_found(const struct printer *p, const struct value *value)
{
    fprintf(p->to, " %s", dtype_name(value->type));
    fputs(value->shape.rank < 0 ? " [...]" : " [", p->to);
    for (int i = 0; i < value->shape.rank; i++) {
        separate(p, (size_t)i);
        if (value->shape.dims[i].size >= 0) fprintf(p->to, "%lld", (long long)value->shape.dims[i].size);
        else fputc('?', p->to);
    }
    if (value->shape.rank >= 0) fputc(']', p->to);
}

static void print_type(const struct printer *p, const struct value *value)
{
    if (value->info && value->info->type) print_declared(p, value->info->type);
    else if (value->type) print_found(p, value);
    else fputs(" ?", p->to);
}

/* Least and largest of the elements that are numbers. */
static void print_range(const struct printer *p, const struct tensor *tensor)
{
    double values[256], least = INFINITY, largest = -INFINITY;
    for (int64_t i = 0, count; i < tensor->count; i += count) {
        count = tensor->count - i < 256 ? tensor->count - i : 256;
        if (!tensor_read_rounded(tensor, i, count, values, NULL)) return;
        for (int64_t k = 0; k < count; k++) {
            least = fmin(least, values[k]);
            largest = fmax(largest, values[k]);
        }
    }
    if (least <= largest) fprintf(p->to, " {%g to %g}", least, largest);
}

/* Few elements as numbers, or as two each; false when they are neither real, whole nor complex. */
static bool read_numbers(const struct tensor *tensor, double *numbers)
{
    unsigned char bytes[MOST_ELEMENTS * 2 * sizeof(double)];
    if (dtype_kind(tensor->type) != KIND_COMPLEX) return tensor_read_rounded(tensor, 0, tensor->count, numbers, NULL);
    if (!tensor_read_bytes(tensor, 0, tensor->count, bytes, NULL)) return false;
    dtype_load_real(dtype_part(tensor->type), bytes, 0, 2 * tensor->count, numbers);
    return true;
}

/* Type, dims, and the elements when they are few. */
static void print_tensor(const struct printer *p, const struct tensor *tensor)
{
    double values[2 * MOST_ELEMENTS];
    bool is_complex = dtype_kind(tensor->type) == KIND_COMPLEX;
    fputs(dtype_name(tensor->type), p->to);
    print_dims(p, tensor->dims, (size_t)tensor->rank);
    if (tensor->count > MOST_ELEMENTS && p->all) print_range(p, tensor);
    if (tensor->count > MOST_ELEMENTS || !read_numbers(tensor, values)) return;
    fputs(" {", p->to);
    for (int64_t i = 0; i < tensor->count; i++) {
        separate(p, (size_t)i);
        if (is_complex) fprintf(p->to, "%g%+gi", values[2 * i], values[2 * i + 1]);
        else fprintf(p->to, "%g", values[i]);
    }
    fputc('}', p->to);
}

static void print_tensor_proto(const struct printer *p, const BnfuseOnnx__TensorProto *proto)
{
    struct tensor tensor;
    if (proto && tensor_from_proto(&tensor, p->net->arena, p->net->model, proto, NULL)) print_tensor(p, &tensor);
    else fputs("?", p->to);
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

static void print_bytes(const struct printer *p, const ProtobufCBinaryData *bytes)
{
    char text[LONGEST_NAME] = "";
    if (bytes->len) memcpy(text, bytes->data, bytes->len < sizeof text ? bytes->len : sizeof text - 1);
    print_quoted(p, text);
}

static void print_element(const struct printer *p, const BnfuseOnnx__AttributeProto *a, size_t i)
{
    if (i < a->n_ints) fprintf(p->to, "%lld", (long long)a->ints[i]);
    else if (i < a->n_floats) print_float(p, (double)a->floats[i]);
    else if (i < a->n_strings) print_bytes(p, &a->strings[i]);
    else if (i < a->n_tensors) print_tensor_proto(p, a->tensors[i]);
    else fputs("...", p->to);
}

static void print_list(const struct printer *p, const BnfuseOnnx__AttributeProto *a)
{
    const size_t count =
        a->n_ints + a->n_floats + a->n_strings + a->n_tensors + a->n_graphs + a->n_sparse_tensors + a->n_type_protos;
    fputc('[', p->to);
    for (size_t i = 0; i < count; i++) {
        separate(p, i);
        print_element(p, a, i);
    }
    fputc(']', p->to);
}

static void print_attribute(const struct printer *p, const BnfuseOnnx__AttributeProto *a)
{
    const bool is_reference = attr_refers(a);
    print_text(p, a->name);
    fputs(is_reference ? "=@" : "=", p->to);
    if (is_reference) print_text(p, a->ref_attr_name);
    else if (a->has_i) fprintf(p->to, "%lld", (long long)a->i);
    else if (a->has_f) print_float(p, (double)a->f);
    else if (a->has_s) print_bytes(p, &a->s);
    else if (a->t) print_tensor_proto(p, a->t);
    else if (a->g) fputs("graph", p->to);
    else if (a->sparse_tensor) fputs("sparse tensor", p->to);
    else if (a->tp) print_declared(p, a->tp);
    else print_list(p, a);
}

/* ---- nodes and graphs ------------------------------------------------------------------------------------------ */

static void print_graph(struct printer *p, const struct graph *graph);

static void print_operator(const struct printer *p, const struct node *node)
{
    if (*node->domain) print_text(p, node->domain);
    if (*node->domain) fputc('.', p->to);
    print_text(p, node->op);
}

static void print_bodies(struct printer *p, const struct node *node)
{
    p->indent++;
    for (size_t i = 0; i < node->inner_count; i++) {
        begin_line(p);
        print_text(p, node->inner_names[i]);
        fputs(": ", p->to);
        print_graph(p, node->inner[i]);
    }
    p->indent--;
}

static void print_node(struct printer *p, const struct node *node)
{
    begin_line(p);
    for (size_t i = 0; i < node->output_count; i++) {
        separate(p, i);
        print_name(p, node->outputs[i]);
        if (p->all && node->outputs[i]) print_type(p, node->outputs[i]);
    }
    fputs(node->output_count ? " = " : "", p->to);
    print_operator(p, node);
    fputc('(', p->to);
    for (size_t i = 0; i < node->input_count; i++) {
        separate(p, i);
        print_name(p, node->inputs[i].value);
    }
    fputc(')', p->to);
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        fputs(i ? ", " : " {", p->to);
        print_attribute(p, node->proto->attribute[i]);
    }
    fputs(node->proto->n_attribute ? "}" : "", p->to);
    if (*text_or_empty(node->proto->name)) {
        fputs("  ", p->to);
        print_quoted(p, node->proto->name);
    }
    fputc('\n', p->to);
    print_bodies(p, node);
}

static void print_head(const struct printer *p, const struct graph *graph)
{
    if (graph->function) {
        fputs("function ", p->to);
        print_text(p, graph->function->domain);
        fputc('.', p->to);
        print_text(p, graph->function->name);
    } else {
        fputs("graph ", p->to);
        print_quoted(p, graph->proto->name);
    }
    if (!graph->owner) fprintf(p->to, "  opset %lld", (long long)graph_opset(graph));
    fputc('\n', p->to);
}

static void print_input(const struct printer *p, const struct value *value)
{
    begin_line(p);
    fputs("input  ", p->to);
    print_name(p, value);
    print_type(p, value);
    fputc('\n', p->to);
}

static void print_initializer(const struct printer *p, const struct value *value)
{
    begin_line(p);
    fputs("init   ", p->to);
    print_name(p, value);
    fputc(' ', p->to);
    if (value->initializer) print_tensor(p, value->initializer);
    else fputs("sparse", p->to);
    if (!value->initializer) print_dims(p, value->sparse->dims, value->sparse->n_dims);
    fputc('\n', p->to);
}

/* Goes as deep as bodies are nested, which loading bounds. */
static void print_graph(struct printer *p, const struct graph *graph)
{
    print_head(p, graph);
    if (p->indent > MOST_NESTED) return;
    p->indent++;
    for (size_t i = 0; i < graph->input_count; i++) print_input(p, graph->inputs[i]);
    for (size_t i = 0; i < graph->initializer_count; i++) print_initializer(p, graph->initializers[i]);
    for (const struct node *node = graph->first; node; node = node->next) print_node(p, node);
    for (size_t i = 0; i < graph->output_count; i++) {
        begin_line(p);
        fputs("output ", p->to);
        print_name(p, graph->outputs[i]);
        fputc('\n', p->to);
    }
    p->indent--;
}

static void print_net(struct printer *p)
{
    print_graph(p, p->net->main);
    for (size_t i = 0; i < p->net->function_count; i++) print_graph(p, p->net->functions[i]);
}

void net_print(const struct net *net, FILE *to)
{
    print_net(&(struct printer){ .to = to, .net = net });
}

void net_print_all(const struct net *net, FILE *to)
{
    print_net(&(struct printer){ .to = to, .net = net, .all = true });
}
