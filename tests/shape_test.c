/* SPDX-License-Identifier: Apache-2.0
 *
 * Shape inference: each rule in one line, the walk through bodies and functions, and real models whose every value,
 * when run, must have the shape that was inferred.
 *
 * A case is an operator with its inputs and what becomes of its outputs. Inputs, between blanks:
 *     N,3,8,8        a graph input of that shape (float); "i:2,3" int64, "b:" bool, "h:" float16;
 *                    "?" a dim without name;
 *                    "*" without a shape
 *     #2,-1  #5      a constant int64 list or (without comma) scalar; "#" an empty list; ".1.0,2" a constant float list
 *     $1 $2,4        what Shape gives of the input in that position: all of it, or its elements from..to
 *     =N,3           a graph input that the node does not read, for $
 *     _              absent
 * Outputs: "[N,8,?]" with "?" for a size without name and the type before it where it is not float; "[2]{N,3}" with the
 * elements; "*" when nothing is known of the shape. */
#include "build.h"
#include "io/npy.h"
#include "io/pb.h"
#include "onnx/graph/attr.h"
#include "onnx/shape/infer.h"
#include "onnx/shape/symbol.h"
#include "runtime/run.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rule_case {
    const char *op;
    int64_t opset;
    const char *inputs, *attributes, *outputs;
};

static struct build b;
static struct model model;
static struct net net;

static void infer(void)
{
    struct bnfuse_error error;
    build_load(&b, &model, &net);
    if (!shape_infer(&net, &error)) fail_msg("%s", error.message);
}

/* How a size is written: the name of a graph input's dim of the same size, else "?". */
static void print_dim(FILE *to, struct dim dim)
{
    if (dim.size >= 0) {
        fprintf(to, "%lld", (long long)dim.size);
        return;
    }
    for (size_t i = 0; i < net.main->input_count; i++) {
        const struct value *input = net.main->inputs[i];
        for (int d = 0; d < input->shape.rank; d++) {
            const char *name = value_dim_name(input, d);
            if (!name || !dim_equal(input->shape.dims[d], dim)) continue;
            fprintf(to, "%s", name);
            return;
        }
    }
    fprintf(to, "?");
}

static void print_dims(FILE *to, const struct dim *dims, int64_t count, const char *brackets)
{
    fputc(brackets[0], to);
    for (int64_t i = 0; i < count; i++) {
        if (i) fputc(',', to);
        print_dim(to, dims[i]);
    }
    fputc(brackets[1], to);
}

static void print_value(FILE *to, const struct value *value)
{
    if (value->type != DTYPE_FLOAT) fprintf(to, "%s", dtype_name(value->type));
    if (value->shape.rank < 0) fprintf(to, "*");
    else print_dims(to, value->shape.dims, value->shape.rank, "[]");
    if (value->content) print_dims(to, value->content, value->content_count, "{}");
}

static const char *value_text(const struct value *value)
{
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    print_value(to, value);
    fclose(to);
    const char *copy = arena_copy_text(&b.arena, text);
    free(text);
    return copy;
}

static void assert_value(const char *name, const char *expected)
{
    assert_string_equal(value_text(build_find_value(&net, name)), expected);
}

/* Cases */

static void add_constant(const char *name, enum dtype type, const char *list)
{
    double values[64];
    char dims[16] = "";
    int count = 0;
    bool scalar = *list && !strchr(list, ',');
    for (const char *at = list; *at; count++) {
        char *end;
        values[count] = strtod(at, &end);
        at = *end == ',' ? end + 1 : end;
    }
    if (!scalar) snprintf(dims, sizeof dims, "%d", count);
    build_init_values(&b, name, type, dims, values);
}

static void add_shape_of(const char *name, const char *source, const char *range)
{
    const char *comma = strchr(range, ',');
    if (!comma) {
        build_node(&b, "Shape", NULL, source, name, NULL);
        return;
    }
    char whole[16], from[16], to[16];
    snprintf(whole, sizeof whole, "%s_all", name);
    snprintf(from, sizeof from, "%s_from", name);
    snprintf(to, sizeof to, "%s_to", name);
    double start = strtod(range, NULL), end = strtod(comma + 1, NULL);
    build_init_values(&b, from, DTYPE_INT64, "1", &start);
    build_init_values(&b, to, DTYPE_INT64, "1", &end);
    build_node(&b, "Shape", NULL, source, whole, NULL);
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s %s %s", whole, from, to);
    build_node(&b, "Slice", NULL, inputs, name, NULL);
}

static void add_input(const char *name, const char *text)
{
    static const struct {
        char letter;
        enum dtype type;
    } types[] = { { 'i', DTYPE_INT64 }, { 'b', DTYPE_BOOL }, { 'h', DTYPE_FLOAT16 },
                  { 'u', DTYPE_UINT8 }, { 'c', DTYPE_INT8 }, { 't', DTYPE_STRING } };
    enum dtype type = DTYPE_FLOAT;
    for (size_t i = 0; text[0] && text[1] == ':' && i < sizeof types / sizeof *types; i++)
        if (types[i].letter == text[0]) type = types[i].type;
    if (text[0] && text[1] == ':') text += 2;
    build_input(&b, name, type, strcmp(text, "*") == 0 ? NULL : strcmp(text, "scalar") == 0 ? "" : text);
}

static void build_case(const struct rule_case *c, size_t output_count)
{
    char text[256], names[256] = "", outputs[256] = "", *rest = text;
    snprintf(text, sizeof text, "%s", c->inputs);
    build_open(&b, 8, c->opset);
    int count = 0;
    for (char *item; (item = strtok_r(rest, " ", &rest)); count++) {
        char name[8], source[8];
        snprintf(name, sizeof name, "x%d", count % 100);
        if (item[0] == '#') add_constant(name, DTYPE_INT64, item + 1);
        else if (item[0] == '.') add_constant(name, DTYPE_FLOAT, item + 1);
        else if (item[0] == '$') {
            snprintf(source, sizeof source, "x%c", item[1]);
            add_shape_of(name, source, item + 2 + (item[2] == ':'));
        } else if (item[0] != '_') add_input(name, item + (item[0] == '='));
        if (item[0] == '=') continue;
        strcat(names, item[0] == '_' ? "_" : name);
        strcat(names, " ");
    }
    for (size_t i = 0; i < output_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "y%zu ", i);
        strcat(outputs, name);
    }
    build_node(&b, c->op, "node", names, outputs, c->attributes);
}

static size_t count_words(const char *text)
{
    size_t count = 1;
    for (; *text; text++) count += *text == ' ';
    return count;
}

static void check_case(const struct rule_case *c)
{
    char found[512] = "";
    size_t outputs = count_words(c->outputs);
    build_case(c, outputs);
    infer();
    for (size_t i = 0; i < outputs; i++) {
        char name[32];
        snprintf(name, sizeof name, "y%zu", i);
        if (i) strcat(found, " ");
        strcat(found, value_text(build_find_value(&net, name)));
    }
    if (strcmp(found, c->outputs) != 0)
        fail_msg("%s-%lld(%s) {%s}: %s, not %s", c->op, (long long)c->opset, c->inputs,
                 c->attributes ? c->attributes : "", found, c->outputs);
    build_close(&b);
}

/* More entries than any tensor has axes. */
#define LONG_LIST "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36"

#define CHECK_CASES(cases) \
    for (size_t i = 0; i < sizeof(cases) / sizeof *(cases); i++) check_case(&(cases)[i])

static void element_wise_operators_keep_or_broadcast_shapes(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        { "Relu", 13, "N,3,5", NULL, "[N,3,5]" },
        { "Relu", 13, "*", NULL, "*" },
        { "Relu", 13, "h:scalar", NULL, "float16[]" },
        { "Softmax", 13, "N,3,5", "axis=1", "[N,3,5]" },
        { "Softmax", 13, "N,3,5", "axis=3", "undefined*" },
        { "Softmax", 13, "*", "axis=3", "*" },
        { "Softmax", 10, "N,3,5", "axis=3", "[N,3,5]" },
        { "Softmax", 10, "N,3,5", "axis=4", "undefined*" },
        { "Softmax", 11, "N,3,5", "axis=3", "undefined*" },
        { "Softmax", 11, "4", NULL, "[4]" },
        { "MeanVarianceNormalization", 13, "N,3,5", "axes=0,-1", "[N,3,5]" },
        { "MeanVarianceNormalization", 13, "N,3,5", "axes=0,3", "undefined*" },
        { "IsNaN", 13, "2,3", NULL, "bool[2,3]" },
        { "Cast", 13, "N,3", "to=7", "int64[N,3]" },
        { "Cast", 13, "N,3", "to=99", "undefined[N,3]" },
        { "CastLike", 15, "N,3 h:1", NULL, "float16[N,3]" },
        { "Dropout", 13, "N,3", NULL, "[N,3] bool[N,3]" },
        { "Dropout", 7, "N,3", NULL, "[N,3] [N,3]" },
        { "Dropout", 13, "N,3 1,1", NULL, "[N,3] bool[N,3]" },
        { "Dropout", 13, "N,3 2", NULL, "undefined* undefined*" },
        { "Add", 13, "N,3,1,5 3,4,1", NULL, "[N,3,4,5]" },
        { "Add", 13, "N,3,H,5 N,3,H,5", NULL, "[N,3,H,5]" },
        { "Add", 13, "N,H 4,1,1", NULL, "[4,N,H]" },
        { "Add", 13, "N,H 1,W", NULL, "[N,?]" },
        { "Add", 13, "N,4 N,M", NULL, "[N,4]" },
        { "Add", 13, "2,3 2,4", NULL, "undefined*" },
        { "Add", 13, "2,3 *", NULL, "*" },
        { "Add", 6, "N,3,4 3", "broadcast=1 axis=1", "[N,3,4]" },
        { "Add", 6, "N,3,4 N,3,4", NULL, "[N,3,4]" },
        { "Greater", 13, "N,1 1,M", NULL, "bool[N,M]" },
        { "Pow", 13, "h:N,3 3", NULL, "float16[N,3]" },
        { "Sum", 13, "N,1,1 3,1 5", NULL, "[N,3,5]" },
        { "Max", 13, "N,1", NULL, "[N,1]" },
        { "Sum", 13, "", NULL, "undefined*" },
        { "Where", 13, "b:N,1 h:1,M h:1,1", NULL, "float16[N,M]" },
        { "PRelu", 13, "N,3,4 3,1", NULL, "[N,3,4]" },
        { "Clip", 13, "N,3 scalar scalar", NULL, "[N,3]" },
        { "BatchNormalization", 13, "N,3,4 3 3 3 3", NULL, "[N,3,4]" },
        { "BatchNormalization", 15, "h:N,3,4 3 3 3 3", "training_mode=1", "float16[N,3,4] [3] [3]" },
        { "BatchNormalization", 13, "N,3,4 5 5 5 5", NULL, "undefined*" },
        { "LayerNormalization", 17, "h:N,3,4 h:4", "axis=-2", "float16[N,3,4] [N,1,1] [N,1,1]" },
        { "RMSNormalization", 23, "h:N,3 3", NULL, "[N,3]" },
        { "InstanceNormalization", 13, "N,3,H 3 3", NULL, "[N,3,H]" },
        { "InstanceNormalization", 13, "N,3,H 3 1,3", NULL, "undefined*" },
        { "QuantizeLinear", 13, "N,3 scalar", NULL, "uint8[N,3]" },
        { "QuantizeLinear", 13, "N,3 scalar c:scalar", NULL, "int8[N,3]" },
        { "QuantizeLinear", 21, "N,3 scalar", "output_dtype=5", "int16[N,3]" },
        { "DequantizeLinear", 13, "u:N,3 scalar", NULL, "[N,3]" },
        { "DynamicQuantizeLinear", 13, "N,3", NULL, "uint8[N,3] [] uint8[]" },
        { "SoftmaxCrossEntropyLoss", 13, "N,5 i:N", "reduction=none", "[N] [N,5]" },
        { "SoftmaxCrossEntropyLoss", 13, "N,5 i:N", NULL, "[]" },
        { "Trilu", 14, "N,N", NULL, "[N,N]" },
        { "CumSum", 13, "N,3 #1", NULL, "[N,3]" },
    };
    CHECK_CASES(cases);
}

static void axes_are_moved_split_and_merged(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        { "Transpose", 13, "N,3,4,5", "perm=0,2,3,1", "[N,4,5,3]" },
        { "Transpose", 13, "N,3,4", NULL, "[4,3,N]" },
        { "Transpose", 13, "*", "perm=0,2,1", "[?,?,?]" },
        { "Transpose", 13, "N,3", "perm=0,0", "undefined*" },
        { "Transpose", 13, "N,3", "perm=" LONG_LIST, "undefined*" },
        { "Transpose", 13, "*", "perm=" LONG_LIST, "*" },
        { "Reshape", 13, "N,6,4 #0,-1", NULL, "[N,24]" },
        { "Reshape", 13, "N,6,4 #-1,24", NULL, "[N,24]" },
        { "Reshape", 13, "N,6,4 #0,2,3,4", NULL, "[N,2,3,4]" },
        { "Reshape", 13, "N,C,H,W #0,0,-1", NULL, "[N,C,?]" },
        { "Reshape", 13, "N,6,H #0,2,3,-1", NULL, "[N,2,3,H]" },
        { "Reshape", 13, "2,6,4 #4,-1", NULL, "[4,12]" },
        { "Reshape", 13, "2,6,4 #5,-1", NULL, "undefined*" },
        { "Reshape", 13, "2,6,4 #-1,-1", NULL, "undefined*" },
        { "Reshape", 13, "2,6,4 #7,7", NULL, "undefined*" },
        { "Reshape", 13, "* #0,5,-1", NULL, "[?,5,?]" },
        { "Reshape", 13, "* i:3", NULL, "[?,?,?]" },
        { "Reshape", 13, "N,3 i:1", NULL, "[?]" },
        { "Reshape", 13, "4,3 i:1", NULL, "[12]" },
        { "Reshape", 14, "4,M,3 #0,0,3", "allowzero=1", "[0,0,3]" },
        { "Reshape", 14, "4,M,3 #0,0,3", NULL, "[4,M,3]" },
        { "Reshape", 14, "4,2,3 #0,7", "allowzero=1", "undefined*" },
        { "Reshape", 4, "N,6", "shape=-1,2,3", "[N,2,3]" },
        { "Reshape", 13, "N,6,4 $0:0,2", NULL, "[N,6]" },
        { "Reshape", 13, "N,6,4 =N,M $1", NULL, "[N,?]" },
        { "Flatten", 13, "N,3,4,5", NULL, "[N,60]" },
        { "Flatten", 13, "N,3,4,5", "axis=0", "[1,?]" },
        { "Flatten", 13, "2,3,4", "axis=-1", "[6,4]" },
        { "Flatten", 13, "2,3,4", "axis=3", "[24,1]" },
        { "Flatten", 13, "*", NULL, "[?,?]" },
        { "Flatten", 13, "2,3,4", "axis=4", "undefined*" },
        { "Squeeze", 11, "1,N,1,3", "axes=0,-2", "[N,3]" },
        { "Squeeze", 11, "1,4,1,3", NULL, "[4,3]" },
        { "Squeeze", 11, "1,N,1,3", NULL, "*" },
        { "Squeeze", 11, "2,3", "axes=0,", "undefined*" },
        { "Squeeze", 13, "N,M,3 #1,", NULL, "[N,3]" },
        { "Squeeze", 13, "N,M,3 i:1", NULL, "[?,?]" },
        { "Unsqueeze", 11, "N,3", "axes=3,0", "[1,N,3,1]" },
        { "Unsqueeze", 13, "N,3 #-1,", NULL, "[N,3,1]" },
        { "Unsqueeze", 13, "N,3 #1,1", NULL, "undefined*" },
        { "Unsqueeze", 13, "N,3 i:2", NULL, "[?,?,?,?]" },
        { "DepthToSpace", 13, "N,12,H,5", "blocksize=2", "[N,3,?,10]" },
        { "DepthToSpace", 13, "N,13,H,5", "blocksize=2", "undefined*" },
        { "SpaceToDepth", 13, "N,3,4,6", "blocksize=2", "[N,12,2,3]" },
    };
    CHECK_CASES(cases);
}

static void parts_are_joined_cut_and_picked(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        { "Concat", 13, "N,3,H N,4,H", "axis=1", "[N,7,H]" },
        { "Concat", 13, "N,3,? N,4,5", "axis=-2", "[N,7,5]" },
        { "Concat", 13, "N,3 *", "axis=1", "[N,?]" },
        { "Concat", 13, "2,3 3,3", "axis=1", "undefined*" },
        { "Concat", 13, "2,3 2,3,1", "axis=1", "undefined*" },
        { "Split", 13, "N,7 #3,4", "axis=1", "[N,3] [N,4]" },
        { "Split", 11, "N,7", "axis=-1 split=3,4", "[N,3] [N,4]" },
        { "Split", 13, "N,6", "axis=1", "[N,3] [N,3]" },
        { "Split", 13, "N,7", "axis=1", "undefined* undefined*" },
        { "Split", 18, "N,7", "axis=1 num_outputs=3", "[N,3] [N,3] [N,1]" },
        { "Split", 13, "N,7 i:2", "axis=1", "[N,?] [N,?]" },
        { "Split", 13, "N,7 #3,5", "axis=1", "undefined* undefined*" },
        { "Split", 13, "#1,2,3 #1,9", NULL, "undefined* undefined*" },
        { "Slice", 13, "N,8,H #1,1 #3,9223372036854775807 #1,2", NULL, "[N,2,?]" },
        { "Slice", 13, "N,8 #0, #2147483647, #0,", NULL, "[N,8]" },
        { "Slice", 13, "N,8 #-3, #-1, #1,", NULL, "[N,2]" },
        { "Slice", 13, "N,8 #7, #-9, #1, #-2,", NULL, "[N,4]" },
        { "Slice", 13, "N,8 #-1, #-9223372036854775807, #0, #-1,", NULL, "[N,8]" },
        { "Slice", 13, "N,8 #5, #2, #1,", NULL, "[N,0]" },
        { "Slice", 13, "N,8 i:1 #2, #1,", NULL, "[N,?]" },
        { "Slice", 13, "N,8 i:1 i:1 i:1", NULL, "[?,?]" },
        { "Slice", 13, "N,8 i:1 i:2", NULL, "undefined*" },
        { "Slice", 13, "* #1, #3,5", NULL, "undefined*" },
        { "Slice", 13, "N,8 #0,0,0 #1,1,1", NULL, "undefined*" },
        { "Slice", 13, "N,8 i:1,1 i:1,1", NULL, "undefined*" },
        { "Slice", 9, "N,8", "starts=1,1 ends=2,2 axes=1,-1", "undefined*" },
        { "Slice", 9, "*", "starts=1,1 ends=2,2 axes=1,", "undefined*" },
        { "Slice", 13, "N,8 #0, #2, #1, #0,", NULL, "undefined*" },
        { "Slice", 9, "N,8", "starts=2,1 ends=4,100 axes=1,0", "[?,2]" },
        { "Slice", 9, "4,8", "starts=" LONG_LIST " ends=" LONG_LIST, "*" },
        { "Slice", 9, "4,8", "starts=1,2 ends=100,4", "[3,2]" },
        { "Gather", 13, "N,8,3 i:2,M", "axis=1", "[N,2,M,3]" },
        { "Gather", 13, "N,8,3 #5", "axis=-2", "[N,3]" },
        { "Gather", 13, "N,8,3 i:*", NULL, "*" },
        { "Gather", 13, "N,8,3 #-8,7", "axis=1", "[N,2,3]" },
        { "Gather", 13, "N,8,3 #0,8", "axis=1", "undefined*" },
        { "Gather", 13, "N,8,3 #-9", "axis=1", "undefined*" },
        { "Gather", 13, "N,8,3 #8", NULL, "[8,3]" },
        { "GatherElements", 13, "N,8,3 i:2,8", NULL, "undefined*" },
        { "Gather", 13, "N,8,3 *", NULL, "undefined*" },
        { "GatherElements", 13, "N,8,3 i:2,8,3", "axis=3", "undefined*" },
        { "GatherElements", 13, "N,8,3 i:2,8,3", "axis=-3", "[2,8,3]" },
        { "GatherElements", 13, "N,8 i:N,2", "axis=1", "[N,2]" },
        { "GatherND", 13, "N,8,3 i:M,2", NULL, "[M,3]" },
        { "GatherND", 13, "N,8,3 i:N,4,1", "batch_dims=1", "[N,4,3]" },
        { "ScatterND", 13, "N,8 i:4,2 4", NULL, "[N,8]" },
        { "ScatterElements", 13, "N,8 i:4,2 4,2", NULL, "[N,8]" },
        { "Compress", 11, "N,8 b:8", "axis=1", "[N,?]" },
        { "Compress", 11, "N,8 b:8", NULL, "[?]" },
        { "TopK", 11, "N,8 #3,", NULL, "[N,3] int64[N,3]" },
        { "TopK", 1, "N,8", "k=3 axis=0", "[3,8] int64[3,8]" },
        { "OneHot", 11, "i:N,2 #5 2", NULL, "[N,2,5]" },
        { "OneHot", 11, "i:N,2 #5 2", "axis=0", "[5,N,2]" },
        { "NonZero", 13, "N,3", NULL, "int64[2,?]" },
        { "NonZero", 13, "#0,3,0,5", NULL, "int64[1,2]{1,3}" },
        { "Unique", 11, "N,3", "axis=1", "[N,?] int64[?] int64[3] int64[?]" },
        { "ArgMax", 13, "N,3,4", "axis=1 keepdims=0", "int64[N,4]" },
        { "ArgMax", 13, "N,3,4", "axis=-1", "int64[N,3,1]" },
        { "ReduceMean", 13, "N,3,4", "axes=1,2", "[N,1,1]" },
        { "ReduceMean", 13, "N,3,4", "axes=1, keepdims=0", "[N,4]" },
        { "ReduceMean", 13, "N,3,4", NULL, "[1,1,1]" },
        { "ReduceMean", 18, "N,3,4 #-1,", "keepdims=0", "[N,3]" },
        { "ReduceMean", 18, "N,3,4", "noop_with_empty_axes=1", "[N,3,4]" },
        { "ReduceMean", 18, "N,3,4 i:1", NULL, "[?,?,?]" },
        { "ReduceMean", 18, "N,3,4 i:1", "keepdims=0", "*" },
        { "ReduceSum", 13, "N,3,4 #0,", "keepdims=0", "[3,4]" },
        { "ReduceSum", 11, "N,3,4", "axes=0, keepdims=0", "[3,4]" },
        { "Einsum", 12, "N,3,4 N,4,5", "equation=bij,bjk->bik", "[N,3,5]" },
        { "Einsum", 12, "3,4 4,5", "equation=ij,jk", "[3,5]" },
        { "Einsum", 12, "N,3,3", "equation=...ii->...i", "[N,3]" },
        { "Einsum", 12, "N,3,4 4,5", "equation=...j,jk", "[N,3,5]" },
        { "Einsum", 12, "N,3,4 M,1,4,5", "equation=...ij,...jk->k...i", "[5,M,N,3]" },
        { "Einsum", 12, "3,4 4,5", "equation=...ij,jk->ik", "[3,5]" },
        { "Einsum", 12, "N,3,4", "equation=...B...->B", "undefined*" },
        { "Einsum", 12, "N,3 4,3", "equation=ij,jk->ik", "undefined*" },
    };
    CHECK_CASES(cases);
}

static void tensors_grow_and_are_made(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        { "Pad", 13, "N,3,4 #0,1,-1,0,0,2", NULL, "[N,4,5]" },
        { "Pad", 18, "N,3,4 #1,2 _ #-1,", NULL, "[N,3,7]" },
        { "Pad", 13, "N,3,4 i:6", NULL, "[?,?,?]" },
        { "Pad", 2, "N,3", "pads=0,1,0,1", "[N,5]" },
        { "Pad", 1, "N,3", "paddings=0,1,0,1", "[N,5]" },
        { "Tile", 13, "N,3 #1,4", NULL, "[N,12]" },
        { "Tile", 13, "N,3 i:2", NULL, "[?,?]" },
        { "Tile", 13, "N,3 #1,-1", NULL, "undefined*" },
        { "Tile", 1, "N,3 .4 .1", NULL, "[?,?]" },
        { "Expand", 13, "N,1 #1,4", NULL, "[N,4]" },
        { "Expand", 13, "3,1 #2,1,4", NULL, "[2,3,4]" },
        { "Expand", 13, "3,1 =N,M $1", NULL, "[3,M]" },
        { "Expand", 13, "3,1 i:2", NULL, "[3,?]" },
        { "Expand", 13, "3,4 #2,4", NULL, "undefined*" },
        { "ConstantOfShape", 13, "#2,3", NULL, "[2,3]" },
        { "ConstantOfShape", 13, "i:3", NULL, "[?,?,?]" },
        { "Shape", 15, "N,3,H", "start=1", "int64[2]{3,H}" },
        { "Shape", 15, "N,3,H", "start=-2 end=-1", "int64[1]{3}" },
        { "Shape", 15, "N,3,H", "start=2 end=1", "int64[0]{}" },
        { "Shape", 13, "*", NULL, "int64[?]" },
        { "Size", 13, "2,3,4", NULL, "int64[]{24}" },
        { "Size", 13, "N,3", NULL, "int64[]{?}" },
        { "EyeLike", 13, "i:N,3", "dtype=1", "[N,3]" },
        { "Range", 13, "#2 #11 #3", NULL, "int64[3]{2,5,8}" },
        { "Range", 13, "#5 #0 #-2", NULL, "int64[3]{5,3,1}" },
        { "Range", 13, "#5 #5 #1", NULL, "int64[0]{}" },
        { "Range", 13, "i:scalar #5 #1", NULL, "int64[?]" },
        { "RandomNormal", 13, "", "shape=2,3", "[2,3]" },
        { "RandomUniformLike", 13, "N,3", "dtype=10", "float16[N,3]" },
        { "Multinomial", 13, "N,3", "sample_size=4", "int32[N,4]" },
        { "HannWindow", 17, "#10", NULL, "[10]" },
        { "DFT", 17, "N,8,2", NULL, "[N,8,2]" },
        { "DFT", 17, "N,8,1", "onesided=1", "[N,5,2]" },
        { "DFT", 17, "N,T,8,1 #16", "axis=2 onesided=1", "[N,T,9,2]" },
        { "DFT", 20, "N,5,2 _ #1", "onesided=1 inverse=1", "[N,8,1]" },
        { "DFT", 20, "N,T,8,1 _ i:*", NULL, "[?,?,?,?]" },
        { "DFT", 20, "N,T,8,1", NULL, "[N,T,8,2]" },
        { "DFT", 17, "N,8,1", "axis=2", "undefined*" },
        { "STFT", 17, "N,128,1 #8 16", NULL, "[N,15,9,2]" },
        { "STFT", 17, "N,128,1 #8 _ #16", "onesided=0", "[N,15,16,2]" },
        { "STFT", 17, "N,128,1 i:* _ #16", NULL, "[N,?,9,2]" },
        { "MelWeightMatrix", 17, "#8 #16 #8192 .0 .4096", NULL, "[9,8]" },
        { "MelWeightMatrix", 17, "i:* #16 #8192 .0 .4096", NULL, "[9,?]" },
        { "TfIdfVectorizer", 9, "i:N,7", "ngram_indexes=0,4,2", "[N,5]" },
        { "TfIdfVectorizer", 9, "i:7", "ngram_indexes=0,4,2", "[5]" },
        { "CenterCropPad", 18, "N,3,4 #2,7", "axes=1,2", "[N,2,7]" },
        { "CenterCropPad", 18, "N,3,4 #2,7", "axes=" LONG_LIST, "undefined*" },
    };
    CHECK_CASES(cases);
}

static void windows_slide_over_space(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        { "Conv", 11, "N,3,9,11 8,3,3,5", NULL, "[N,8,7,7]" },
        { "Conv", 11, "N,3,9,11 8,3,3,5", "pads=1,2,0,1 strides=2,3 dilations=1,2", "[N,8,4,2]" },
        { "Conv", 11, "N,3,H,W 8,3,3,3", "pads=1,1,1,1", "[N,8,H,W]" },
        { "Conv", 11, "N,3,H,W 8,3,3,3", NULL, "[N,8,?,?]" },
        { "Conv", 11, "N,3,9,10 8,3,3,3", "auto_pad=SAME_UPPER strides=2,2", "[N,8,5,5]" },
        { "Conv", 11, "N,3,9,10 8,3,3,3", "auto_pad=VALID strides=2,2", "[N,8,4,4]" },
        { "Conv", 11, "N,6,9 8,3,3", "group=2", "[N,8,7]" },
        { "Conv", 11, "N,6,9 8,3,3", "group=3", "undefined*" },
        { "Conv", 11, "N,3,2 8,3,3", NULL, "undefined*" },
        { "Conv", 11, "* 8,3,3,3", NULL, "[?,8,?,?]" },
        { "Conv", 11, "N,3,9,9 *", "kernel_shape=3,3", "[N,?,7,7]" },
        { "Conv", 11, "N,3,9,9 *", NULL, "[N,?,?,?]" },
        { "ConvInteger", 10, "u:N,3,9 u:8,3,3", NULL, "int32[N,8,7]" },
        { "QLinearConv", 10, "u:N,3,9 scalar u:scalar u:8,3,3 scalar u:scalar scalar c:scalar", NULL, "int8[N,8,7]" },
        { "ConvTranspose", 11, "N,3,4,5 3,8,3,3", NULL, "[N,8,6,7]" },
        { "ConvTranspose", 11, "N,6,4 6,8,3", "group=2 strides=2, output_padding=1, pads=1,0", "[N,16,9]" },
        { "ConvTranspose", 11, "N,3,4,5 3,8,3,3", "strides=2,3 auto_pad=SAME_UPPER", "[N,8,8,15]" },
        { "ConvTranspose", 11, "N,3,4,5 3,8,3,3", "strides=3,2 auto_pad=SAME_LOWER", "[N,8,12,10]" },
        { "ConvTranspose", 11, "N,3,4,5 3,8,3,3", "strides=2,3 output_shape=9,14", "[N,8,9,14]" },
        { "ConvTranspose", 11, "N,4,4 3,8,3", NULL, "undefined*" },
        { "ConvTranspose", 11, "N,3,4 3,8,3 1,8", NULL, "undefined*" },
        { "ConvTranspose", 11, "N,3,4 3,8,3", "dilations=2, output_padding=1,", "[N,8,9]" },
        { "ConvTranspose", 11, "N,3,4 3,8,3", "output_padding=1,", "undefined*" },
        { "ConvTranspose", 11, "N,3,4 3,8,3", "output_shape=7,7", "undefined*" },
        { "ConvTranspose", 11, "N,3,4 3,8,3", "output_shape=1,8,7", "undefined*" },
        { "Conv", 11, "N,3,4,5 8,3,3,3 1,8", NULL, "undefined*" },
        { "Conv", 11, "N,3,4,5 8,3,3,3", "auto_pad=VALID pads=0,0,0,0", "undefined*" },
        { "Conv", 11, "N,3,4,5 8,3,3,3", "auto_pad=SAME_UPPER pads=1,1,1,1", "undefined*" },
        { "Conv", 11, "N,4,9 7,2,3", "group=2", "undefined*" },
        { "Conv", 11, "N,3,4,5 8,3,3,3 7", NULL, "undefined*" },
        { "ConvTranspose", 11, "N,3,4 3,8,3 7", NULL, "undefined*" },
        { "ConvTranspose", 11, "N,3,4 3,8,3", "strides=2, output_shape=11,", "undefined*" },
        { "ConvTranspose", 11, "N,3,4 3,8,3", "strides=2, output_shape=10,", "[N,8,10]" },
        { "MaxPool", 12, "*", "kernel_shape=2,2 strides=2,", "undefined* undefined*" },
        { "MaxPool", 12, "*", "kernel_shape=2,2 pads=1,1", "undefined* undefined*" },
        { "MaxPool", 12, "N,3,9,9", "kernel_shape=2,3 strides=2,2", "[N,3,4,4] int64[N,3,4,4]" },
        { "MaxPool", 12, "N,3,9,9", "kernel_shape=2,2 strides=2,2 ceil_mode=1", "[N,3,5,5]" },
        { "MaxPool", 12, "N,3,2", "kernel_shape=1, strides=3, ceil_mode=1", "[N,3,?]" },
        { "MaxPool", 22, "N,3,2", "kernel_shape=1, strides=3, ceil_mode=1", "[N,3,1]" },
        { "MaxPool", 12, "N,3,H", "kernel_shape=3, pads=1,1", "[N,3,H]" },
        { "AveragePool", 11, "N,3,9,9", "kernel_shape=3,3 auto_pad=SAME_LOWER strides=2,2", "[N,3,5,5]" },
        { "AveragePool", 11, "*", "kernel_shape=3,3", "[?,?,?,?]" },
        { "GlobalAveragePool", 13, "N,C,H,W", NULL, "[N,C,1,1]" },
        { "MaxUnpool", 11, "N,3,4 i:N,3,4", "kernel_shape=2, strides=2,", "[N,3,8]" },
        { "MaxUnpool", 11, "N,3,4 i:N,3,4 #1,3,9", "kernel_shape=2, strides=2,", "[1,3,9]" },
        { "Upsample", 7, "N,3,4,5", "scales=1.0,1.0,2.0,1.5", "[N,3,8,7]" },
        { "Upsample", 9, "N,3,H,5 .1,1,2,2", NULL, "[N,3,?,10]" },
        { "Resize", 10, "N,3,4,5 .1,1,2,0.5", NULL, "[N,3,8,2]" },
        { "Resize", 13, "N,3,4,5 _ .1,1,2,0.3", NULL, "[N,3,8,1]" },
        { "Resize", 13, "N,3,10,5 _ .1,1,0.7,1", NULL, "[N,3,?,5]" },
        { "Resize", 13, "N,3,4,5 _ . #1,3,7,9", NULL, "[1,3,7,9]" },
        { "Resize", 13, "N,3,4,5 _ . #1,3,7,-9", NULL, "undefined*" },
        { "Resize", 18, "N,3,4,5 _ _ #7,9", "axes=2,3", "[N,3,7,9]" },
        { "Resize", 18, "N,3,4,5 _ _ #7,9", "axes=2,3 keep_aspect_ratio_policy=not_larger", "[N,3,?,?]" },
        { "Resize", 13, "N,3,4,5 _ 4", NULL, "[?,?,?,?]" },
        { "GridSample", 16, "N,3,4,5 N,7,9,2", NULL, "[N,3,7,9]" },
        { "AffineGrid", 20, "N,2,3 #4,3,7,9", NULL, "[4,7,9,2]" },
        { "RoiAlign", 16, "N,3,9,9 M,4 i:M", "output_height=5 output_width=6", "[M,3,5,6]" },
        { "MaxRoiPool", 13, "N,3,9,9 M,5", "pooled_shape=5,6", "[M,3,5,6]" },
        { "NonMaxSuppression", 11, "1,9,4 1,1,9", NULL, "int64[?,3]" },
        { "Col2Im", 18, "N,12,8 #5,6 #2,2", NULL, "[N,3,5,6]" },
        { "DeformConv", 19, "N,3,9,9 8,3,3,3 N,18,7,7", NULL, "[N,8,7,7]" },
        { "LpPool", 18, "N,3,9", "kernel_shape=3,", "[N,3,7]" },
    };
    CHECK_CASES(cases);
}

static void matrices_multiply_and_layers_recur(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        { "MatMul", 13, "N,3,4 4,5", NULL, "[N,3,5]" },
        { "MatMul", 13, "3,4 N,4,5", NULL, "[N,3,5]" },
        { "MatMul", 13, "N,1,3,4 6,4,5", NULL, "[N,6,3,5]" },
        { "MatMul", 13, "4 4", NULL, "[]" },
        { "MatMul", 13, "4 N,4,5", NULL, "[N,5]" },
        { "MatMul", 13, "N,3,4 4", NULL, "[N,3]" },
        { "MatMul", 13, "N,3,4 5,6", NULL, "undefined*" },
        { "MatMul", 13, "* 4,5", NULL, "*" },
        { "MatMulInteger", 10, "u:N,4 u:4,5", NULL, "int32[N,5]" },
        { "QLinearMatMul", 10, "u:N,4 scalar u:scalar u:4,5 scalar u:scalar scalar c:scalar", NULL, "int8[N,5]" },
        { "Gemm", 13, "N,4 4,5 5", NULL, "[N,5]" },
        { "Gemm", 13, "N,4 4,5 3,1", NULL, "[N,5]" },
        { "Gemm", 13, "2,4 4,5 3,1", NULL, "undefined*" },
        { "Gemm", 13, "2,4 4,5 4", NULL, "undefined*" },
        { "Gemm", 13, "2,4 4,5 1,1,5", NULL, "undefined*" },
        { "Gemm", 13, "4,N 5,4", "transA=1 transB=1", "[N,5]" },
        { "Gemm", 13, "* 5,4", "transB=1", "[?,5]" },
        { "Gemm", 13, "N,3 5,4", "transB=1", "undefined*" },
        { "Gemm", 13, "N,3,4 4,5", NULL, "undefined*" },
        { "LSTM", 13, "T,N,6 1,20,6 1,20,5", "hidden_size=5", "[T,1,N,5] [1,N,5] [1,N,5]" },
        { "LSTM", 14, "N,T,6 2,20,6 2,20,5", "layout=1 direction=bidirectional", "[N,T,2,5] [N,2,5] [N,2,5]" },
        { "GRU", 13, "* 1,15,6 1,15,5", "direction=reverse", "[?,1,?,5] [1,?,5]" },
        { "RNN", 13, "T,N,6 1,5,6 1,5,5", NULL, "[T,1,N,5] [1,N,5]" },
        { "Det", 11, "N,3,3", NULL, "[N]" },
        { "Attention", 23, "N,2,7,8 N,2,9,8 N,2,9,5", NULL, "[N,2,7,5]" },
        { "LinearAttention", 27, "N,7,12 N,7,6 N,7,8", "q_num_heads=4 kv_num_heads=2", "[N,7,16] [N,2,3,4]" },
        { "LinearAttention", 27, "N,T,12 N,T,6 *", "q_num_heads=4 kv_num_heads=2", "[?,?,?] [?,?,?,?]" },
        { "CausalConvWithState", 27, "N,6,T 6,1,4", NULL, "[N,6,T] [N,6,3]" },
        { "RegexFullMatch", 20, "t:N,8", NULL, "bool[N,8]" },
        { "SwiGLU", 28, "N,8 N,8", NULL, "[N,8]" },
    };
    CHECK_CASES(cases);
}

static void shape_arithmetic_is_followed(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        { "Add", 13, "#2,3 #4,5", NULL, "int64[2]{6,8}" },
        { "Sub", 13, "#2,3 #4", NULL, "int64[2]" },
        { "Mul", 13, "=N,3 $0 #2,4", NULL, "int64[2]{?,12}" },
        { "Div", 13, "#7,-7 #2", NULL, "int64[2]{3,?}" },
        { "Mod", 13, "#7,9 #4", NULL, "int64[2]{3,1}" },
        { "Equal", 13, "#7,9 #7", NULL, "bool[2]{1,0}" },
        { "Less", 13, "#7,5 #7", NULL, "bool[2]{0,1}" },
        { "LessOrEqual", 16, "#7,8 #7", NULL, "bool[2]{1,0}" },
        { "Greater", 13, "#7,8 #7", NULL, "bool[2]{0,1}" },
        { "GreaterOrEqual", 16, "#7,6 #7", NULL, "bool[2]{1,0}" },
        { "Min", 13, "#7,6 #3,9 #5", NULL, "int64[2]{3,5}" },
        { "Max", 13, "#7,6 #3,9", NULL, "int64[2]{7,9}" },
        { "Neg", 13, "#-7,-6", NULL, "int64[2]{7,6}" },
        { "Abs", 13, "#-7,6", NULL, "int64[2]{7,6}" },
        { "Cast", 13, "#7,0", "to=9", "bool[2]{1,0}" },
        { "Cast", 13, "#7,300", "to=2", "uint8[2]{7,?}" },
        { "Cast", 13, "#7,8", "to=1", "[2]" },
        { "Cast", 13, "#-9223372036854775808,8", "to=1", "[2]" },
        { "Cast", 13, ".7,8.5", "to=7", "int64[2]{7,?}" },
        { "Gather", 13, "#4,5,6 #-1,0", NULL, "int64[2]{6,4}" },
        { "Gather", 13, "#4,5,6 #1", NULL, "int64[]{5}" },
        { "Slice", 13, "#4,5,6,7 #1, #3,", NULL, "int64[2]{5,6}" },
        { "Slice", 13, "#4,5,6,7 #-1, #-9, #0, #-2,", NULL, "int64[2]{7,5}" },
        { "Concat", 13, "#4,5 i:1 #6,", "axis=0", "int64[4]{4,5,?,6}" },
        { "Split", 13, "#4,5,6 #2,1", NULL, "int64[2]{4,5} int64[1]{6}" },
        { "Squeeze", 13, "#4, #0,", NULL, "int64[]{4}" },
        { "Unsqueeze", 13, "#4 #0,", NULL, "int64[1]{4}" },
        { "Reshape", 13, "#4,5,6,7 #2,2", NULL, "int64[2,2]{4,5,6,7}" },
        { "Tile", 13, "#4,5 #2,", NULL, "int64[4]{4,5,4,5}" },
        { "Expand", 13, "#4, #3,", NULL, "int64[3]{4,4,4}" },
        { "Where", 13, "b:2 #4,5 #4,6", NULL, "int64[2]{4,?}" },
        { "ReduceProd", 13, "#4,5,6", "keepdims=0", "int64[]{120}" },
        { "ReduceSum", 13, "#4,5,6", NULL, "int64[1]{15}" },
        { "ReduceMax", 13, "#4,9,6", NULL, "int64[1]{9}" },
        { "ReduceMin", 13, "#4,9,6", NULL, "int64[1]{4}" },
        { "And", 13, "b:2 b:2", NULL, "bool[2]" },
        { "Identity", 13, "#4,5", NULL, "int64[2]{4,5}" },
        { "Sub", 13, "#4,5 #0,1", NULL, "int64[2]{4,4}" },
    };
    CHECK_CASES(cases);
}

/* Whole graphs */

static struct dim dim_of(const char *name, int axis)
{
    const struct value *value = build_find_value(&net, name);
    assert_true(axis < value->shape.rank);
    return value->shape.dims[axis];
}

static void number(const char *name, double value)
{
    build_init_values(&b, name, DTYPE_INT64, "", &value);
}

static void numbers(const char *name, const char *list)
{
    add_constant(name, DTYPE_INT64, list);
}

static void call(const char *domain, const char *op, const char *inputs, const char *outputs, const char *attributes)
{
    build_node(&b, op, NULL, inputs, outputs, attributes)->domain = arena_copy_text(&b.arena, domain);
}

/* As exporters write x.view(x.size(0), -1). */
static void a_view_of_a_dynamic_batch_is_resolved(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,64,7,5");
    number("zero", 0);
    numbers("axis", "0,");
    numbers("rest", "-1,");
    build_init(&b, "w", DTYPE_FLOAT, "10,2240", 1);
    build_node(&b, "Shape", NULL, "x", "shape", NULL);
    build_node(&b, "Gather", NULL, "shape zero", "n", "axis=0");
    build_node(&b, "Unsqueeze", NULL, "n axis", "list", NULL);
    build_node(&b, "Concat", NULL, "list rest", "target", "axis=0");
    build_node(&b, "Reshape", NULL, "x target", "flat", NULL);
    build_node(&b, "Gemm", NULL, "flat w", "y", "transB=1");
    infer();
    assert_value("shape", "int64[4]{N,64,7,5}");
    assert_value("target", "int64[2]{N,?}");
    assert_value("flat", "[N,2240]");
    assert_value("y", "[N,10]");
    build_close(&b);
}

/* Depth to space as six-axis reshapes, and as the operator: the same sizes, symbol for symbol. */
static void two_ways_to_one_size_have_one_symbol(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,12,H,W");
    numbers("nhw", "0,2,3");
    numbers("twos", "2,2");
    numbers("blocks", "3,2,2");
    numbers("channels", "3,");
    numbers("first", "0,");
    numbers("one", "1,");
    numbers("three", "3,");
    build_node(&b, "Shape", NULL, "x", "shape", NULL);
    build_node(&b, "Slice", NULL, "shape first one", "n", NULL);
    build_node(&b, "Slice", NULL, "shape last2 end", "hw", NULL);
    numbers("last2", "2,");
    numbers("end", "4,");
    build_node(&b, "Concat", NULL, "n blocks hw", "six", "axis=0");
    build_node(&b, "Reshape", NULL, "x six", "x6", NULL);
    build_node(&b, "Transpose", NULL, "x6", "t6", "perm=0,1,4,2,5,3");
    build_node(&b, "Mul", NULL, "hw twos", "hw2", NULL);
    build_node(&b, "Concat", NULL, "n channels hw2", "four", "axis=0");
    build_node(&b, "Reshape", NULL, "t6 four", "a", NULL);
    build_node(&b, "DepthToSpace", NULL, "x", "b", "blocksize=2 mode=CRD");
    build_node(&b, "Add", NULL, "a b", "y", NULL);
    infer();
    assert_value("x6", "[N,3,2,2,H,W]");
    assert_value("t6", "[N,3,H,2,W,2]");
    assert_value("a", "[N,3,?,?]");
    for (int i = 0; i < 4; i++) {
        assert_true(dim_equal(dim_of("a", i), dim_of("b", i)));
        assert_true(dim_equal(dim_of("a", i), dim_of("y", i)));
    }
    assert_false(dim_equal(dim_of("a", 2), dim_of("a", 3)));
    assert_false(dim_equal(dim_of("a", 2), dim_of("x", 2)));
    build_close(&b);
}

static void equal_windows_over_equal_inputs_agree(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,H,W");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 1);
    build_init(&b, "v", DTYPE_FLOAT, "5,3,1,1", 1);
    build_node(&b, "Conv", NULL, "x w", "a", "strides=2,2 pads=1,1,1,1");
    build_node(&b, "Conv", NULL, "x v", "b", "strides=2,2");
    build_node(&b, "Concat", NULL, "a b", "y", "axis=1");
    build_node(&b, "Conv", NULL, "x w", "c", "strides=2,2 pads=0,0,2,1");
    infer();
    assert_true(dim_equal(dim_of("a", 2), dim_of("b", 2)));
    assert_true(dim_equal(dim_of("a", 2), dim_of("c", 2)));
    assert_false(dim_equal(dim_of("a", 3), dim_of("b", 2)));
    assert_true(dim_equal(dim_of("y", 2), dim_of("b", 2)));
    assert_int_equal(dim_of("y", 1).size, 9);
    build_close(&b);
}

/* A target from another tensor may be 0 where this one is not empty, and 0 means another thing. */
static void a_size_that_may_be_zero_is_not_taken_for_a_target(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "6,4");
    build_input(&b, "other", DTYPE_FLOAT, "N");
    numbers("rest", "-1,");
    build_node(&b, "Shape", NULL, "other", "n", NULL);
    build_node(&b, "Concat", NULL, "n rest", "target", "axis=0");
    build_node(&b, "Reshape", NULL, "x target", "y", NULL);
    build_node(&b, "Reshape", NULL, "x target", "z", "allowzero=1");
    infer();
    assert_value("y", "[?,?]");
    assert_value("z", "[N,?]");
    build_close(&b);
}

/* (W - 3) / 2 + 1 could be below zero, were it not a size of the input. */
static void a_target_may_name_any_size_of_the_input(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "3,3,3,W");
    build_init(&b, "w", DTYPE_FLOAT, "3,3,3,3", 1);
    numbers("first", "3,");
    numbers("end", "4,");
    numbers("before", "3,-1,3,1");
    build_node(&b, "Conv", NULL, "x w", "y", "strides=1,2");
    build_node(&b, "Shape", NULL, "y", "shape", NULL);
    build_node(&b, "Slice", NULL, "shape first end", "width", NULL);
    build_node(&b, "Concat", NULL, "before width", "target", "axis=0");
    build_node(&b, "Reshape", NULL, "y target", "z", NULL);
    infer();
    assert_value("z", "[3,1,3,1,?]");
    assert_true(dim_equal(dim_of("z", 4), dim_of("y", 3)));
    build_close(&b);
}

/* As exporters write x.expand(...): -1 in the target becomes 1. */
static void an_expand_through_where_is_resolved(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,1,3");
    numbers("four", "4,");
    numbers("minus", "-1,");
    numbers("length", "3,");
    numbers("zero", "0,");
    numbers("one", "1,");
    build_node(&b, "Shape", NULL, "x", "shape", NULL);
    build_node(&b, "Slice", NULL, "shape zero one", "n", NULL);
    build_node(&b, "Concat", NULL, "n four minus", "target", "axis=0");
    build_node(&b, "ConstantOfShape", NULL, "length", "ones", NULL);
    double value = 1;
    build_attribute_tensor(&b, "value", build_tensor(&b, "", DTYPE_INT64, "1", &value));
    build_node(&b, "Mul", NULL, "ones minus", "minuses", NULL);
    build_node(&b, "Equal", NULL, "target minuses", "is", NULL);
    build_node(&b, "Where", NULL, "is ones target", "to", NULL);
    build_node(&b, "Expand", NULL, "x to", "y", NULL);
    infer();
    assert_value("is", "bool[3]{0,0,1}");
    assert_value("to", "int64[3]{N,4,1}");
    assert_value("y", "[N,4,3]");
    build_close(&b);
}

static void what_is_declared_is_taken_only_where_no_rule_speaks(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_import(&b, "custom", 1);
    build_input(&b, "x", DTYPE_FLOAT, "N,3");
    build_input(&b, "q", DTYPE_FLOAT, "?,None,-1,0,N");
    call("custom", "Mystery", "x", "a", NULL);
    build_value_info(&b, "a", DTYPE_FLOAT, "M,5");
    build_node(&b, "Relu", NULL, "a", "c", NULL);
    build_node(&b, "Relu", NULL, "x", "d", NULL);
    build_value_info(&b, "d", DTYPE_FLOAT, "7,7,7");
    build_node(&b, "Add", NULL, "x two", "e", NULL);
    build_init(&b, "two", DTYPE_FLOAT, "2", 1);
    build_value_info(&b, "e", DTYPE_FLOAT, "N,3");
    call("custom", "Mystery", "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "N,9");
    infer();
    assert_value("a", "[?,5]");
    assert_value("c", "[?,5]");
    assert_value("d", "[N,3]");
    assert_value("e", "undefined*");
    assert_value("y", "undefined*");
    assert_false(dim_equal(dim_of("q", 0), dim_of("q", 1)));
    assert_true(dim_of("q", 0).symbol != 0 && dim_of("q", 2).symbol != 0 && dim_of("q", 3).size == -1);
    assert_true(dim_equal(dim_of("q", 4), dim_of("x", 0)));
    build_close(&b);
}

static void an_opset_from_the_future_has_no_rules(void **state)
{
    (void)state;
    build_open(&b, 8, 999);
    build_input(&b, "x", DTYPE_FLOAT, "N,3");
    build_node(&b, "Relu", NULL, "x", "y", NULL);
    infer();
    assert_value("y", "undefined*");
    build_close(&b);
}

static void data_that_a_caller_can_replace_is_not_known(void **state)
{
    (void)state;
    for (int frozen = 0; frozen < 2; frozen++) {
        build_open(&b, 8, 13);
        build_input(&b, "x", DTYPE_FLOAT, "N,6");
        build_input(&b, "shape", DTYPE_INT64, "3");
        numbers("shape", "0,2,3");
        build_node(&b, "Reshape", NULL, "x shape", "y", NULL);
        build_load(&b, &model, &net);
        net.freeze_weights = frozen;
        assert_true(shape_infer(&net, NULL));
        assert_value("y", frozen ? "[N,2,3]" : "[?,?,?]");
        build_close(&b);
    }
}

static void bodies_see_outer_values_and_branches_agree_or_not(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,H");
    build_input(&b, "c", DTYPE_BOOL, "");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,1", 1);
    build_init(&b, "v", DTYPE_FLOAT, "4,3,3", 1);
    double yes = 1;
    build_init_values(&b, "yes", DTYPE_BOOL, "", &yes);
    for (int known = 0; known < 2; known++) {
        build_node(&b, "If", NULL, known ? "yes" : "c", known ? "z0 z1" : "y0 y1", NULL);
        build_body(&b, "then_branch");
        build_node(&b, "Conv", NULL, "x w", known ? "a2" : "a", NULL);
        build_node(&b, "Identity", NULL, "x", known ? "i2" : "i", NULL);
        build_output(&b, known ? "a2" : "a", 0, NULL);
        build_output(&b, known ? "i2" : "i", 0, NULL);
        build_end(&b);
        build_body(&b, "else_branch");
        build_node(&b, "Conv", NULL, "x v", known ? "e2" : "e", NULL);
        build_node(&b, "Flatten", NULL, "x", known ? "f2" : "f", NULL);
        build_output(&b, known ? "e2" : "e", 0, NULL);
        build_output(&b, known ? "f2" : "f", 0, NULL);
        build_end(&b);
    }
    infer();
    assert_value("a", "[N,4,H]");
    assert_value("y0", "[N,4,?]");
    assert_value("y1", "*");
    assert_value("z0", "[N,4,H]");
    assert_value("z1", "[N,3,H]");
    build_close(&b);
}

static void what_changes_from_turn_to_turn_has_no_size_outside(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,H");
    build_input(&b, "m", DTYPE_INT64, "");
    build_input(&b, "c", DTYPE_BOOL, "");
    build_init(&b, "w", DTYPE_FLOAT, "3,3,3", 1);
    build_node(&b, "Loop", NULL, "m c x x", "s t u v", NULL);
    build_body(&b, "body");
    build_input(&b, "turn", DTYPE_INT64, "");
    build_input(&b, "go", DTYPE_BOOL, "");
    build_input(&b, "state", DTYPE_FLOAT, "1,3,5");
    build_input(&b, "other", DTYPE_FLOAT, NULL);
    build_node(&b, "Identity", NULL, "go", "go_on", NULL);
    build_node(&b, "Conv", NULL, "state w", "state_out", NULL);
    build_node(&b, "Add", NULL, "x one", "other_out", NULL);
    build_init(&b, "one", DTYPE_FLOAT, "1", 1);
    build_node(&b, "Flatten", NULL, "x", "whole", NULL);
    build_node(&b, "Flatten", NULL, "state", "piece", NULL);
    build_output(&b, "go_on", 0, NULL);
    build_output(&b, "state_out", 0, NULL);
    build_output(&b, "other_out", 0, NULL);
    build_output(&b, "whole", 0, NULL);
    build_output(&b, "piece", 0, NULL);
    build_end(&b);
    build_node(&b, "Flatten", NULL, "x", "flat", NULL);
    infer();
    assert_value("turn", "int64[]");
    assert_value("state", "[?,?,?]");
    assert_value("other", "[N,3,H]");
    assert_value("state_out", "[?,3,?]");
    assert_value("s", "[?,3,?]");
    assert_value("t", "[N,3,H]");
    assert_value("u", "[?,N,?]");
    assert_true(dim_equal(dim_of("u", 2), dim_of("flat", 1)));
    assert_value("v", "[?,?,?]");
    assert_false(dim_equal(dim_of("v", 1), dim_of("state", 0)));
    build_close(&b);
}

/* a keeps its shape only because b does; c grows, and d takes its shape from c. */
static void a_loop_keeps_the_shapes_that_no_turn_changes(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_import(&b, "local", 1);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,H");
    build_input(&b, "m", DTYPE_INT64, "");
    build_input(&b, "c", DTYPE_BOOL, "");
    build_init(&b, "w", DTYPE_FLOAT, "3,3,1", 1);
    build_node(&b, "Loop", NULL, "m c x x x x", "ya yb yc yd", NULL);
    build_body(&b, "body");
    build_input(&b, "turn", DTYPE_INT64, "");
    build_input(&b, "go", DTYPE_BOOL, "");
    build_input(&b, "a", DTYPE_FLOAT, NULL);
    build_input(&b, "b", DTYPE_FLOAT, NULL);
    build_input(&b, "c1", DTYPE_FLOAT, NULL);
    build_input(&b, "d", DTYPE_FLOAT, "?,?,?");
    call("local", "Both", "b w", "an", NULL);
    build_node(&b, "Relu", NULL, "a", "bn", NULL);
    build_node(&b, "Concat", NULL, "c1 x", "cn", "axis=0");
    build_node(&b, "Relu", NULL, "c1", "dn", NULL);
    build_output(&b, "go", 0, NULL);
    build_output(&b, "an", 0, NULL);
    build_output(&b, "bn", 0, NULL);
    build_output(&b, "cn", 0, NULL);
    build_output(&b, "dn", 0, NULL);
    build_end(&b);
    build_function(&b, "local", "Both", "p q", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Conv", NULL, "p q", "r", NULL);
    build_end(&b);
    infer();
    assert_value("an", "[N,3,H]");
    assert_value("r", "[N,3,H]");
    assert_value("ya", "[N,3,H]");
    assert_value("yb", "[N,3,H]");
    assert_value("c1", "*");
    assert_value("yc", "[?,3,H]");
    assert_value("yd", "*");
    build_close(&b);
}

/* Each level would walk its body again and again. */
static void loops_in_loops_take_no_longer_than_they_are_deep(void **state)
{
    (void)state;
    enum { DEPTH = 20 };
    build_open(&b, 8, 13);
    build_input(&b, "v0", DTYPE_FLOAT, "N,3");
    build_input(&b, "m", DTYPE_INT64, "");
    build_input(&b, "c", DTYPE_BOOL, "");
    for (int i = 1; i <= DEPTH; i++) {
        char inputs[64], names[5][16];
        static const char *const stems[] = { "v", "y", "turn", "go", "grown" };
        for (int k = 0; k < 5; k++) snprintf(names[k], sizeof names[k], "%s%d", stems[k], i);
        snprintf(inputs, sizeof inputs, "m c v%d", i - 1);
        build_node(&b, "Loop", NULL, inputs, names[1], NULL);
        build_body(&b, "body");
        build_input(&b, names[2], DTYPE_INT64, "");
        build_input(&b, names[3], DTYPE_BOOL, "");
        build_input(&b, names[0], DTYPE_FLOAT, NULL);
        build_output(&b, names[3], 0, NULL);
        build_output(&b, names[4], 0, NULL);
        snprintf(inputs, sizeof inputs, "%s %s", names[0], names[0]);
        build_node(&b, "Concat", NULL, inputs, names[4], "axis=0");
    }
    for (int i = 1; i <= DEPTH; i++) build_end(&b);
    infer();
    assert_value("y1", "*");
    build_close(&b);
}

static const struct value *written_by(const char *name)
{
    const struct value *value = graph_value(net.main, name);
    assert_non_null(value);
    return value;
}

/* What a body declares of its inputs holds for what they are given: one rank more where that is taken apart. */
static void bodies_say_what_rank_they_take(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "m", DTYPE_INT64, "");
    build_input(&b, "c", DTYPE_BOOL, "");
    build_input(&b, "u", DTYPE_FLOAT, NULL);
    build_input(&b, "h", DTYPE_FLOAT, NULL);
    build_input(&b, "x", DTYPE_FLOAT, NULL);
    build_input(&b, "p", DTYPE_FLOAT, NULL);
    build_node(&b, "Relu", NULL, "u", "v", NULL);
    build_node(&b, "Loop", NULL, "m c v p", "s q", NULL);
    build_body(&b, "loop");
    build_input(&b, "turn", DTYPE_INT64, "");
    build_input(&b, "go", DTYPE_BOOL, "");
    build_input(&b, "carried", DTYPE_FLOAT, "N,5,2");
    build_input(&b, "plain", DTYPE_FLOAT, NULL);
    build_node(&b, "Identity", NULL, "go", "go_on", NULL);
    build_node(&b, "Neg", NULL, "carried", "next", NULL);
    build_node(&b, "Neg", NULL, "plain", "then", NULL);
    build_output(&b, "go_on", 0, NULL);
    build_output(&b, "next", 0, NULL);
    build_output(&b, "then", 0, NULL);
    build_end(&b);
    build_node(&b, "Scan", NULL, "h x", "last all", "num_scan_inputs=1");
    build_body(&b, "scan");
    build_input(&b, "state", DTYPE_FLOAT, "N,4");
    build_input(&b, "slice", DTYPE_FLOAT, "N,4");
    build_node(&b, "Add", NULL, "state slice", "sum", NULL);
    build_node(&b, "Neg", NULL, "slice", "out", NULL);
    build_output(&b, "sum", 0, NULL);
    build_output(&b, "out", 0, NULL);
    build_end(&b);
    infer();
    assert_int_equal(written_by("u")->shape.rank, 3);
    assert_int_equal(written_by("p")->shape.rank, -1);
    assert_int_equal(written_by("h")->shape.rank, 2);
    assert_int_equal(written_by("x")->shape.rank, 3);
    build_close(&b);
}

static void a_scan_takes_slices_and_stacks_results(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "h", DTYPE_FLOAT, "N,4");
    build_input(&b, "x", DTYPE_FLOAT, "N,T,3");
    build_init(&b, "w", DTYPE_FLOAT, "3,4", 1);
    build_node(&b, "Scan", NULL, "h x", "last all", "num_scan_inputs=1 scan_input_axes=1, scan_output_axes=-1,");
    build_body(&b, "body");
    build_input(&b, "state", DTYPE_FLOAT, "N,4");
    build_input(&b, "slice", DTYPE_FLOAT, NULL);
    build_node(&b, "MatMul", NULL, "slice w", "out", NULL);
    build_node(&b, "Add", NULL, "state out", "next", NULL);
    build_output(&b, "next", 0, NULL);
    build_output(&b, "out", 0, NULL);
    build_end(&b);
    infer();
    assert_value("slice", "[N,3]");
    assert_value("next", "[N,4]");
    assert_value("last", "[N,4]");
    assert_value("all", "[N,4,T]");
    build_close(&b);
}

static void a_function_called_once_is_seen_through(void **state)
{
    (void)state;
    for (int calls = 1; calls < 3; calls++) {
        build_open(&b, 8, 13);
        build_import(&b, "local", 1);
        build_input(&b, "x", DTYPE_FLOAT, "N,3,H");
        build_init(&b, "w", DTYPE_FLOAT, "4,3,1", 1);
        build_init(&b, "v", DTYPE_FLOAT, "6,4,3", 1);
        call("local", "Block", "x w", "y", "axis=2");
        if (calls == 2) call("local", "Block", "y v", "z", "axis=2");
        build_function(&b, "local", "Block", "a k", "c", "axis");
        build_import(&b, "", 13);
        build_node(&b, "Conv", NULL, "a k", "inside", NULL);
        build_node(&b, "Flatten", NULL, "inside", "c", "axis=@axis");
        build_end(&b);
        infer();
        assert_value("y", calls == 1 ? "[?,H]" : "undefined*");
        build_close(&b);
    }
}

static void a_function_says_what_holds_of_every_call(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_import(&b, "local", 1);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,H");
    call("local", "Block", "x", "y", NULL);
    call("local", "Block", "y", "z", NULL);
    build_function(&b, "local", "Block", "a", "c", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Transpose", NULL, "a", "t", "perm=0,2,1");
    build_node(&b, "Cast", NULL, "t", "c", "to=11");
    build_node(&b, "Constant", NULL, "", "k", NULL);
    double value = 1;
    build_attribute_tensor(&b, "value", build_tensor(&b, "", DTYPE_FLOAT16, "1,1", &value));
    build_node(&b, "Cast", NULL, "t", "h", "to=10");
    build_node(&b, "MatMul", NULL, "h k", "d", NULL);
    build_node(&b, "Concat", NULL, "h d", "e", "axis=0");
    build_end(&b);
    infer();
    assert_value("d", "float16[?,?,1]");
    assert_value("e", "float16[?,?,1]");
    assert_value("y", "float64[?,?,?]");
    assert_false(dim_equal(dim_of("y", 0), dim_of("z", 0)));
    build_close(&b);
}

static void endless_calls_and_long_chains_end(void **state)
{
    (void)state;
    enum { DEPTH = 20000 };
    build_open(&b, 8, 13);
    build_import(&b, "local", 1);
    build_input(&b, "x", DTYPE_FLOAT, "N,3");
    call("local", "f0", "x", "y", NULL);
    for (int i = 0; i < DEPTH; i++) {
        char name[32], callee[32];
        snprintf(name, sizeof name, "f%d", i);
        snprintf(callee, sizeof callee, "f%d", i + 1);
        build_function(&b, "local", name, "a", "c", NULL);
        build_import(&b, "", 13);
        build_import(&b, "local", 1);
        if (i + 1 < DEPTH) call("local", callee, "a", "c", NULL);
        else build_node(&b, "Relu", NULL, "a", "c", NULL);
        build_end(&b);
    }
    infer();
    assert_value("y", "[N,3]");
    build_close(&b);
}

/* An operator that nobody knows, read through a Relu by one with a constant weight. */
static void infer_unknown(const char *reader, const char *weight_dims, const char *attributes)
{
    build_open(&b, 8, 13);
    build_import(&b, "acme", 1);
    build_input(&b, "x", DTYPE_FLOAT, "N,3");
    build_init(&b, "w", DTYPE_FLOAT16, weight_dims, 1);
    build_node(&b, "Own", "own", "x", "u", NULL)->domain = (char *)"acme";
    build_node(&b, "Relu", "relu", "u", "r", NULL);
    build_node(&b, reader, "reader", "r w", "y", attributes);
    build_output(&b, "y", DTYPE_FLOAT16, NULL);
    infer();
}

static void what_nobody_writes_knowingly_is_what_its_readers_take(void **state)
{
    (void)state;
    infer_unknown("Conv", "4,3,1,1", "group=2");
    assert_int_equal(written_by("u")->type, DTYPE_FLOAT16);
    assert_int_equal(written_by("u")->shape.rank, 4);
    assert_int_equal(written_by("u")->shape.dims[1].size, 6);
    assert_int_equal(written_by("y")->shape.dims[1].size, 4);
    build_close(&b);
    infer_unknown("Gemm", "5,7", "transB=1");
    assert_int_equal(written_by("u")->shape.rank, 2);
    assert_int_equal(written_by("u")->shape.dims[1].size, 7);
    build_close(&b);
    infer_unknown("MatMul", "5,7", NULL);
    assert_int_equal(written_by("u")->shape.rank, -1);
    build_close(&b);
}

/* What is further down: a MatMul by a matrix and a sum with lower ranks leave theirs no choice. */
static void ranks_are_needed_through_products_and_sums(void **state)
{
    static const struct {
        const char *product, *sum, *last, *attributes;
        int rank;
    } cases[] = {
        { "u w", "p k", "Transpose", "perm=0,2,1", 3 },   { "v u", "p k", "Transpose", "perm=0,2,1", 3 },
        { "u w", "p m", "Transpose", "perm=1,0", -1 },    { "u b", "p k", "Transpose", "perm=0,2,1", -1 },
        { "u w", "p k", "Transpose", NULL, -1 },          { "u w", "p k", "Gemm", NULL, 2 },
        { "u w", "k p", "Transpose", "perm=0,2,3,1", 4 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool has_weight = strcmp(cases[i].last, "Gemm") == 0;
        build_open(&b, 8, 13);
        build_input(&b, "u", DTYPE_FLOAT, NULL);
        build_init(&b, "w", DTYPE_FLOAT, "5,7", 1);
        build_init(&b, "v", DTYPE_FLOAT, "7,5", 1);
        build_init(&b, "b", DTYPE_FLOAT, "2,5,7", 1);
        build_init(&b, "k", DTYPE_FLOAT, "7", 1);
        build_init(&b, "m", DTYPE_FLOAT, "4,7", 1);
        build_node(&b, "MatMul", NULL, cases[i].product, "p", NULL);
        build_node(&b, "Add", NULL, cases[i].sum, "s", NULL);
        build_node(&b, "Relu", NULL, "s", "r", NULL);
        build_node(&b, cases[i].last, NULL, has_weight ? "r v" : "r", "y", cases[i].attributes);
        infer();
        assert_int_equal(written_by("u")->shape.rank, cases[i].rank);
        build_close(&b);
    }
}

static void a_second_inference_finds_the_same(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,6,H");
    build_node(&b, "Shape", NULL, "x", "shape", NULL);
    build_node(&b, "Reshape", NULL, "x shape", "y", NULL);
    infer();
    assert_true(shape_infer(&net, NULL));
    assert_value("shape", "int64[3]{N,6,H}");
    assert_value("y", "[N,6,H]");
    build_close(&b);
}

/* Scales that are computed: (a + b - c), cast and handed on, are 1, 1, 2 and 1.5. */
static void scales_are_followed_through_arithmetic(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,4,6");
    build_init_values(&b, "a", DTYPE_DOUBLE, "4", (double[]){ 1, 1, 1.5, 0.5 });
    build_init_values(&b, "b", DTYPE_DOUBLE, "4", (double[]){ 1, 1, 1, 2 });
    build_init_values(&b, "c", DTYPE_DOUBLE, "4", (double[]){ 1, 1, 0.5, 1 });
    build_node(&b, "Add", NULL, "a b", "sum", NULL);
    build_node(&b, "Sub", NULL, "sum c", "rest", NULL);
    build_node(&b, "Cast", NULL, "rest", "cast", "to=1");
    build_node(&b, "Identity", NULL, "cast", "scales", NULL);
    build_node(&b, "Resize", NULL, "x _ scales", "y", NULL);
    build_load(&b, &model, &net);
    assert_true(shape_infer(&net, &error));
    assert_value("y", "[N,3,8,9]");
    build_close(&b);
}

/* More names than the first table of them has room for. */
static void many_names_of_dims_are_kept_apart(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    build_open(&b, 8, 13);
    for (int i = 0; i < 40; i++) {
        const char *name = arena_printf(&b.arena, "x%d", i);
        build_input(&b, name, DTYPE_FLOAT, arena_printf(&b.arena, "D%d,D%d", i, (i + 1) % 40));
        build_node(&b, "Neg", NULL, name, arena_printf(&b.arena, "y%d", i), NULL);
    }
    build_load(&b, &model, &net);
    assert_true(shape_infer(&net, &error));
    for (int i = 0; i < 40; i++)
        assert_value(arena_printf(&b.arena, "y%d", i), arena_printf(&b.arena, "[D%d,D%d]", i, (i + 1) % 40));
    build_close(&b);
}

static void a_sparse_initializer_has_type_and_shape(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    BnfuseOnnx__SparseTensorProto sparse, *list = &sparse;
    build_open(&b, 8, 13);
    bnfuse_onnx__sparse_tensor_proto__init(&sparse);
    sparse.values = build_tensor(&b, "s", DTYPE_DOUBLE, "2", (double[]){ 1, 2 });
    sparse.indices = build_tensor(&b, NULL, DTYPE_INT64, "2", (double[]){ 0, 5 });
    sparse.n_dims = 2;
    sparse.dims = (int64_t[]){ 2, 3 };
    b.model->graph->n_sparse_initializer = 1;
    b.model->graph->sparse_initializer = &list;
    build_node(&b, "Neg", NULL, "s", "y", NULL);
    build_load(&b, &model, &net);
    assert_true(shape_infer(&net, &error));
    assert_value("y", "float64[2,3]");
    build_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_are_followed_through_arithmetic),
        cmocka_unit_test(many_names_of_dims_are_kept_apart),
        cmocka_unit_test(a_sparse_initializer_has_type_and_shape),
        cmocka_unit_test(element_wise_operators_keep_or_broadcast_shapes),
        cmocka_unit_test(axes_are_moved_split_and_merged),
        cmocka_unit_test(parts_are_joined_cut_and_picked),
        cmocka_unit_test(tensors_grow_and_are_made),
        cmocka_unit_test(windows_slide_over_space),
        cmocka_unit_test(matrices_multiply_and_layers_recur),
        cmocka_unit_test(shape_arithmetic_is_followed),
        cmocka_unit_test(a_view_of_a_dynamic_batch_is_resolved),
        cmocka_unit_test(two_ways_to_one_size_have_one_symbol),
        cmocka_unit_test(equal_windows_over_equal_inputs_agree),
        cmocka_unit_test(a_size_that_may_be_zero_is_not_taken_for_a_target),
        cmocka_unit_test(a_target_may_name_any_size_of_the_input),
        cmocka_unit_test(an_expand_through_where_is_resolved),
        cmocka_unit_test(what_is_declared_is_taken_only_where_no_rule_speaks),
        cmocka_unit_test(an_opset_from_the_future_has_no_rules),
        cmocka_unit_test(data_that_a_caller_can_replace_is_not_known),
        cmocka_unit_test(bodies_see_outer_values_and_branches_agree_or_not),
        cmocka_unit_test(what_changes_from_turn_to_turn_has_no_size_outside),
        cmocka_unit_test(a_loop_keeps_the_shapes_that_no_turn_changes),
        cmocka_unit_test(loops_in_loops_take_no_longer_than_they_are_deep),
        cmocka_unit_test(bodies_say_what_rank_they_take),
        cmocka_unit_test(a_scan_takes_slices_and_stacks_results),
        cmocka_unit_test(a_function_called_once_is_seen_through),
        cmocka_unit_test(a_function_says_what_holds_of_every_call),
        cmocka_unit_test(endless_calls_and_long_chains_end),
        cmocka_unit_test(what_nobody_writes_knowingly_is_what_its_readers_take),
        cmocka_unit_test(ranks_are_needed_through_products_and_sums),
        cmocka_unit_test(a_second_inference_finds_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
