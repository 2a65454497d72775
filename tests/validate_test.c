/* SPDX-License-Identifier: Apache-2.0
 *
 * Validation: each violation is named; what real models do is let pass. */
#include "build.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/index.h"
#include "onnx/graph/validate.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct build b;
static struct model model;
static struct net net;

/* x -> Conv -> y, which is valid; tests break it before they load it. */
static int open_build(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,8,8");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 1);
    build_node(&b, "Conv", "conv", "x w", "y", "group=1 auto_pad=VALID pads=0,0,0,0");
    build_output(&b, "y", DTYPE_FLOAT, "N,4,6,6");
    return 0;
}

static int close_build(void **state)
{
    (void)state;
    build_close(&b);
    return 0;
}

static void assert_valid(void)
{
    struct bnfuse_error error = { 0 };
    build_load(&b, &model, &net);
    if (!net_validate(&net, &error)) fail_msg("%s", error.message);
}

static void assert_invalid(const char *words)
{
    struct bnfuse_error error = { 0 };
    build_load(&b, &model, &net);
    size_t used = b.memory.used;
    assert_false(net_validate(&net, &error));
    assert_int_equal(error.status, BNFUSE_INVALID);
    if (!strstr(error.message, words)) print_message("%s\n", error.message);
    assert_non_null(strstr(error.message, words));
    assert_int_equal(b.memory.used, used);
}

static BnfuseOnnx__AttributeProto *attribute(size_t i)
{
    return b.model->graph->node[0]->attribute[i];
}

static void a_plain_model_is_valid(void **state)
{
    (void)state;
    assert_valid();
}

static void the_ir_version_must_be_there_and_known(void **state)
{
    (void)state;
    b.model->has_ir_version = false;
    assert_invalid("IR version");
    b.model->has_ir_version = true;
    b.model->ir_version = 15;
    assert_invalid("IR version 15");
    b.model->ir_version = 14;
    assert_valid();
}

static void every_domain_in_use_must_be_imported_once(void **state)
{
    (void)state;
    build_node(&b, "Own", "own", "x", "z", NULL)->domain = (char *)"com.example";
    assert_valid(); /* it only has to stay as it is */
    build_import(&b, "com.example", 1);
    assert_valid();
    build_import(&b, "com.example", 1);
    assert_valid();
    build_import(&b, "ai.onnx", 12);
    assert_invalid("two versions");
    b.model->opset_import[3]->version = 0;
    assert_invalid("without a version");
}

static void the_oldest_models_import_nothing(void **state)
{
    (void)state;
    b.model->n_opset_import = 0;
    assert_invalid("opset is not imported");
    b.model->ir_version = 1;
    assert_valid();
    assert_int_equal(net.main->first->opset, 1);
    assert_int_equal(graph_opset(net.main), 1);
}

static void attributes_must_be_what_they_claim(void **state)
{
    (void)state;
    attribute(0)->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    assert_invalid("Conv \"conv\": attribute \"group\" holds another type");
    attribute(0)->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    attribute(0)->has_i = false;
    assert_invalid("attribute \"group\" holds nothing");
    attribute(0)->type = (BnfuseOnnx__AttributeProto__AttributeType)77;
    assert_invalid("attribute \"group\" has a type that ONNX does not know");
    attribute(0)->has_type = false;
    attribute(0)->has_i = attribute(0)->has_f = true;
    assert_invalid("attribute \"group\" holds several values");
    attribute(0)->has_f = false;
    assert_valid();
    attribute(0)->name = (char *)"pads";
    assert_invalid("attribute \"pads\" stands there twice");
    attribute(0)->name = NULL;
    assert_invalid("has no name");
    attribute(0)->name = (char *)"group";
    attribute(0)->ref_attr_name = (char *)"p";
    assert_invalid("refers to a parameter");
}

static void a_scalar_that_is_not_written_has_its_default(void **state)
{
    (void)state;
    build_node(&b, "Concat", "join", "y y", "z", "axis=1");
    b.model->graph->node[1]->attribute[0]->has_i = false;
    attribute(1)->has_s = false;
    attribute(2)->n_ints = 0;
    assert_valid();
}

static void tensors_of_attributes_are_checked(void **state)
{
    (void)state;
    build_node(&b, "Constant", "c", NULL, "k", NULL);
    BnfuseOnnx__TensorProto *tensor = build_tensor(&b, "kk", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    build_attribute_tensor(&b, "value", tensor);
    assert_valid();
    tensor->raw_data.len = 7;
    assert_invalid("tensor \"kk\"");
    tensor->raw_data.len = 8;
    tensor->dims[0] = -2;
    assert_invalid("negative");
    BnfuseOnnx__AttributeProto *list = b.model->graph->node[b.model->graph->n_node - 1]->attribute[0];
    BnfuseOnnx__SparseTensorProto sparse, *sparse_list = &sparse;
    bnfuse_onnx__sparse_tensor_proto__init(&sparse);
    sparse.values = build_tensor(&b, "s", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    list->t = NULL;
    list->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS;
    list->n_tensors = 1;
    list->tensors = &tensor;
    assert_invalid("tensor \"kk\"");
    list->n_tensors = 0;
    list->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSORS;
    list->n_sparse_tensors = 1;
    list->sparse_tensors = &sparse_list;
    assert_invalid("lacks");
}

static void sparse_tensors_are_checked(void **state)
{
    (void)state;
    BnfuseOnnx__SparseTensorProto sparse, *list = &sparse;
    bnfuse_onnx__sparse_tensor_proto__init(&sparse);
    sparse.values = build_tensor(&b, "s", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    sparse.indices = build_tensor(&b, NULL, DTYPE_INT64, "2", (double[]){ 0, 5 });
    sparse.n_dims = 2;
    sparse.dims = (int64_t[]){ 2, 3 };
    b.model->graph->n_sparse_initializer = 1;
    b.model->graph->sparse_initializer = &list;
    assert_valid();
    sparse.dims = (int64_t[]){ 2, -3 };
    assert_invalid("sparse tensor \"s\"");
    sparse.dims = (int64_t[]){ 2, 3 };
    build_input(&b, "s", DTYPE_FLOAT, "2,4");
    assert_invalid("\"s\" has other dims");
    sparse.dims = (int64_t[]){ 2, 4 };
    assert_valid();
    static const struct {
        enum dtype type;
        const char *dims;
        double at[4];
        bool fits;
    } indices[] = {
        { DTYPE_INT64, "2", { 0, 7 }, true },          { DTYPE_INT64, "2", { 0, 8 }, false },
        { DTYPE_INT64, "2", { -1, 7 }, false },        { DTYPE_INT64, "2", { 7, 0 }, false },
        { DTYPE_INT64, "2", { 7, 7 }, false },         { DTYPE_INT64, "3", { 0, 1, 2 }, false },
        { DTYPE_INT64, "2,2", { 0, 3, 1, 3 }, true },  { DTYPE_INT64, "2,2", { 0, 3, 1, 4 }, false },
        { DTYPE_INT64, "2,2", { 1, 0, 0, 3 }, false }, { DTYPE_INT64, "2,1", { 0, 1 }, false },
        { DTYPE_INT64, "1,2,1", { 0, 1 }, false },     { DTYPE_INT64, "", { 0 }, false },
        { DTYPE_UINT8, "2", { 0, 7 }, true },          { DTYPE_FLOAT, "2", { 0, 7 }, false },
    };
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        sparse.indices = build_tensor(&b, NULL, indices[i].type, indices[i].dims, indices[i].at);
        if (indices[i].fits) assert_valid();
        else assert_invalid("sparse tensor \"s\": its indices do not fit");
    }
    sparse.values = build_tensor(&b, "s", DTYPE_FLOAT, "2,1", (double[]){ 1, 2 });
    sparse.indices = build_tensor(&b, NULL, DTYPE_INT64, "2", (double[]){ 0, 5 });
    assert_invalid("sparse tensor \"s\": its indices do not fit");
    sparse.indices = NULL;
    assert_invalid("lacks");
}

/* An initializer `k` of float [2, 3] that is a graph input too. */
static void an_initializer_fits_the_input_that_it_is_the_default_of(void **state)
{
    (void)state;
    static const struct {
        enum dtype type;
        const char *declared, *words; /* NULL: valid */
    } cases[] = {
        { DTYPE_FLOAT, "2,3", NULL },
        { DTYPE_FLOAT, NULL, NULL },
        { DTYPE_FLOAT, "N,?", NULL },
        { DTYPE_FLOAT, "-1,3", NULL }, /* "unknown", as exporters write it */
        { DTYPE_FLOAT, "0,3", NULL },
        { DTYPE_FLOAT, "3,2", "\"k\" has other dims" },
        { DTYPE_FLOAT, "N,2", "\"k\" has other dims" },
        { DTYPE_FLOAT, "6", "\"k\" has other dims" },
        { DTYPE_FLOAT, "", "\"k\" has other dims" },
        { DTYPE_FLOAT, "1,2,3", "\"k\" has other dims" },
        { DTYPE_DOUBLE, "2,3", "\"k\" holds float32, but is declared as float64" },
        { DTYPE_INT32, NULL, "\"k\" holds float32, but is declared as int32" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        build_open(&b, 8, 13);
        build_input(&b, "k", cases[i].type, cases[i].declared);
        build_init_values(&b, "k", DTYPE_FLOAT, "2,3", (double[]){ 1, 2, 3, 4, 5, 6 });
        build_node(&b, "Relu", "relu", "k", "y", NULL);
        build_output(&b, "y", DTYPE_FLOAT, NULL);
        if (cases[i].words) assert_invalid(cases[i].words);
        else assert_valid();
        build_close(&b);
    }
}

static void a_node_must_say_its_operator(void **state)
{
    (void)state;
    b.model->graph->node[0]->op_type = NULL;
    assert_invalid("\"conv\" says no operator");
}

/* The other body of an If: `value` from outside, as it is. */
static void build_else(const char *value)
{
    build_body(&b, "else_branch");
    build_node(&b, "Identity", "as_it_is", value, "other", NULL);
    build_output(&b, "other", 0, NULL);
    build_end(&b);
}

static void a_cycle_is_found_in_a_body_too(void **state)
{
    (void)state;
    build_init_values(&b, "yes", DTYPE_BOOL, "", (double[]){ 1 });
    build_node(&b, "If", "choice", "yes", "c", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Add", "a", "x q", "p", NULL);
    build_node(&b, "Neg", "n", "p", "q", NULL);
    build_output(&b, "q", DTYPE_FLOAT, NULL);
    build_end(&b);
    build_else("x");
    assert_invalid("cycle");
}

static void what_real_models_do_passes(void **state)
{
    (void)state;
    b.model->graph->name = NULL;
    b.model->graph->node[0]->name = NULL;
    build_node(&b, "Relu", "same", "late", "r", NULL);
    build_node(&b, "Relu", "same", "x", "late", NULL);
    build_value_info(&b, "gone", DTYPE_FLOAT, "-1,0");
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    assert_valid();
}

/* One node more, of one flaw against the standard; NULL: none. */
static void a_node_must_be_what_the_standard_allows(void **state)
{
    (void)state;
    static const struct flaw {
        const char *op, *inputs, *outputs, *attributes, *says;
    } flaws[] = {
        { "BatchNormalization", "y s s s s", "z", "epsilon=0.1", NULL },
        { "BatchNormalization", "y s s s s", "z", "epsilon=1",
          "attribute \"epsilon\" holds an int, must hold a float" },
        { "BatchNormalization", "y s s s s", "z", "epsilon=x", "attribute \"epsilon\" holds a string" },
        { "BatchNormalization", "y s s s s", "z", "epsilon=0.1,0.2", "attribute \"epsilon\" holds a list of floats" },
        { "BatchNormalization", "y s s s s", "z", "training_mode=1", "has no attribute \"training_mode\" at opset 13" },
        { "BatchNormalization", "y s s s s", "z", "training_mode=0", NULL },
        { "BatchNormalization", "y s s s s", "z", "spatial=1", NULL },
        { "BatchNormalization", "y s s s s", "z", "spatial=0", "has no attribute \"spatial\" at opset 13" },
        { "BatchNormalization", "y s s s s", "z", "__private=1", NULL },
        { "BatchNormalization", "y s s s s s", "z", NULL, "there are 6 inputs, BatchNormalization has at most 5" },
        { "BatchNormalization", "y s _ s s", "z", NULL, "input 2 is missing" },
        { "BatchNormalization", "y s s s", "z", NULL, "input 4 is missing" },
        { "BatchNormalization", "y s s s s", "z v1 v2 v3 v4 v5", NULL,
          "there are 6 outputs, BatchNormalization has at most 5" },
        { "BatchNormalization", "y d s s s", "z", NULL, "inputs 0 and 1 hold float32 and float64, must hold one type" },
        { "TopK", "y i", "z", NULL, "output 1 is missing, which TopK has" },
        { "TopK", "y i", "z v1", NULL, NULL },
        { "DynamicQuantizeLinear", "y", "z v1", NULL, "output 2 is missing" },
        { "MaxPool", "y", "z", "kernel_shape=1,1", NULL },
        { "Add", "y i", "z", NULL, "inputs 0 and 1 hold float32 and int64" },
        { "Relu", "y", "z", "alpha=0.5", "Relu has no attribute \"alpha\"" },
        { "Concat", "y y", "z", NULL, "attribute \"axis\" is missing" },
        { "Concat", "_", "z", "axis=0", "input 0 is missing" },
        { "Concat", "y y y d", "z", "axis=0", "inputs 2 and 3 hold" },
        { "Sum", "y y y y y", "z", NULL, NULL },
        { "Reshape", "y s", "z", NULL, "input 1 holds float32, must hold int64" },
        { "Gather", "y s", "z", NULL, "input 1 holds float32, must hold int32 or int64 at opset 13" },
        { "GatherElements", "y d", "z", "axis=1", "input 1 holds float64, must hold int32 or int64" },
        { "GatherND", "y i", "z", NULL, NULL },
        { "Slice", "y i s", "z", NULL, "input 2 holds float32, must hold int32 or int64" },
        { "Where", "s y y", "z", NULL, "input 0 holds float32, must hold bool" },
        { "OneHot", "c i s", "z", NULL, "input 0 holds complex64, which OneHot does not take" },
        { "Relu", "i", "z", NULL, "input 0 holds int64, which Relu does not take at opset 13" },
        { "Tanh", "h", "z", NULL, NULL },
        { "Conv", "h h", "z", NULL, "input 0 holds bfloat16, must hold float32 or float16 or float64" },
        { "QuantizeLinear", "y s i", "z", NULL, "input 2 holds int64, must hold uint8 or int8" },
        { "SequenceLength", "y", "z", NULL, "input 0 is a tensor, must be a sequence" },
        { "SequenceConstruct", "y", "z", NULL, NULL },
        { "SequenceConstruct", "q", "z", NULL, "input 0 is no tensor, must be one" },
        { "SequenceLength", "q", "z", NULL, NULL },
        { "Relu", "q", "z", NULL, "input 0 is no tensor, must be one" },
        { "Concat", "y q", "z", "axis=0", "input 1 is no tensor, must be one" },
        { "Cast", "y", "z", "to=7", NULL },
        { "Cast", "y", "z", "to=99", "attribute \"to\" is of element type 99 (undefined), which Cast does not take" },
        { "Cast", "y", "z", "to=-1", "attribute \"to\" is of element type -1" },
        { "Cast", "y", "z", "to=17", "attribute \"to\" is of element type 17 (float8e4m3fn)" },
        { "RandomNormalLike", "y", "z", "dtype=6", "attribute \"dtype\" is of element type 6 (int32)" },
        { "Constant", NULL, "z", NULL, "0 of its attributes say its value, exactly one must" },
        { "Constant", NULL, "z", "value_int=1", NULL },
        { "Constant", NULL, "z", "value_int=1 value_float=1.5", "2 of its attributes say its value" },
        { "Conv", "y w", "z", "group=0", "attribute \"group\" must be positive at opset 13" },
        { "Conv", "y w", "z", "group=1 strides=1,-1", "attribute \"strides\" must be positive" },
        { "Conv", "y w", "z", "dilations=2,1", NULL },
        { "Conv", "y w", "z", "pads=0,0,0,1", NULL },
        { "Conv", "y w", "z", "pads=1,1,1", "attribute \"pads\" must be 0 or more, in pairs at opset" },
        { "Conv", "y w", "z", "pads=0,0,-1,0", "attribute \"pads\" must be 0 or more, in pairs" },
        { "ConvTranspose", "y w", "z", "output_padding=0,-1", "attribute \"output_padding\" must be 0 or more" },
        { "Transpose", "y", "z", "perm=0,2,1", NULL },
        { "Transpose", "y", "z", "perm=0,2", "attribute \"perm\" must be a permutation" },
        { "Transpose", "y", "z", "perm=0,1,1", "attribute \"perm\" must be a permutation" },
        { "Transpose", "y", "z", "perm=0,-1", "attribute \"perm\" must be a permutation" },
        { "DepthToSpace", "y", "z", "blocksize=-1", "attribute \"blocksize\" must be positive" },
        { "LpNormalization", "y", "z", "p=2", NULL },
        { "LpNormalization", "y", "z", "p=3", "attribute \"p\" must be 1|2" },
        { "LpNormalization", "y", "z", "p=-1", "attribute \"p\" must be 1|2" },
        { "Clip", "y _ s", "z", NULL, NULL },
        { "Split", "y i", "z v1 v2 v3", "axis=1", NULL },
        { "Nonsense", "y", "z", "axis=1", NULL },
        { "MaxPool", "y", "z", "kernel_shape=1,1 auto_pad=SAME_LOWER", NULL },
        { "MaxPool", "y", "z", "kernel_shape=1,1 auto_pad=VALID ceil_mode=1", NULL },
        { "MaxPool", "y", "z", "kernel_shape=1,1 auto_pad=SAME",
          "attribute \"auto_pad\" must be NOTSET|SAME_UPPER|SAME_LOWER|VALID|" },
        { "MaxPool", "y", "z", "kernel_shape=1,1 ceil_mode=2", "attribute \"ceil_mode\" must be 0|1" },
        { "DepthToSpace", "y", "z", "blocksize=1 mode=CRD", NULL },
        { "DepthToSpace", "y", "z", "blocksize=1 mode=C", "attribute \"mode\" must be DCR|CRD" },
    };
    for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
        close_build(state);
        open_build(state);
        build_init(&b, "s", DTYPE_FLOAT, "4", 1);
        build_init(&b, "d", DTYPE_DOUBLE, "4", 1);
        build_init(&b, "i", DTYPE_INT64, "2", 1);
        build_init(&b, "h", DTYPE_BFLOAT16, "4", 1);
        build_input(&b, "c", DTYPE_COMPLEX64, "2");
        build_node(&b, "SequenceConstruct", "sequence", "s", "q", NULL);
        build_node(&b, flaws[i].op, "flawed", flaws[i].inputs, flaws[i].outputs, flaws[i].attributes);
        if (flaws[i].says) assert_invalid(flaws[i].says);
        else assert_valid();
    }
}

static void a_filling_is_of_a_type_that_the_standard_has(void **state)
{
    (void)state;
    build_init(&b, "i", DTYPE_INT64, "2", 1);
    build_node(&b, "ConstantOfShape", "fill", "i", "z", NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, NULL, DTYPE_BOOL, "1", (double[]){ 1 }));
    assert_valid();
    build_node(&b, "ConstantOfShape", "flawed", "i", "v", NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, NULL, DTYPE_BFLOAT16, "1", (double[]){ 1 }));
    assert_invalid(
        "attribute \"value\" is of element type 16 (bfloat16), which ConstantOfShape does not take at opset 13");
}

/* What an operator makes of its inputs is known further on, also where the file does not say so. */
static void types_are_followed_through_nodes_and_bodies(void **state)
{
    (void)state;
    build_init_values(&b, "yes", DTYPE_BOOL, "", (double[]){ 1 });
    build_init(&b, "d", DTYPE_DOUBLE, "4", 1);
    build_node(&b, "Relu", "r", "y", "relu", NULL);
    build_node(&b, "If", "choice", "yes", "c", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Shape", "size", "relu", "sizes", NULL);
    build_node(&b, "Add", "sum", "sizes d", "p", NULL);
    build_output(&b, "p", 0, NULL);
    build_end(&b);
    build_else("x");
    assert_invalid("Add \"sum\": inputs 0 and 1 hold int64 and float64");
}

/* Function f calls f + 1 twice, through a body. */
static void build_calls(int count, bool circle)
{
    char name[16], callee[16];
    build_import(&b, "local", 1);
    for (int f = 0; f < count; f++) {
        snprintf(name, sizeof name, "F%d", f);
        snprintf(callee, sizeof callee, "F%d", circle ? (f + 1) % count : f + 1);
        build_function(&b, "local", name, "a", "r", NULL);
        build_import(&b, "", 13);
        build_import(&b, "local", 1);
        build_node(&b, "If", "choice", "a", "r", NULL);
        build_body(&b, "then_branch");
        build_node(&b, callee, "call", "a", "q", NULL)->domain = (char *)"local";
        build_node(&b, callee, "call", "a", "s", NULL)->domain = (char *)"local";
        build_output(&b, "q", 0, NULL);
        build_end(&b);
        build_else("a");
        build_end(&b);
    }
}

static void functions_must_not_call_themselves(void **state)
{
    (void)state;
    build_calls(3, true);
    assert_invalid("calls itself");
}

static void calls_nest_only_so_deep(void **state)
{
    (void)state;
    build_calls(64, false);
    assert_valid();
    build_close(&b);
    open_build(NULL);
    build_calls(65, false);
    assert_invalid("nest deeper");
}

static void a_call_must_fit_its_function(void **state)
{
    (void)state;
    build_import(&b, "local", 1);
    build_function(&b, "local", "F", "a", "a", NULL);
    build_end(&b);
    build_node(&b, "F", "call", "x w", "z", NULL)->domain = (char *)"local";
    assert_invalid("F \"call\" has more inputs");
}

static void what_edits_break_is_seen(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    build_node(&b, "Relu", "relu", "y", "z", NULL);
    build_load(&b, &model, &net);
    edit_take_output(build_find_node(&net, "conv"), 0, edit_add_value(net.main, "other", NULL));
    assert_false(net_validate(&net, &error));
    assert_non_null(strstr(error.message, "Relu \"relu\": reads what nothing defines, \"y\""));
}

/* A value of an outer graph is read in a body that has one of the same name since. */
static void an_output_that_an_edit_took_away_is_seen(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    build_load(&b, &model, &net);
    edit_take_output(build_find_node(&net, "conv"), 0, edit_add_value(net.main, "other", NULL));
    assert_false(net_validate(&net, &error));
    assert_non_null(strstr(error.message, "graph output \"y\" is what nothing defines"));
}

/* dilations came with opset 10. */
static void an_attribute_of_a_later_opset_may_say_what_is_so_anyway(void **state)
{
    (void)state;
    for (int dilation = 1; dilation <= 2; dilation++) {
        build_open(&b, 8, 8);
        build_input(&b, "x", DTYPE_FLOAT, "1,2,8,8");
        build_node(&b, "MaxPool", "pool", "x", "y",
                   arena_printf(&b.arena, "kernel_shape=2,2 dilations=1,%d", dilation));
        build_output(&b, "y", DTYPE_FLOAT, NULL);
        if (dilation == 1) assert_valid();
        else assert_invalid("has no attribute \"dilations\"");
        build_close(&b);
    }
}

static void an_edit_that_hides_a_name_is_seen(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    build_load(&b, &model, &net);
    struct node *conv = build_find_node(&net, "conv");
    struct value *other = edit_add_value(net.main, "other", NULL);
    edit_set_input(conv, 0, build_find_value(&net, "x"));
    assert_true(net_validate(&net, &error));
    other->name = "x";
    conv->inputs[0].value->name = "x2";
    assert_false(net_validate(&net, &error));
    assert_non_null(strstr(error.message, "reads by a name that means something else"));
}

static void more_imports_or_attributes_than_any_model_has_are_refused(void **state)
{
    (void)state;
    BnfuseOnnx__NodeProto *node = b.model->graph->node[0];
    BnfuseOnnx__AttributeProto **attributes = NEW_ARRAY(&b.arena, BnfuseOnnx__AttributeProto *, 300);
    for (size_t i = 0; i < 300; i++) {
        attributes[i] = NEW(&b.arena, BnfuseOnnx__AttributeProto);
        *attributes[i] = *node->attribute[0];
        attributes[i]->name = arena_printf(&b.arena, "a%zu", i);
    }
    node->attribute = attributes;
    node->n_attribute = 300;
    assert_invalid("attributes");
    node->n_attribute = 0;
    for (int i = 0; i < 1001; i++) build_import(&b, arena_printf(&b.arena, "d%d", i), 1);
    assert_invalid("opsets, more than there are domains");
}

static void memory_that_runs_out_is_an_error_not_an_escape(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    build_load(&b, &model, &net);
    b.memory.limit = b.memory.used + 1;
    assert_false(net_validate(&net, &error));
    assert_int_equal(error.status, BNFUSE_INTERNAL);
    b.memory.limit = 0;
}

/* ---- real models ----------------------------------------------------------------------------------------------- */

struct survey {
    char path[4096];
    int models, refused;
};

static bool load_and_validate(void *path, struct bnfuse_error *error)
{
    struct arena *arena = &b.arena;
    return model_load(&model, arena, path, error) && net_index(&net, arena, &model, error) && net_validate(&net, error);
}

static void survey_file(struct survey *survey)
{
    struct bnfuse_error error = { 0 };
    struct memory memory = { 0 };
    arena_open(&b.arena, &memory);
    survey->models++;
    if (!guarded(&memory, load_and_validate, survey->path, &error)) {
        survey->refused++;
        print_message("%s: %s\n", survey->path, error.message);
    }
    arena_close(&b.arena);
}

static void survey_folder(struct survey *survey)
{
    DIR *folder = opendir(survey->path);
    size_t length = strlen(survey->path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat status;
        if (*entry->d_name == '.') continue;
        snprintf(survey->path + length, sizeof survey->path - length, "/%s", entry->d_name);
        if (stat(survey->path, &status) == 0 && S_ISDIR(status.st_mode)) survey_folder(survey);
        else if (strstr(entry->d_name, ".onnx")) survey_file(survey);
        survey->path[length] = 0;
    }
    closedir(folder);
}

static void every_real_model_is_valid(void **state)
{
    (void)state;
    static const char *const folders[] = { "models", "onnx-suite" };
    const char *shared = getenv("BNFUSE_SHARED");
    struct survey survey = { .models = 0 };
    for (size_t i = 0; i < 2; i++) {
        struct stat status;
        snprintf(survey.path, sizeof survey.path, "%s/%s", shared ? shared : "", folders[i]);
        if (!shared || stat(survey.path, &status) != 0) continue;
        survey_folder(&survey);
    }
    print_message("%d models\n", survey.models);
    if (!survey.models) {
        print_message("no models below BNFUSE_SHARED\n");
        skip();
    }
    assert_int_equal(survey.refused, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_build, close_build)
    const struct CMUnitTest tests[] = {
        TEST(a_plain_model_is_valid),
        TEST(the_ir_version_must_be_there_and_known),
        TEST(every_domain_in_use_must_be_imported_once),
        TEST(the_oldest_models_import_nothing),
        TEST(attributes_must_be_what_they_claim),
        TEST(a_scalar_that_is_not_written_has_its_default),
        TEST(tensors_of_attributes_are_checked),
        TEST(sparse_tensors_are_checked),
        cmocka_unit_test(an_initializer_fits_the_input_that_it_is_the_default_of),
        TEST(a_node_must_say_its_operator),
        TEST(a_cycle_is_found_in_a_body_too),
        TEST(a_node_must_be_what_the_standard_allows),
        TEST(a_filling_is_of_a_type_that_the_standard_has),
        TEST(types_are_followed_through_nodes_and_bodies),
        TEST(what_real_models_do_passes),
        TEST(functions_must_not_call_themselves),
        TEST(calls_nest_only_so_deep),
        TEST(a_call_must_fit_its_function),
        TEST(what_edits_break_is_seen),
        TEST(an_output_that_an_edit_took_away_is_seen),
        cmocka_unit_test(an_attribute_of_a_later_opset_may_say_what_is_so_anyway),
        TEST(an_edit_that_hides_a_name_is_seen),
        TEST(more_imports_or_attributes_than_any_model_has_are_refused),
        TEST(memory_that_runs_out_is_an_error_not_an_escape),
        cmocka_unit_test(every_real_model_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
