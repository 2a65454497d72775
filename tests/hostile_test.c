/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile and broken models through the whole main job: load, fuse, check, write. None crashes or hangs; what is
 * refused is refused in one printable line that names the file and, where there is one, the node. */
#include "build.h"
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT ((size_t)512 << 20)

/* How the main job ended: the first failure, or the verdict of the check. */
struct outcome {
    bnfuse_status status;
    char message[2048]; /* of the failure, or why there is no plain pass */
    size_t folded, left;
    bool written;
};

static void write_fused(bnfuse_model *model, struct outcome *outcome)
{
    char path[] = "/tmp/bnfuse_hostile_XXXXXX";
    struct bnfuse_error error = { 0 };
    struct stat info;
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    outcome->written = bnfuse_write(model, path, NULL, &error);
    assert_true(stat(path, &info) == 0);
    assert_true(!outcome->written || info.st_size > 0);
    if (!outcome->written) {
        outcome->status = error.status;
        snprintf(outcome->message, sizeof outcome->message, "%s", error.message);
    }
    unlink(path);
}

static bool check(bnfuse_model *model, struct outcome *outcome, struct bnfuse_error *error)
{
    bnfuse_check_options options;
    bnfuse_check_options_init(&options);
    options.threads = 1;
    const bnfuse_check_result *result = bnfuse_check(model, &options, error);
    if (!result) return false;
    outcome->status = bnfuse_verdict_status(result->verdict);
    bnfuse_escape(outcome->message, sizeof outcome->message, result->why);
    assert_int_not_equal(result->verdict, BNFUSE_VERDICT_FAIL);
    return true;
}

static struct outcome main_job(const void *bytes, size_t size)
{
    struct outcome outcome = { 0 };
    struct bnfuse_error error = { 0 };
    bnfuse_fuse_options options;
    bnfuse_fuse_options_init(&options);
    bnfuse_model *model = read_named("hostile.onnx", bytes, size, LIMIT, &error);
    if (model && bnfuse_fuse(model, &options, &error)) {
        outcome.folded = bnfuse_get_report(model)->folded;
        outcome.left = bnfuse_get_report(model)->left;
        if (check(model, &outcome, &error) && outcome.status == BNFUSE_OK) write_fused(model, &outcome);
    }
    if (error.status != BNFUSE_OK) {
        outcome.status = error.status;
        snprintf(outcome.message, sizeof outcome.message, "%s", error.message);
        if (!strstr(error.message, "hostile.onnx")) fail_msg("no file in: %s", error.message);
    }
    bnfuse_free(model);
    for (const char *c = outcome.message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) fail_msg("a control character in: %s", outcome.message);
    return outcome;
}

static struct outcome run_build(struct build *b)
{
    size_t size;
    const void *bytes = build_bytes(b, &size);
    struct outcome outcome = main_job(bytes, size);
    build_close(b);
    return outcome;
}

/* ---- Conv and BatchNormalization of any sizes ---- */

struct pair {
    const char *title;
    const char *x, *w, *conv; /* shapes, and the Conv's attributes */
    const char *scale, *bias, *mean, *variance;
    const char *bn;
    const char *says; /* what the line holds; NULL: the job succeeds */
};

static void build_pair(struct build *b, const struct pair *pair)
{
    build_open(b, 8, 15);
    build_input(b, "x", DTYPE_FLOAT, pair->x);
    build_init(b, "w", DTYPE_FLOAT, pair->w, 1);
    build_init(b, "scale", DTYPE_FLOAT, pair->scale, 2);
    build_init(b, "bias", DTYPE_FLOAT, pair->bias, 3);
    build_init(b, "mean", DTYPE_FLOAT, pair->mean, 4);
    BnfuseOnnx__TensorProto *variance = build_init(b, "variance", DTYPE_FLOAT, pair->variance, 5);
    float *values = (float *)(void *)variance->raw_data.data;
    for (size_t i = 0; i < variance->raw_data.len / sizeof *values; i++) values[i] = 1 + 0.5f * values[i];
    build_node(b, "Conv", "conv", "x w", "c", pair->conv);
    build_node(b, "BatchNormalization", "bn", "c scale bias mean variance", "y", pair->bn);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

#define FOUR "4", "4", "4", "4"

static const struct pair pairs[] = {
    { "a plain pair", "2,3,8,8", "4,3,3,3", "pads=1,1,1,1", FOUR, NULL, NULL },
    { "a batch of none", "0,3,8,8", "4,3,3,3", NULL, FOUR, NULL, NULL },
    { "weights for other channels", "2,3,8,8", "4,5,3,3", NULL, FOUR, NULL, NULL },
    { "weights of another rank", "2,3,8,8", "4,3,3", NULL, FOUR, NULL, NULL },
    { "weights of rank 1", "2,3,8,8", "4", NULL, FOUR, NULL, NULL },
    { "scalar weights", "2,3,8,8", "", NULL, FOUR, NULL, NULL },
    { "weights of no output channel", "2,3,8,8", "0,3,3,3", NULL, "0", "0", "0", "0", NULL, NULL },
    { "weights of no input channel", "2,0,8,8", "4,0,3,3", NULL, FOUR, NULL, NULL },
    { "an empty kernel", "2,3,8,8", "4,3,0,3", NULL, FOUR, NULL, NULL },
    { "a kernel larger than its input", "2,3,2,2", "4,3,3,3", NULL, FOUR, NULL, NULL },
    { "negative pads", "2,3,8,8", "4,3,3,3", "pads=-1,-1,-1,-1", FOUR, NULL, "conv" },
    { "pads beyond all bounds", "2,3,8,8", "4,3,3,3", "pads=0,0,9223372036854775807,9223372036854775807", FOUR, NULL,
      NULL },
    { "too few pads", "2,3,8,8", "4,3,3,3", "pads=1,1", FOUR, NULL, NULL },
    { "no stride", "2,3,8,8", "4,3,3,3", "strides=0,0", FOUR, NULL, "strides" },
    { "a negative stride", "2,3,8,8", "4,3,3,3", "strides=1,-1", FOUR, NULL, "strides" },
    { "no dilation", "2,3,8,8", "4,3,3,3", "dilations=0,1", FOUR, NULL, "dilations" },
    { "a dilation beyond all bounds", "2,3,8,8", "4,3,3,3", "dilations=9223372036854775807,1", FOUR, NULL, NULL },
    { "no group", "2,3,8,8", "4,3,3,3", "group=0", FOUR, NULL, "group" },
    { "a negative group", "2,3,8,8", "4,3,3,3", "group=-1", FOUR, NULL, "group" },
    { "a group that does not divide", "2,4,8,8", "4,2,3,3", "group=3", FOUR, NULL, NULL },
    { "a group beyond all bounds", "2,3,8,8", "4,3,3,3", "group=9223372036854775807", FOUR, NULL, NULL },
    { "another kernel_shape", "2,3,8,8", "4,3,3,3", "kernel_shape=5,5", FOUR, NULL, NULL },
    { "a kernel_shape of another rank", "2,3,8,8", "4,3,3,3", "kernel_shape=3,", FOUR, NULL, NULL },
    { "an unknown auto_pad", "2,3,8,8", "4,3,3,3", "auto_pad=SIDEWAYS", FOUR, NULL, "conv" },
    { "too short a scale", "2,3,8,8", "4,3,3,3", NULL, "3", "4", "4", "4", NULL, NULL },
    { "too long a mean", "2,3,8,8", "4,3,3,3", NULL, "4", "4", "5", "4", NULL, NULL },
    { "scalar parameters", "2,3,8,8", "4,3,3,3", NULL, "", "", "", "", NULL, NULL },
    { "parameters of rank 2", "2,3,8,8", "4,3,3,3", NULL, "1,4", "1,4", "1,4", "1,4", NULL, NULL },
    { "empty parameters", "2,3,8,8", "4,3,3,3", NULL, "0", "0", "0", "0", NULL, NULL },
    { "parameters of one element", "2,3,8,8", "4,3,3,3", NULL, "1", "1", "1", "1", NULL, NULL },
    { "a negative epsilon that makes a root of less than nothing", "2,3,8,8", "4,3,3,3", NULL, FOUR, "epsilon=-100.0",
      NULL },
    { "a dim beyond all bounds", "2,3,9223372036854775807,2", "4,3,3,3", NULL, FOUR, NULL, NULL },
};

/* says NULL: the job succeeds; else it fails with a line that holds this. */
static void expect(const char *title, const struct outcome *outcome, const char *says)
{
    if (!says && outcome->status != BNFUSE_OK) fail_msg("%s: %s", title, outcome->message);
    if (says && outcome->status == BNFUSE_OK) fail_msg("%s: let pass", title);
    if (says && !strstr(outcome->message, says)) fail_msg("%s: %s", title, outcome->message);
    assert_true(outcome->written == (outcome->status == BNFUSE_OK));
}

/* A BatchNormalization whose sizes do not fit stays, and where nothing changes there is nothing to check. */
static void odd_sizes_and_attributes_end_in_one_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct build b;
        build_pair(&b, &pairs[i]);
        struct outcome outcome = run_build(&b);
        expect(pairs[i].title, &outcome, pairs[i].says);
    }
}

/* ---- Graphs that are none ---- */

static void add_bn(struct build *b, const char *input, const char *output)
{
    build_init_values(b, "s", DTYPE_FLOAT, "3", (double[]){ 1, 2, 3 });
    build_init_values(b, "v", DTYPE_FLOAT, "3", (double[]){ 1, 1, 4 });
    build_node(b, "BatchNormalization", "bn", arena_printf(&b->arena, "%s s s s v", input), output, NULL);
    build_output(b, output, DTYPE_FLOAT, NULL);
}

/* A model that is fine but for what the case adds: x -> the case's nodes -> z -> BatchNormalization -> y. */
static void open_graph(struct build *b)
{
    build_open(b, 8, 15);
    build_input(b, "x", DTYPE_FLOAT, "2,3,4,4");
}

static void cycle(struct build *b)
{
    open_graph(b);
    build_node(b, "Add", "first", "x b", "a", NULL);
    build_node(b, "Relu", "second", "a", "b", NULL);
    add_bn(b, "b", "y");
}

static void own_output(struct build *b)
{
    open_graph(b);
    build_node(b, "Add", "ouroboros", "x z", "z", NULL);
    add_bn(b, "z", "y");
}

static void missing_tensor(struct build *b)
{
    open_graph(b);
    build_node(b, "Add", "add", "x nowhere", "z", NULL);
    add_bn(b, "z", "y");
}

static void missing_output(struct build *b)
{
    open_graph(b);
    add_bn(b, "x", "y");
    build_output(b, "nowhere", DTYPE_FLOAT, NULL);
}

static void written_twice(struct build *b)
{
    open_graph(b);
    build_node(b, "Relu", "one", "x", "z", NULL);
    build_node(b, "Neg", "two", "x", "z", NULL);
    add_bn(b, "z", "y");
}

static void two_initializers_of_a_name(struct build *b)
{
    open_graph(b);
    build_init(b, "s", DTYPE_FLOAT, "3", 9);
    add_bn(b, "x", "y");
}

static void two_inputs_of_a_name(struct build *b)
{
    open_graph(b);
    build_input(b, "x", DTYPE_FLOAT, "1");
    add_bn(b, "x", "y");
}

static void short_tensor(struct build *b)
{
    open_graph(b);
    build_init(b, "w", DTYPE_FLOAT, "3,3,1,1", 1)->raw_data.len = 35;
    build_node(b, "Conv", "conv", "x w", "z", NULL);
    add_bn(b, "z", "y");
}

static void huge_tensor(struct build *b)
{
    open_graph(b);
    BnfuseOnnx__TensorProto *w = build_init(b, "w", DTYPE_FLOAT, "3,3,1,1", 1);
    w->dims[0] = w->dims[1] = INT64_C(1) << 40;
    build_node(b, "Conv", "conv", "x w", "z", NULL);
    add_bn(b, "z", "y");
}

static void negative_tensor(struct build *b)
{
    open_graph(b);
    build_init(b, "w", DTYPE_FLOAT, "3,3,1,1", 1)->dims[0] = -3;
    build_node(b, "Conv", "conv", "x w", "z", NULL);
    add_bn(b, "z", "y");
}

static void tensor_of_rank_33(struct build *b)
{
    open_graph(b);
    build_init(b, "w", DTYPE_FLOAT, "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", 1);
    build_node(b, "Conv", "conv", "x w", "z", NULL);
    add_bn(b, "z", "y");
}

static void input_of_rank_40(struct build *b)
{
    build_open(b, 8, 15);
    build_input(b, "x", DTYPE_FLOAT, "2,3,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1");
    build_node(b, "BatchNormalization", "first", "x s s s v", "z", NULL);
    add_bn(b, "z", "y");
}

static void tensor_of_no_type(struct build *b)
{
    open_graph(b);
    build_init(b, "w", DTYPE_FLOAT, "3,3,1,1", 1)->data_type = 99;
    build_node(b, "Conv", "conv", "x w", "z", NULL);
    add_bn(b, "z", "y");
}

static void no_opset(struct build *b)
{
    open_graph(b);
    b->model->n_opset_import = 0;
    add_bn(b, "x", "y");
}

static void opset_of_the_future(struct build *b)
{
    open_graph(b);
    b->model->opset_import[0]->version = 1000;
    add_bn(b, "x", "y");
}

static void bn_of_no_input(struct build *b)
{
    open_graph(b);
    build_node(b, "BatchNormalization", "bare", "", "z", NULL);
    add_bn(b, "z", "y");
}

static void bn_of_three_inputs(struct build *b)
{
    open_graph(b);
    build_init(b, "w", DTYPE_FLOAT, "3,3,1,1", 1);
    build_node(b, "Conv", "conv", "x w", "c", NULL);
    build_node(b, "BatchNormalization", "poor", "c s _ s", "z", NULL);
    add_bn(b, "z", "y");
}

static void bn_of_no_output(struct build *b)
{
    open_graph(b);
    build_node(b, "BatchNormalization", "mute", "x s s s v", "_", NULL);
    add_bn(b, "x", "y");
}

/* ---- Depth and number ---- */

/* x -> Conv -> c, for a BatchNormalization further down. */
static void open_conv(struct build *b)
{
    open_graph(b);
    build_init(b, "w", DTYPE_FLOAT, "3,3,1,1", 1);
    build_node(b, "Conv", "conv", "x w", "c", NULL);
}

static void nest(struct build *b, int depth)
{
    open_conv(b);
    build_init_values(b, "yes", DTYPE_BOOL, "", (double[]){ 1 });
    for (int i = 0; i < depth; i++) {
        build_node(b, "If", "if", "yes", i ? arena_printf(&b->arena, "n%d", i) : "z", NULL);
        build_body(b, "then_branch");
    }
    build_node(b, "Identity", "bottom", "x", arena_printf(&b->arena, "n%d", depth), NULL);
    for (int i = depth; i > 0; i--) {
        char *name = arena_printf(&b->arena, "n%d", i), *other = arena_printf(&b->arena, "m%d", i);
        build_output(b, name, DTYPE_FLOAT, NULL);
        build_end(b);
        build_body(b, "else_branch");
        build_node(b, "Neg", "neg", "x", other, NULL);
        build_output(b, other, DTYPE_FLOAT, NULL);
        build_end(b);
    }
    add_bn(b, "z", "y");
}

static void nested_a_little(struct build *b)
{
    nest(b, 8);
}

static void nested_too_deep(struct build *b)
{
    nest(b, 300);
}

static void long_chain(struct build *b)
{
    open_conv(b);
    for (int i = 0; i < 100000; i++)
        build_node(b, "Identity", NULL, i ? arena_printf(&b->arena, "i%d", i) : "c",
                   i < 99999 ? arena_printf(&b->arena, "i%d", i + 1) : "z", NULL);
    add_bn(b, "z", "y");
}

static void many_unused(struct build *b)
{
    open_conv(b);
    for (int i = 0; i < 100000; i++) build_node(b, "Relu", NULL, "c", arena_printf(&b->arena, "u%d", i), NULL);
    add_bn(b, "c", "y");
}

/* A function that calls itself. */
static void recursive_function(struct build *b)
{
    open_conv(b);
    build_import(b, "own", 1);
    build_node(b, "F", "call", "c", "z", NULL)->domain = arena_copy_text(&b->arena, "own");
    build_function(b, "own", "F", "a", "c", "");
    build_import(b, "own", 1);
    build_node(b, "F", "again", "a", "c", NULL)->domain = arena_copy_text(&b->arena, "own");
    build_end(b);
    add_bn(b, "z", "y");
}

/* Each function calls the one before ten times: 10^20 nodes when written out. */
static void functions_that_multiply(struct build *b)
{
    open_conv(b);
    build_import(b, "own", 1);
    build_node(b, "F20", "call", "c", "z", NULL)->domain = arena_copy_text(&b->arena, "own");
    for (int f = 20; f >= 0; f--) {
        build_function(b, "own", arena_printf(&b->arena, "F%d", f), "t0", "t10", "");
        build_import(b, "own", 1);
        build_import(b, "", 15);
        for (int i = 0; i < 10; i++)
            build_node(b, f ? arena_printf(&b->arena, "F%d", f - 1) : "Relu", NULL, arena_printf(&b->arena, "t%d", i),
                       arena_printf(&b->arena, "t%d", i + 1), NULL)
                ->domain = arena_copy_text(&b->arena, f ? "own" : "");
        build_end(b);
    }
    add_bn(b, "z", "y");
}

/* ---- Names ---- */

static void names_of_any_bytes(struct build *b)
{
    static const char *const names[] = { "a\nb",         "\x1b[31mred\x1b[0m", "\"quoted\\\"",
                                         "\xff\xfe\x80", "\xe2\x80\xae",       "%s%n" };
    enum { COUNT = sizeof names / sizeof *names };
    open_graph(b);
    build_init(b, "w", DTYPE_FLOAT, "3,3,1,1", 1);
    for (int i = 0; i < COUNT; i++) build_node(b, "Relu", names[i], i ? names[i - 1] : "x", names[i], NULL);
    build_node(b, "Conv", "\x1b]0;title\a", arena_printf(&b->arena, "%s w", names[COUNT - 1]), "z\r\n", NULL);
    add_bn(b, "z\r\n", "y\t");
}

static void refused_names_of_any_bytes(struct build *b)
{
    names_of_any_bytes(b);
    build_node(b, "Relu", "evil\n\x1b[2Jname\xff", "lost\n\x1b", "q", NULL);
}

static void nodes_of_one_name(struct build *b)
{
    open_graph(b);
    build_init(b, "w", DTYPE_FLOAT, "3,3,1,1", 1);
    build_node(b, "Conv", "bn", "x w", "c", NULL);
    build_node(b, "Conv", "bn", "c w", "z", NULL);
    add_bn(b, "z", "y");
}

/* A name of 100 KB in a message of 1 KB. */
static void very_long_name(struct build *b)
{
    open_graph(b);
    char *name = arena_alloc(&b->arena, 100001);
    memset(name, 'n', 100000);
    build_node(b, "Add", name, "x nowhere", "z", NULL);
    add_bn(b, "z", "y");
}

/* ---- Values that only a run sees; the Conv is folded, so the check runs ---- */

/* x -> Conv -> BatchNormalization -> c beside the case's own nodes, which make z. */
static void open_run(struct build *b)
{
    open_conv(b);
    add_bn(b, "c", "y");
    build_output(b, "z", DTYPE_UNDEFINED, NULL);
}

static void endless_loop(struct build *b)
{
    open_run(b);
    build_init_values(b, "trips", DTYPE_INT64, "", (double[]){ 0x1p62 });
    build_node(b, "Loop", "forever", "trips _ x", "z", NULL);
    build_body(b, "body");
    build_input(b, "i", DTYPE_INT64, "");
    build_input(b, "go", DTYPE_BOOL, "");
    build_input(b, "t", DTYPE_FLOAT, NULL);
    build_output(b, "go", DTYPE_BOOL, "");
    build_output(b, "t", DTYPE_FLOAT, NULL);
    build_end(b);
}

static void endless_memory(struct build *b)
{
    open_run(b);
    build_init_values(b, "big", DTYPE_INT64, "2", (double[]){ 0x1p40, 0x1p20 });
    build_node(b, "ConstantOfShape", "big_one", "big", "z", NULL);
}

static void endless_range(struct build *b)
{
    open_run(b);
    build_init_values(b, "from", DTYPE_INT64, "", (double[]){ 0 });
    build_init_values(b, "to", DTYPE_INT64, "", (double[]){ 0x1p60 });
    build_init_values(b, "by", DTYPE_INT64, "", (double[]){ 1 });
    build_node(b, "Range", "endless", "from to by", "z", NULL);
}

static void range_of_no_step(struct build *b)
{
    open_run(b);
    build_init_values(b, "from", DTYPE_INT64, "", (double[]){ 0 });
    build_init_values(b, "to", DTYPE_INT64, "", (double[]){ 5 });
    build_input(b, "step", DTYPE_INT64, ""); /* a caller may replace it, so that only a run sees it */
    build_init_values(b, "step", DTYPE_INT64, "", (double[]){ 0 });
    build_node(b, "Range", "stuck", "from to step", "z", NULL);
}

static void more_than_there_are(struct build *b)
{
    open_run(b);
    build_init_values(b, "k", DTYPE_INT64, "1", (double[]){ 0x1p62 });
    build_node(b, "TopK", "top", "x k", "z at", NULL);
}

static void index_beyond_the_end(struct build *b)
{
    open_run(b);
    build_init_values(b, "at", DTYPE_INT64, "1", (double[]){ -1e18 });
    build_node(b, "Gather", "far", "x at", "z", NULL);
}

static void reshape_to_nonsense(struct build *b)
{
    open_run(b);
    build_init_values(b, "to", DTYPE_INT64, "3", (double[]){ -1, -1, 7 });
    build_node(b, "Reshape", "shaped", "x to", "z", NULL);
}

static void transpose_of_nonsense(struct build *b)
{
    open_run(b);
    build_node(b, "Transpose", "turned", "x", "z", "perm=0,2,1");
}

static void pad_beyond_all_bounds(struct build *b)
{
    open_run(b);
    build_init_values(b, "pads", DTYPE_INT64, "8", (double[]){ 0, 0, 0, 0, 0x1p60, 0x1p60, 0x1p60, 0x1p60 });
    build_node(b, "Pad", "padded", "x pads", "z", NULL);
}

static void pad_away_everything(struct build *b)
{
    open_run(b);
    build_init_values(b, "pads", DTYPE_INT64, "8", (double[]){ 0, 0, -9, 0, 0, 0, 0, 0 });
    build_node(b, "Pad", "padded", "x pads", "z", NULL);
}

static void tile_beyond_all_bounds(struct build *b)
{
    open_run(b);
    build_init_values(b, "by", DTYPE_INT64, "4", (double[]){ 0x1p60, 0x1p60, 1, 1 });
    build_node(b, "Tile", "tiled", "x by", "z", NULL);
}

static void slice_by_no_step(struct build *b)
{
    open_run(b);
    build_init_values(b, "zero", DTYPE_INT64, "1", (double[]){ 0 });
    build_node(b, "Slice", "cut", "x zero zero zero zero", "z", NULL);
}

static void resize_beyond_all_bounds(struct build *b)
{
    open_run(b);
    build_init_values(b, "scales", DTYPE_FLOAT, "4", (double[]){ 1, 1, 1e30, -2 });
    build_node(b, "Resize", "grown", "x _ scales", "z", NULL);
}

static void split_into_too_much(struct build *b)
{
    open_run(b);
    build_init_values(b, "parts", DTYPE_INT64, "2", (double[]){ 2, 9 });
    build_node(b, "Split", "parts", "x parts", "z _", "axis=2");
}

static void divide_by_nothing(struct build *b)
{
    open_run(b);
    build_init_values(b, "least", DTYPE_INT32, "2", (double[]){ -0x1p31, 7 });
    build_init_values(b, "by", DTYPE_INT32, "2", (double[]){ -1, 0 });
    build_node(b, "Div", "div", "least by", "z", NULL);
}

static void unknown_operator(struct build *b)
{
    open_run(b);
    build_import(b, "com.example", 1);
    build_node(b, "Mystery", "mystery", "x", "z", NULL)->domain = arena_copy_text(&b->arena, "com.example");
}

/* ---- All of them ---- */

struct graph_case {
    void (*build)(struct build *b);
    const char *title, *says;
};

static struct outcome run_case(const struct graph_case *graph_case)
{
    struct build b;
    graph_case->build(&b);
    return run_build(&b);
}

static void try_cases(const struct graph_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct outcome outcome = run_case(&cases[i]);
        expect(cases[i].title, &outcome, cases[i].says);
    }
}

#define TRY(cases) try_cases(cases, sizeof(cases) / sizeof *(cases))

static void broken_graphs_are_refused_by_name(void **state)
{
    (void)state;
    static const struct graph_case cases[] = {
        { cycle, "a cycle", "cycle" },
        { own_output, "a node that reads its own output", "ouroboros" },
        { missing_tensor, "a tensor that nobody makes", "nowhere" },
        { missing_output, "an output that nobody makes", "nowhere" },
        { written_twice, "a value written twice", "\"z\"" },
        { two_initializers_of_a_name, "two initializers of one name", "\"s\"" },
        { two_inputs_of_a_name, "two inputs of one name", "\"x\"" },
        { short_tensor, "a tensor with too few bytes", "\"w\"" },
        { huge_tensor, "a tensor of 2^80 elements", "\"w\"" },
        { negative_tensor, "a tensor of negative size", "\"w\"" },
        { tensor_of_rank_33, "a tensor of 33 dimensions", "\"w\"" },
        { tensor_of_no_type, "a tensor of no known type", "\"w\"" },
        { no_opset, "no opset", "opset" },
        { opset_of_the_future, "an opset of the future", "opset 1000" },
        { bn_of_no_input, "a BatchNormalization of nothing", "input 0 is missing" },
        { bn_of_three_inputs, "a BatchNormalization of three inputs", "input 2 is missing" },
    };
    TRY(cases);
}

/* They stay as they are, with a reason; the rest of the model is worked on. */
static void odd_batch_normalizations_are_let_be(void **state)
{
    (void)state;
    static const struct graph_case cases[] = {
        { bn_of_no_output, "a BatchNormalization for nobody", NULL },
        { input_of_rank_40, "an input of 40 dimensions", NULL },
    };
    TRY(cases);
}

static void deep_and_long_graphs_end(void **state)
{
    (void)state;
    static const struct graph_case cases[] = {
        { nested_a_little, "bodies in bodies", NULL },
        { nested_too_deep, "bodies 300 deep", "deep" },
        { long_chain, "100000 nodes in a row", NULL },
        { many_unused, "100000 nodes for nothing", NULL },
        { recursive_function, "a function that calls itself", "F" },
        { functions_that_multiply, "10^20 nodes in functions", NULL },
    };
    TRY(cases);
}

static void names_reach_messages_escaped(void **state)
{
    (void)state;
    static const struct graph_case cases[] = {
        { names_of_any_bytes, "names of any bytes", NULL },
        { refused_names_of_any_bytes, "names of any bytes, refused", "evil\\n\\x1b[2Jname\\xff" },
        { nodes_of_one_name, "nodes of one name", NULL },
        { very_long_name, "a name of 100 KB", "hostile.onnx" },
    };
    TRY(cases);
}

/* The fold is proven at its site, whatever the rest of the graph does; the verdict names what cannot run. */
/* As it is, without any fold. */
static struct outcome run_alone(const struct graph_case *graph_case)
{
    struct build b;
    struct outcome outcome = { 0 };
    struct bnfuse_error error = { 0 };
    size_t size;
    const float zeros[2 * 3 * 4 * 4] = { 0 };
    const bnfuse_tensor x = { "x", BNFUSE_DTYPE_FLOAT, 4, (int64_t[]){ 2, 3, 4, 4 }, 0, zeros, sizeof zeros, NULL };
    graph_case->build(&b);
    const void *bytes = build_bytes(&b, &size);
    bnfuse_model *model = read_named("hostile.onnx", bytes, size, LIMIT, &error);
    bnfuse_tensors *inputs = bnfuse_tensors_new(), *outputs = NULL;
    if (model && bnfuse_tensors_add(inputs, &x, &error)) outputs = bnfuse_run(model, inputs, NULL, &error);
    snprintf(outcome.message, sizeof outcome.message, "%s", error.message);
    bnfuse_tensors_free(outputs);
    bnfuse_tensors_free(inputs);
    bnfuse_free(model);
    build_close(&b);
    return outcome;
}

static void values_that_cannot_be_computed_are_named(void **state)
{
    (void)state;
    static const struct graph_case cases[] = {
        { endless_loop, "a loop of 2^62 rounds", "forever" },
        { endless_memory, "2^60 elements", "big_one" },
        { endless_range, "a range of 2^60", "endless" },
        { range_of_no_step, "a range without a step", "stuck" },
        { more_than_there_are, "the best 2^62", "top" },
        { index_beyond_the_end, "an index of -10^18", "far" },
        { reshape_to_nonsense, "two -1", "shaped" },
        { transpose_of_nonsense, "three axes of four", "turned" },
        { pad_beyond_all_bounds, "pads of 2^60", "padded" },
        { pad_away_everything, "more cropped than there is", "padded" },
        { tile_beyond_all_bounds, "2^120 tiles", "tiled" },
        { slice_by_no_step, "slices without a step", "cut" },
        { resize_beyond_all_bounds, "scales of 10^30 and -2", "grown" },
        { split_into_too_much, "parts of more than the whole", "parts" },
        { divide_by_nothing, "the least number by -1, another by 0", "" },
        { unknown_operator, "an operator nobody knows", "mystery" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome outcome = run_case(&cases[i]), run = run_alone(&cases[i]);
        bool is_left = outcome.left == 1 && outcome.status == BNFUSE_OK; /* known before anything runs */
        const char *message = is_left ? run.message : outcome.message;
        if ((!is_left && outcome.folded != 1) || !strstr(message, cases[i].says))
            fail_msg("%s: %d %s", cases[i].title, (int)outcome.status, message);
    }
}

/* ---- Mutants ---- */

static uint64_t next_number(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Changes `size` bytes (of twice the room) in one of a few ways; the new size. */
static size_t mutate(uint8_t *bytes, size_t size, uint64_t *random)
{
    static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff, 0x08, 0x0a, 0x12 };
    size_t at = next_number(random) % size, length = next_number(random) % 16 + 1;
    if (length > size - at) length = size - at;
    switch (next_number(random) % 5) {
    case 0: bytes[at] ^= (uint8_t)(1 << next_number(random) % 8); return size;
    case 1: bytes[at] = odd[next_number(random) % sizeof odd]; return size;
    case 2: return at ? at : size; /* truncated */
    case 3: /* a piece twice */ memmove(bytes + at + length, bytes + at, size - at); return size + length;
    default: /* a piece gone */
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length ? size - length : size;
    }
}

static void (*const parents[])(struct build *b) = {
    nested_a_little, names_of_any_bytes, endless_range, functions_that_multiply, reshape_to_nonsense,
};

/* Each mutant must end, cleanly, in some way. BNFUSE_MUTANTS asks for more of them than a test has time for. */
static void mutants_do_no_harm(void **state)
{
    (void)state;
    const char *wanted = getenv("BNFUSE_MUTANTS");
    unsigned long count = wanted ? strtoul(wanted, NULL, 10) : 300;
    uint64_t random = UINT64_C(0x2545f4914f6cdd1d) + count;
    for (unsigned long i = 0; i < count; i++) {
        struct build b;
        size_t size;
        parents[i % (sizeof parents / sizeof *parents)](&b);
        const void *bytes = build_bytes(&b, &size);
        uint8_t *mutant = arena_alloc(&b.arena, size + 64);
        memcpy(mutant, bytes, size);
        for (uint64_t changes = next_number(&random) % 3 + 1; changes > 0; changes--)
            size = mutate(mutant, size, &random);
        main_job(mutant, size);
        build_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_sizes_and_attributes_end_in_one_line),
        cmocka_unit_test(broken_graphs_are_refused_by_name),
        cmocka_unit_test(odd_batch_normalizations_are_let_be),
        cmocka_unit_test(deep_and_long_graphs_end),
        cmocka_unit_test(names_reach_messages_escaped),
        cmocka_unit_test(values_that_cannot_be_computed_are_named),
        cmocka_unit_test(mutants_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
