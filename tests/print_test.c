/* SPDX-License-Identifier: Apache-2.0
 *
 * Graphs as text: models of models/ against golden/, and what those do not show. With BNFUSE_UPDATE_GOLDEN set, the
 * golden files are written instead of compared. */
#include "build.h"
#include "onnx/graph/index.h"
#include "onnx/graph/print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const golden[] = {
    "conv_bn_bn",
    "if_branches_conv_bn",
    "function_called_twice",
    "conv_transpose_add_bn_constant_nodes",
    "ir3_weights_as_inputs",
    "loop_body_conv_bn",
    "quantised_weight_per_channel",
    "nodes_in_an_odd_order",
    "bn_opset9_empty_outputs",
    "axis_not_proven",
    "complex_spectrum_beside_conv_bn",
};

static char *printed(const struct net *net)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    net_print(net, stream);
    fclose(stream);
    return text;
}

static char *file_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0;
    if (!file) return NULL;
    FILE *stream = open_memstream(&text, &size);
    for (int c; (c = getc(file)) != EOF;) putc(c, stream);
    fclose(stream);
    fclose(file);
    return text;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_golden(const char *name, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/%s.txt", getenv("BNFUSE_TESTS"), name);
    if (getenv("BNFUSE_UPDATE_GOLDEN")) write_text(path, text);
    char *expected = file_text(path);
    if (!expected) fail_msg("%s cannot be read", path);
    if (strcmp(text, expected) != 0) print_message("%s has:\n%s\nbut the model prints:\n%s\n", path, expected, text);
    assert_true(strcmp(text, expected) == 0);
    free(expected);
}

static void models_print_as_their_golden_files_say(void **state)
{
    (void)state;
    if (!getenv("BNFUSE_MODELS") || !getenv("BNFUSE_TESTS")) {
        print_message("BNFUSE_MODELS or BNFUSE_TESTS is not set\n");
        skip();
    }
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        char path[4096];
        struct memory memory = { 0 };
        struct arena arena;
        struct model model;
        struct net net;
        struct bnfuse_error error;
        snprintf(path, sizeof path, "%s/%s.onnx", getenv("BNFUSE_MODELS"), golden[i]);
        arena_open(&arena, &memory);
        if (!model_load(&model, &arena, path, &error) || !net_index(&net, &arena, &model, &error))
            fail_msg("%s", error.message);
        char *text = printed(&net);
        assert_golden(golden[i], text);
        free(text);
        arena_close(&arena);
    }
}

static void attributes_of_every_kind_names_of_every_kind(void **state)
{
    (void)state;
    struct build b;
    struct model model;
    struct net net;
    build_open(&b, 8, 13);
    build_import(&b, "own", 1);
    build_input(&b, "x\n\x1b[31m", DTYPE_FLOAT, "N,?,3");
    build_input(&b, "s", DTYPE_FLOAT16, "");
    build_input(&b, "u", DTYPE_INT64, NULL);
    build_input(&b, "v", 0, NULL);
    build_init_values(&b, "few", DTYPE_BFLOAT16, "3", (double[]){ 1, -2.5, 0 });
    build_init(&b, "many", DTYPE_INT8, "3,3", 1);
    BnfuseOnnx__NodeProto *node =
        build_node(&b, "Own", NULL, "x\n\x1b[31m _ s", "_ y", "i=1 f=1.0 is=1,2 fs=0.5,1e-5 t=a\"b\\ e=3,");
    node->domain = (char *)"own";
    build_attribute_tensor(&b, "k", build_tensor(&b, NULL, DTYPE_FLOAT, "2", (double[]){ 0.25, 4 }));
    build_node(&b, "Sink", "n\tn", "y", NULL, NULL);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    build_load(&b, &model, &net);
    char *text = printed(&net);
    assert_string_equal(text, "graph \"g\"  opset 13\n"
                              "  input  x\\n\\x1b[31m float32 [N, ?, 3]\n"
                              "  input  s float16 []\n"
                              "  input  u int64 [...]\n"
                              "  input  v ?\n"
                              "  init   few bfloat16 [3] {1, -2.5, 0}\n"
                              "  init   many int8 [3, 3]\n"
                              "  _, y = own.Own(x\\n\\x1b[31m, _, s) {i=1, f=1.0, is=[1, 2], fs=[0.5, 1e-05], "
                              "t=\"a\"b\\\\\", e=[3], k=float32 [2] {0.25, 4}}\n"
                              "  Sink(y)  \"n\\tn\"\n"
                              "  output y\n");
    free(text);
    build_close(&b);
}

/* An input of a type that is no tensor; what is declared of its inside is not printed. */
static void add_input_of(struct build *b, const char *name, BnfuseOnnx__TypeProto__ValueCase kind)
{
    build_input(b, name, DTYPE_FLOAT, "2");
    BnfuseOnnx__TypeProto *type = b->model->graph->input[b->model->graph->n_input - 1]->type;
    BnfuseOnnx__TypeProto__Sequence *sequence = NEW(&b->arena, BnfuseOnnx__TypeProto__Sequence);
    BnfuseOnnx__TypeProto__Map *map = NEW(&b->arena, BnfuseOnnx__TypeProto__Map);
    BnfuseOnnx__TypeProto__Optional *optional = NEW(&b->arena, BnfuseOnnx__TypeProto__Optional);
    bnfuse_onnx__type_proto__sequence__init(sequence);
    bnfuse_onnx__type_proto__map__init(map);
    bnfuse_onnx__type_proto__optional__init(optional);
    type->value_case = kind;
    if (kind == BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE) type->sequence_type = sequence;
    if (kind == BNFUSE_ONNX__TYPE_PROTO__VALUE_MAP_TYPE) type->map_type = map;
    if (kind == BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE) type->optional_type = optional;
}

static void what_is_no_dense_tensor_prints_as_what_it_is(void **state)
{
    (void)state;
    struct build b;
    struct model model;
    struct net net;
    build_open(&b, 8, 16);
    build_import(&b, "own", 1);
    add_input_of(&b, "q", BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE);
    add_input_of(&b, "m", BNFUSE_ONNX__TYPE_PROTO__VALUE_MAP_TYPE);
    add_input_of(&b, "o", BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE);
    BnfuseOnnx__SparseTensorProto sparse, *list = &sparse;
    bnfuse_onnx__sparse_tensor_proto__init(&sparse);
    sparse.values = build_tensor(&b, "p", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    sparse.indices = build_tensor(&b, NULL, DTYPE_INT64, "2", (double[]){ 0, 5 });
    sparse.n_dims = 2;
    sparse.dims = (int64_t[]){ 2, 3 };
    b.model->graph->n_sparse_initializer = 1;
    b.model->graph->sparse_initializer = &list;
    BnfuseOnnx__NodeProto *node = build_node(&b, "Own", NULL, "q m o p", "y", "texts=|a|b tensors=1,");
    node->domain = (char *)"own";
    BnfuseOnnx__TensorProto *tensors[] = { build_tensor(&b, NULL, DTYPE_FLOAT, "1", (double[]){ 3 }), NULL };
    node->attribute[1]->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS;
    node->attribute[1]->n_ints = 0;
    node->attribute[1]->n_tensors = 1;
    node->attribute[1]->tensors = tensors;
    BnfuseOnnx__GraphProto graph, *graphs[] = { &graph };
    bnfuse_onnx__graph_proto__init(&graph);
    graph.name = (char *)"inner";
    BnfuseOnnx__NodeProto *other = build_node(&b, "Own", NULL, "p", "z", "none=1 inner=1,");
    other->domain = (char *)"own";
    other->attribute[0]->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    other->attribute[0]->has_i = false;
    other->attribute[1]->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS;
    other->attribute[1]->n_ints = 0;
    other->attribute[1]->n_graphs = 1;
    other->attribute[1]->graphs = graphs;
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    build_load(&b, &model, &net);
    char *text = printed(&net);
    assert_string_equal(text, "graph \"g\"  opset 16\n"
                              "  input  q sequence\n"
                              "  input  m map\n"
                              "  input  o optional\n"
                              "  init   p sparse [2, 3]\n"
                              "  y = own.Own(q, m, o, p) {texts=[\"a\", \"b\"], tensors=[float32 [1] {3}]}\n"
                              "  z = own.Own(p) {none=[], inner=[...]}\n"
                              "    inner: graph \"inner\"\n"
                              "  output y\n");
    free(text);
    build_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_print_as_their_golden_files_say),
        cmocka_unit_test(attributes_of_every_kind_names_of_every_kind),
        cmocka_unit_test(what_is_no_dense_tensor_prints_as_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
