/* SPDX-License-Identifier: Apache-2.0
 *
 * Folds as text: parsing, folding, comparing. */
#include "fold_case.h"
#include "onnx/graph/index.h"

#include "bend.h"
#include "build.h"
#include "bytes.h"
#include "onnx/graph/print.h"
#include "onnx/graph/schema.h"
#include "onnx/graph/validate.h"
#include "onnx/shape/infer.h"
#include "onnx/write/write.h"
#include "passes/decide/extras.h"
#include "runtime/run.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

/* The next word of *text (up to a blank), or NULL. Cuts it out. */
static char *word(char **text)
{
    char *start = *text + strspn(*text, " \n");
    if (!*start) return NULL;
    char *end = start + strcspn(start, " \n");
    *text = *end ? end + 1 : end;
    *end = '\0';
    return start;
}

static uint64_t seed_of(const char *name)
{
    uint64_t seed = 1469598103934665603u;
    for (; *name; name++) seed = (seed ^ (uint64_t)(unsigned char)*name) * 1099511628211u;
    return seed | 1;
}

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

/* Parameters of a BatchNormalization: plausible statistics, scales of both signs unless kind forbids. */
static void add_bn(struct build *b, const char *output, const char *kind, const char *x, const char *channels,
                   const char *rest, enum dtype type)
{
    static const char *const suffix[] = { "scale", "bias", "mean", "var" };
    int64_t count = strtoll(channels, NULL, 10);
    double values[4][512];
    uint64_t state = seed_of(output);
    assert_true(count <= 512);
    for (int64_t c = 0; c < count; c++) {
        values[0][c] = (uniform(&state) + 0.25) * (strcmp(kind, "bn+") && uniform(&state) < 0.4 ? -1 : 1);
        values[1][c] = uniform(&state) - 0.5;
        values[2][c] = uniform(&state) - 0.5;
        values[3][c] = uniform(&state) + 0.1;
        if (!strcmp(kind, "bn0")) values[1][c] = values[2][c] = 0;
        for (int p = 0; p < 4 && !strcmp(kind, "bn1"); p++) values[p][c] = values[p][0];
    }
    char inputs[512];
    snprintf(inputs, sizeof inputs, "%s", x);
    for (int p = 0; p < 4; p++) {
        char name[128];
        snprintf(name, sizeof name, "%s_%s", output, suffix[p]);
        build_init_values(b, name, type, channels, values[p]);
        snprintf(inputs + strlen(inputs), sizeof inputs - strlen(inputs), " %s", name);
    }
    build_node(b, "BatchNormalization", output, inputs, output, rest);
}

static void add_filled(struct build *b, const char *name, enum dtype type, const char *dims, double with)
{
    int64_t count = 1;
    for (const char *at = dims; *at;) {
        char *end;
        count *= strtoll(at, &end, 10);
        if (end == at) fail_msg("no dims: %s", dims);
        at = *end == ',' ? end + 1 : end;
    }
    double *values = calloc((size_t)count + 1, sizeof *values);
    for (int64_t i = 0; i < count; i++) values[i] = with;
    build_init_values(b, name, type, dims, values);
    free(values);
}

static void add_vector(struct build *b, const char *name, enum dtype type, char *list)
{
    double values[64];
    char dims[16];
    int count = 0;
    for (char *at = list; *at; count++) {
        values[count] = strtod(at, &at);
        if (*at == ',') at++;
    }
    snprintf(dims, sizeof dims, "%d", count);
    build_init_values(b, name, type, dims, values);
}

static bool imports(const struct build *b, const char *domain)
{
    for (size_t i = 0; i < b->model->n_opset_import; i++)
        if (!strcmp(b->model->opset_import[i]->domain, domain)) return true;
    return false;
}

/* "domain:Operator" */
static void take_domain(struct build *b, BnfuseOnnx__NodeProto *node)
{
    char *colon = strchr(node->op_type, ':');
    if (!colon) return;
    *colon = '\0';
    node->domain = node->op_type;
    node->op_type = colon + 1;
    if (!imports(b, node->domain)) build_import(b, node->domain, 1);
}

static void add_node(struct build *b, char *outputs, char *text, enum dtype type)
{
    char *op = word(&text), inputs[512] = "", attributes[512] = "";
    bool is_bn = strncmp(op, "bn", 2) == 0;
    char *x = is_bn ? word(&text) : NULL, *channels = is_bn ? word(&text) : NULL;
    for (char *w = word(&text); w; w = word(&text)) {
        char *list = strchr(w, '=') ? attributes : inputs;
        snprintf(list + strlen(list), 512 - strlen(list), "%s%s", *list ? " " : "", w);
    }
    if (is_bn) add_bn(b, outputs, op, x, channels, *attributes ? attributes : NULL, type);
    else
        take_domain(b, build_node(b, op, strchr(outputs, ' ') ? NULL : outputs, inputs, outputs,
                                  *attributes ? attributes : NULL));
}

/* The type that the next word names; `absent` when there is none. */
static enum dtype type_after(char **text, enum dtype absent)
{
    const char *name = word(text);
    if (!name) return absent;
    for (int type = 1; type < DTYPE_COUNT; type++)
        if (!strcmp(name, dtype_name(type))) return type;
    fail_msg("no such type: %s", name);
    return absent;
}

static void add_statement(struct build *b, char *text, enum dtype type)
{
    char *equals = strstr(text, " = ");
    char *first = text;
    if (equals) {
        *equals = '\0';
        first += strspn(first, " \n");
        add_node(b, first, equals + 3, type);
        return;
    }
    char *verb = word(&text), *name = word(&text), *rest = word(&text);
    if (!verb) return;
    if (rest && !strcmp(rest, "-")) *rest = '\0';
    if (!strcmp(verb, "in")) build_input(b, name, type_after(&text, type), rest);
    else if (!strcmp(verb, "init")) build_init(b, name, type_after(&text, type), rest, seed_of(name));
    else if (!strcmp(verb, "init8")) build_init(b, name, DTYPE_INT8, rest, seed_of(name));
    else if (!strcmp(verb, "fill")) {
        double with = strtod(word(&text), NULL);
        add_filled(b, name, type_after(&text, type), rest, with);
    } else if (!strcmp(verb, "fill8")) add_filled(b, name, DTYPE_INT8, rest, strtod(word(&text), NULL));
    else if (!strcmp(verb, "ints")) add_vector(b, name, DTYPE_INT64, rest);
    else if (!strcmp(verb, "floats")) add_vector(b, name, DTYPE_FLOAT, rest);
    else if (!strcmp(verb, "out")) build_output(b, name, 0, NULL);
    else if (!strcmp(verb, "gone")) return;
    else fail_msg("no such statement: %s", verb);
}

static int64_t number_after(const char *text, const char *word_, int64_t absent)
{
    const char *at = strstr(text, word_);
    return at ? strtoll(at + strlen(word_), NULL, 10) : absent;
}

static void parse(struct build *b, const char *given, enum dtype type)
{
    char *text = strdup(given), *rest = text, *statement;
    build_open(b, number_after(given, "ir ", 8), number_after(given, "opset ", 13));
    while ((statement = strsep(&rest, ";"))) {
        statement += strspn(statement, " \n");
        if (*statement && strncmp(statement, "opset ", 6) && strncmp(statement, "ir ", 3)
            && strncmp(statement, "within ", 7) && strncmp(statement, "says ", 5) && strcmp(statement, "broken") != 0)
            add_statement(b, statement, type);
    }
    free(text);
}

/* The numbers of each initializer that is "gone" lie in a file that cannot be read. */
static void lose(struct net *net, const char *text)
{
    static const struct file gone = { .path = "gone.data", .fd = -1, .size = UINT64_MAX };
    for (const char *at = strstr(text, "gone "); at; at = strstr(at + 1, "gone ")) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 5, ";"), at + 5);
        struct value *value = build_find_value(net, name);
        struct tensor *tensor = NEW(net->arena, struct tensor);
        *tensor = *value->initializer;
        tensor->bytes = NULL;
        tensor->span = (struct span){ &gone, 0, UINT64_MAX };
        value->initializer = tensor;
    }
}

/* Whether every tensor of shape `a` has shape `b`. */
static bool is_within(const struct shape *a, const struct shape *b)
{
    if (b->rank < 0) return true;
    for (int i = 0; i < a->rank && a->rank == b->rank; i++)
        if (b->dims[i].size >= 0 && a->dims[i].size != b->dims[i].size) return false;
    return a->rank == b->rank;
}

/* The shape that an input is given: its own, or what another graph declares for its name where that is no less. */
static const struct shape *shape_in(const struct net *like, const struct value *value)
{
    for (size_t i = 0; like && i < like->main->input_count; i++)
        if (!strcmp(like->main->inputs[i]->name, value->name)
            && is_within(&like->main->inputs[i]->shape, &value->shape))
            return &like->main->inputs[i]->shape;
    return &value->shape;
}

/* Nobody runs a model on 2^40 elements. */
static bool is_small(const struct shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        if (!size_multiply(count, shape->dims[i].size < 0 ? 2 : shape->dims[i].size, &count)) return false;
    return count < 100000;
}

static struct array *random_input(struct array_pool *pool, const struct value *value, const struct shape *shape,
                                  uint64_t *state)
{
    int64_t dims[ARRAY_MAX_RANK];
    for (int i = 0; i < shape->rank; i++) dims[i] = shape->dims[i].size < 0 ? 2 : shape->dims[i].size;
    struct array *array =
        array_new(pool, value->type, store_of(value->type, true), shape->rank < 0 ? 0 : shape->rank, dims);
    for (int64_t i = 0; i < array->count; i++) {
        if (array->store == STORE_F64) array->f64[i] = 2 * uniform(state) - 1;
        else array->i64[i] = (int64_t)((value->type == DTYPE_BOOL ? 2 : 3) * uniform(state));
    }
    return array;
}

/* Numbers that tell a sign of zero, a NaN or an infinity that is lost. */
static struct array *odd_input(struct array_pool *pool, struct array *array)
{
    static const double odd[] = { -0.0, 0.0, NAN, INFINITY, -INFINITY, 1e-40, -1, 1, 6, -6.5 };
    enum { COUNT = sizeof odd / sizeof *odd };
    struct array *native = array_stored(array, array->store == STORE_F64 ? store_of(array->type, false) : array->store);
    (void)pool;
    for (int64_t i = 0; i < native->count; i += 2) {
        if (native->store == STORE_F32) native->f32[i] = (float)odd[i / 2 % COUNT];
        if (native->store == STORE_F64) native->f64[i] = odd[i / 2 % COUNT];
    }
    if (native != array) array_round(native);
    array_drop(array);
    return native;
}

struct attempt {
    struct arena *arena;
    struct net *net;
    struct value **given;
    size_t count;
    const struct run_options *options;
    struct array **inputs, **outputs;
};

static bool run_guarded(void *context, struct bnfuse_error *error)
{
    const struct attempt *a = context;
    const struct graph *graph = a->net->main;
    struct plan *plan;
    return plan_build(&plan, a->arena, a->net, a->given, a->count, graph->outputs, graph->output_count, error)
           && plan_run(plan, a->options, a->inputs, a->outputs, error);
}

/* Runs the main graph: in double, unrounded, or in its own types on odd numbers. Inputs that have no initializer are
 * random, the same for the same seed, and of the shapes that `like` declares (NULL: their own). */
static bool try_run(struct build *b, struct net *net, const struct net *like, struct array_pool *pool,
                    struct array **outputs, bool exact, struct bnfuse_error *error)
{
    struct value *given[64];
    struct array *inputs[64];
    size_t count = 0;
    uint64_t state = 42;
    for (size_t i = 0; i < net->main->input_count; i++) {
        if (net->main->inputs[i]->initializer) continue;
        given[count] = net->main->inputs[i];
        if (!is_small(shape_in(like, given[count]))) return false;
        inputs[count] = random_input(pool, given[count], shape_in(like, given[count]), &state);
        if (!exact) inputs[count] = odd_input(pool, inputs[count]);
        count++;
    }
    struct run_options options = {
        .exact = exact, .unrounded = exact, .threads = 1, .memory = &b->memory, .pool = pool
    };
    struct attempt attempt = { &b->arena, net, given, count, &options, inputs, outputs };
    return guarded(&b->memory, run_guarded, &attempt, error);
}

static void run(struct build *b, struct net *net, struct array_pool *pool, struct array **outputs, bool exact,
                const char *text)
{
    struct bnfuse_error error;
    if (!try_run(b, net, NULL, pool, outputs, exact, &error)) fail_msg("%s\n%s", error.message, text);
}

/* Equal but for a part of the largest element, which is the result. */
static double compare(const struct array *a, const struct array *b, double within, const char *name, const char *text)
{
    double largest = 0, difference = 0;
    if (a->count != b->count)
        fail_msg("output %s: %lld elements became %lld\n%s", name, (long long)a->count, (long long)b->count, text);
    for (int64_t i = 0; a->store == STORE_I64 && i < a->count; i++)
        if (a->i64[i] != b->i64[i]) fail_msg("output %s: other integers\n%s", name, text);
    if (a->store != STORE_F64) return INFINITY;
    for (int64_t i = 0; i < a->count; i++) {
        largest = fmax(largest, fabs(a->f64[i]));
        difference = fmax(difference, fabs(a->f64[i] - b->f64[i]));
        if (isnan(a->f64[i]) != isnan(b->f64[i])) difference = INFINITY;
    }
    if (!(difference <= within * largest))
        fail_msg("output %s differs by %g of %g\n%s", name, difference, largest, text);
    return largest;
}

static double tolerance_of(const char *text)
{
    const char *within = strstr(text, "within ");
    return within ? strtod(within + 7, NULL) : 1e-12;
}

/* Equal bit for bit; a NaN is equal to any other. */
static void compare_bits(const struct array *a, const struct array *b, const char *name, const char *text)
{
    bool same = a->type == b->type && a->rank == b->rank && a->count == b->count && a->store == b->store;
    for (int i = 0; same && i < a->rank; i++) same = a->dims[i] == b->dims[i];
    for (int64_t i = 0; same && i < a->count; i++) {
        if (a->store == STORE_F32 && !(isnan(a->f32[i]) && isnan(b->f32[i])))
            same = memcmp(&a->f32[i], &b->f32[i], sizeof(float)) == 0;
        if (a->store == STORE_F64 && !(isnan(a->f64[i]) && isnan(b->f64[i])))
            same = memcmp(&a->f64[i], &b->f64[i], sizeof(double)) == 0;
        if (a->store == STORE_I64) same = a->i64[i] == b->i64[i];
    }
    if (!same) fail_msg("output %s is not the same bit for bit\n%s", name, text);
}

static void list_ops(const struct net *net, char *to, size_t size)
{
    *to = '\0';
    for (const struct node *node = net->main->first; node; node = node->next)
        snprintf(to + strlen(to), size - strlen(to), "%s%s", *to ? " " : "", node->op);
}

static int count_left(const struct net *net)
{
    int left = 0;
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) left += node_is(node, "BatchNormalization");
    return left;
}

static const struct bnfuse_remark *first_that_stays(const struct pass_report *report)
{
    for (size_t i = 0; i < report->remark_count; i++)
        if (report->remarks[i]->outcome == BNFUSE_OUTCOME_STAYS) return report->remarks[i];
    return NULL;
}

/* The words after "says", up to the next statement, are in what is told of the first that stays. */
static void check_words(const char *text, const struct bnfuse_remark *stays)
{
    char words[200], told[600];
    const char *at = strstr(text, "says ");
    if (!at) return;
    snprintf(words, sizeof words, "%.*s", (int)strcspn(at + 5, ";"), at + 5);
    snprintf(told, sizeof told, "%s, %s", stays ? stays->where : "", stays ? stays->detail : "");
    if (!strstr(told, words)) fail_msg("\"%s\" does not say \"%s\"\n%s", told, words, text);
}

static void check_outcome(const struct fold_case *c, const struct net *net, const struct pass_report *report)
{
    char ops[1024];
    list_ops(net, ops, sizeof ops);
    const struct bnfuse_remark *stays = first_that_stays(report);
    if ((int)report->left != count_left(net) || (int)report->left != c->left)
        fail_msg("%zu left (%d counted), %d expected [%s]; first: BNF%d %s, %s (%s)\n%s", report->left, count_left(net),
                 c->left, ops, stays ? stays->code : 0, stays ? stays->where : "", stays ? stays->detail : "",
                 stays ? stays->path : "", c->text);
    if (c->reason && (!stays || stays->code != (int)c->reason))
        fail_msg("BNF%d %s, %s (%s) instead of BNF%d\n%s", stays ? stays->code : 0, stays ? stays->where : "",
                 stays ? stays->detail : "", stays ? stays->path : "", (int)c->reason, c->text);
    if (c->left && !stays) fail_msg("%d left and none of the remarks says why\n%s", c->left, c->text);
    check_words(c->text, stays);
    if (c->ops && strcmp(c->ops, ops)) fail_msg("[%s] instead of [%s]\n%s", ops, c->ops, c->text);
}

static int count_op(const struct net *net, const char *op)
{
    int count = 0;
    for (const struct node *node = net->main->first; node; node = node->next) count += !strcmp(node->op, op);
    return count;
}

/* The same model with its nodes listed backward must fold to the same nodes. */
static void check_backward_file(struct build *b, const struct net *folded, const struct bnfuse_fuse_options *options,
                                const char *text)
{
    BnfuseOnnx__GraphProto *graph = b->model->graph;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    for (size_t i = 0; i < graph->n_node / 2; i++) {
        BnfuseOnnx__NodeProto *node = graph->node[i];
        graph->node[i] = graph->node[graph->n_node - 1 - i];
        graph->node[graph->n_node - 1 - i] = node;
    }
    build_load(b, &model, &net);
    lose(&net, text);
    assert_true(passes_run(&net, options, &report, &error));
    bool same = net.main->node_count == folded->main->node_count;
    for (const struct node *node = folded->main->first; node; node = node->next)
        same = same && count_op(&net, node->op) == count_op(folded, node->op);
    if (!same) fail_msg("it folds differently with its nodes listed backward\n%s", text);
}

/* Both compute the same. */
static void check_results(struct build *b, struct net *nets[2], struct array_pool *pool, bool exact, const char *text)
{
    struct array *results[2][16];
    const struct graph *before = nets[0]->main, *after = nets[1]->main;
    assert_true(before->output_count == after->output_count && after->output_count <= 16);
    for (int k = 0; k < 2; k++) run(b, nets[k], pool, results[k], exact, text);
    for (size_t i = 0; i < after->output_count; i++) {
        assert_string_equal(after->outputs[i]->name, before->outputs[i]->name);
        if (exact)
            assert_true(compare(results[0][i], results[1][i], tolerance_of(text), after->outputs[i]->name, text) > 0);
        else compare_bits(results[0][i], results[1][i], after->outputs[i]->name, text);
    }
}

/* Neither runs. */
static void check_broken(struct build *b, struct net *nets[2], struct array_pool *pool, const char *text)
{
    struct bnfuse_error error;
    struct array *outputs[16];
    for (int k = 0; k < 2; k++)
        if (try_run(b, nets[k], NULL, pool, outputs, true, &error)) fail_msg("it runs\n%s", text);
}

/* ---- models like that of a case ---- */

enum place {
    IN_MAIN,
    IN_FUNCTION,
    IN_FUNCTION_OF_ATTRIBUTES,
    IN_BRANCH,
    IN_KNOWN_BRANCH,
    IN_BRANCH_OF_CONSTANTS,
    PLACES
};

struct nodes {
    BnfuseOnnx__NodeProto **node;
    size_t n_node;
    BnfuseOnnx__ValueInfoProto **output;
    size_t n_output;
    char names[512], inputs[512]; /* of the outputs; and of what else the main graph has */
};

/* The nodes and outputs, which the main graph has no more. Outputs have other names there. */
static struct nodes take_nodes(struct build *b)
{
    BnfuseOnnx__GraphProto *graph = b->model->graph;
    struct nodes nodes = { graph->node, graph->n_node, graph->output, graph->n_output, "", "" };
    graph->node = NULL;
    graph->output = NULL;
    graph->n_node = graph->n_output = 0;
    for (size_t i = 0; i < nodes.n_output; i++) {
        char name[128];
        snprintf(name, sizeof name, "%.100s_o", nodes.output[i]->name);
        snprintf(nodes.names + strlen(nodes.names), sizeof nodes.names - strlen(nodes.names), "%s ", name);
        build_output(b, name, DTYPE_UNDEFINED, NULL);
    }
    for (size_t i = 0; i < graph->n_input; i++)
        if (strlen(nodes.inputs) < 400) sprintf(nodes.inputs + strlen(nodes.inputs), "%.60s ", graph->input[i]->name);
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (strlen(nodes.inputs) < 400)
            sprintf(nodes.inputs + strlen(nodes.inputs), "%.60s ", graph->initializer[i]->name);
    return nodes;
}

/* A copy of the attribute under a name for the call, to which it refers itself from now on. */
static BnfuseOnnx__AttributeProto *refer(struct build *b, BnfuseOnnx__AttributeProto *own, size_t number)
{
    BnfuseOnnx__AttributeProto *given = NEW(&b->arena, BnfuseOnnx__AttributeProto);
    char *name = arena_printf(&b->arena, "%s_%zu", own->name, number);
    *given = *own;
    given->name = name;
    bnfuse_onnx__attribute_proto__init(own);
    own->name = arena_printf(&b->arena, "%.*s", (int)(strrchr(name, '_') - name), name);
    own->ref_attr_name = name;
    own->has_type = given->has_type;
    own->type = given->type;
    return given;
}

/* What the nodes' attributes hold is passed by the call. */
static void pass_attributes(struct build *b, BnfuseOnnx__FunctionProto *function, BnfuseOnnx__NodeProto *call)
{
    size_t count = 0, number = 0;
    for (size_t i = 0; i < function->n_node; i++) count += function->node[i]->n_attribute;
    function->attribute = NEW_ARRAY(&b->arena, char *, count);
    call->attribute = NEW_ARRAY(&b->arena, BnfuseOnnx__AttributeProto *, count);
    for (size_t i = 0; i < function->n_node; i++) {
        for (size_t k = 0; k < function->node[i]->n_attribute; k++) {
            BnfuseOnnx__AttributeProto *own = function->node[i]->attribute[k];
            if (own->g || own->ref_attr_name) continue;
            call->attribute[call->n_attribute] = refer(b, own, number++);
            function->attribute[function->n_attribute++] = call->attribute[call->n_attribute]->name;
            call->n_attribute++;
        }
    }
}

static void put_into_function(struct build *b, int64_t opset, bool passes_attributes)
{
    struct nodes nodes = take_nodes(b);
    char outputs[512] = "";
    for (size_t i = 0; i < nodes.n_output; i++)
        snprintf(outputs + strlen(outputs), sizeof outputs - strlen(outputs), "%s ", nodes.output[i]->name);
    build_import(b, "local", 1);
    BnfuseOnnx__NodeProto *call = build_node(b, "F", "call", nodes.inputs, nodes.names, NULL);
    call->domain = strcpy(arena_alloc(&b->arena, 8), "local");
    build_function(b, "local", "F", nodes.inputs, outputs, NULL);
    build_import(b, "", opset);
    if (imports(b, "com.microsoft")) build_import(b, "com.microsoft", 1);
    BnfuseOnnx__FunctionProto *function = b->model->functions[0];
    function->node = nodes.node;
    function->n_node = nodes.n_node;
    if (passes_attributes) pass_attributes(b, function, call);
    build_end(b);
}

/* Into both branches of an If, with the initializers or without. */
static void put_into_branches(struct build *b, bool is_known, bool with_constants)
{
    static const char *const branches[] = { "then_branch", "else_branch" };
    struct nodes nodes = take_nodes(b);
    BnfuseOnnx__GraphProto *graph = b->model->graph, from = *graph;
    if (with_constants) graph->n_initializer = 0, graph->initializer = NULL;
    if (is_known) build_init_values(b, "c_", DTYPE_BOOL, "", &(double){ 1 });
    else build_input(b, "c_", DTYPE_BOOL, "");
    BnfuseOnnx__NodeProto *choice = build_node(b, "If", "choice", "c_", nodes.names, NULL);
    for (size_t i = 0; i < 2; i++) {
        build_body(b, branches[i]);
        BnfuseOnnx__GraphProto *body = choice->attribute[i]->g;
        body->node = nodes.node;
        body->n_node = nodes.n_node;
        body->output = nodes.output;
        body->n_output = nodes.n_output;
        if (with_constants) body->initializer = from.initializer, body->n_initializer = from.n_initializer;
        build_end(b);
    }
}

static void put_into(struct build *b, enum place place, const char *text)
{
    if (place == IN_FUNCTION || place == IN_FUNCTION_OF_ATTRIBUTES)
        put_into_function(b, number_after(text, "opset ", 13), place == IN_FUNCTION_OF_ATTRIBUTES);
    else if (place != IN_MAIN) put_into_branches(b, place == IN_KNOWN_BRANCH, place == IN_BRANCH_OF_CONSTANTS);
}

struct bent {
    const struct fold_case *c;
    const struct bnfuse_fuse_options *options;
    const struct net *like;
    const char *extras[EXTRA_COUNT];
    size_t count, compared;
};

/* Those of the case, and others in turn. */
static struct bnfuse_fuse_options options_in_turn(const struct bent *bent, const char **skipped)
{
    static const char *const folds[] = { "fold", "affine", "tidy" }; /* which round at other places */
    const struct bnfuse_names all = { bent->extras, EXTRA_COUNT };
    struct bnfuse_fuse_options options = *bent->options;
    if (options.simplify && bent->count % 8 != 2)
        options.disabled = (struct bnfuse_names){ folds, sizeof folds / sizeof *folds };
    switch (bent->count % 8) {
    case 1: options.simplify = true; break;
    case 2: options.enabled = all; break;
    case 3: options.freeze_weights = true; break;
    case 4: options.lower_conv = true; break;
    case 5: options.fold_limit = 64; break;
    case 6: options.skipped = (struct bnfuse_names){ skipped, *skipped != NULL }; break;
    default: break;
    }
    return options;
}

/* Runs both; what the first computes the second computes too. */
static void compare_bent(struct build *b, struct net *nets[2], struct bent *bent, bool exact, bool forms,
                         const char *text)
{
    struct array *results[2][16];
    struct array_pool pool;
    struct bnfuse_error error;
    pool_open(&pool, &b->memory);
    if (try_run(b, nets[0], bent->like, &pool, results[0], exact, &error)) {
        if (!try_run(b, nets[1], bent->like, &pool, results[1], exact, &error)) fail_msg("%s\n%s", error.message, text);
        for (size_t i = 0; i < nets[1]->main->output_count; i++) {
            const char *name = nets[1]->main->outputs[i]->name;
            /* A bound that an affine went into is a new constant, rounded to its type. */
            const double within = bent->c->type == DTYPE_FLOAT16 ? 0x1p-11 : forms ? 1e-6 : 1e-9;
            if (exact) compare(results[0][i], results[1][i], within, name, text);
            else compare_bits(results[0][i], results[1][i], name, text);
        }
        bent->compared++;
    }
    pool_close(&pool);
}

/* Also in what the file does not declare. */
static bool is_valid(struct net *net)
{
    struct bnfuse_error error;
    if (!net_validate(net, &error) || !shape_infer(net, &error)) return false;
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (const struct node *node = graph->first; node; node = node->next)
            if (!schema_agrees(node)) return false;
    return true;
}

/* A node's name, of all in turn; NULL: it has none. */
static const char *nth_name(const struct net *net, size_t n)
{
    const struct node *node = net->main->first;
    for (n %= net->main->node_count + 1; node && n > 0; n--) node = node->next;
    return node ? node_title(node) : NULL;
}

/* It can be printed, written, and read back. */
static void show_and_write(struct net *nets[2], const char *text)
{
    struct draft draft;
    struct bnfuse_error error;
    FILE *nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    for (int i = 0; i < 2; i++) net_print_all(nets[i], nowhere);
    net_print(nets[1], nowhere);
    fclose(nowhere);
    if (!draft_write(&draft, nets[1], NULL, NULL, &error)) fail_msg("%s\n%s", error.message, text);
    if (!draft_net(&draft, &error)) fail_msg("%s\n%s", error.message, text);
    draft_close(&draft);
}

/* A valid model stays one, and computes what it did. */
static void try_in(struct bent *bent, const char *text, enum place place)
{
    struct build b;
    struct model model;
    struct net before, after;
    struct pass_report report;
    struct bnfuse_error error;
    parse(&b, text, bent->c->type ? bent->c->type : DTYPE_FLOAT);
    put_into(&b, place, text);
    if (build_try_load(&b, &model, &before, &error) && is_valid(&before)) {
        const char *skipped = nth_name(&before, bent->count / 8);
        const struct bnfuse_fuse_options options = options_in_turn(bent, &skipped);
        assert_true(net_index(&after, &b.arena, &model, &error));
        lose(&after, text);
        if (!passes_run(&after, &options, &report, &error)) {
            /* In the place of its call, a body shows what does not go together. */
            const bool is_in_function = place == IN_FUNCTION || place == IN_FUNCTION_OF_ATTRIBUTES;
            if (error.status != BNFUSE_INVALID || !is_in_function) fail_msg("%s\n%s", error.message, text);
            build_close(&b);
            return;
        }
        if (!net_validate(&after, &error)) fail_msg("%s\n%s", error.message, text);
        assert_true(shape_infer(&after, &error));
        struct net *nets[2] = { &before, &after };
        if (bent->count % 8 == 7 && !strstr(text, "gone ")) show_and_write(nets, text);
        if (!strstr(text, "gone "))
            compare_bent(&b, nets, bent, !bent->options->simplify || options.enabled.count, options.enabled.count,
                         text);
    }
    build_close(&b);
}

/* Where the elements of an initializer cannot be read, some are not looked at, and the model stays valid. */
static void try_lost(struct bent *bent)
{
    char text[8192], name[64];
    for (const char *at = strstr(bent->c->text, "init"); at; at = strstr(at + 1, "init")) {
        if (sscanf(at, "init%*[8 ]%63s", name) != 1) continue;
        snprintf(text, sizeof text, "%s; gone %s", bent->c->text, name);
        for (int i = 0; i < 8; i++, bent->count++) try_in(bent, text, IN_MAIN);
    }
}

static void try_bent(void *context, const char *text)
{
    struct bent *bent = context;
    bent->count++;
    try_in(bent, text, IN_MAIN);
    if (bent->count % 4 == 0) try_in(bent, text, 1 + bent->count / 4 % (PLACES - 1));
}

static void run_bent(const struct fold_case *c, const struct bnfuse_fuse_options *options)
{
    struct build b;
    struct model model;
    struct net like;
    struct bnfuse_error error;
    struct bent bent = { .c = c, .options = options, .like = &like };
    if (strstr(c->text, "broken;") || strstr(c->text, "gone ")) return;
    for (int i = 0; i < EXTRA_COUNT; i++) bent.extras[i] = extras[i].name;
    parse(&b, c->text, c->type ? c->type : DTYPE_FLOAT);
    build_load(&b, &model, &like);
    assert_true(shape_infer(&like, &error));
    bend_each(c->text, try_bent, &bent);
    try_lost(&bent);
    assert_true(net_contradiction(&like) || bent.compared > bent.count / 8); /* of the one nothing is folded */
    build_close(&b);
}

void fold_case_run(const struct fold_case *c, const struct bnfuse_fuse_options *options)
{
    static const struct bnfuse_fuse_options defaults = { .fold_limit = 1 << 28 };
    const bool broken = strncmp(c->text, "broken;", 7) == 0;
    struct build b;
    struct model model;
    struct net before, after;
    struct array_pool pool;
    struct pass_report report, again;
    struct bnfuse_error error;
    if (!options) options = &defaults;
    if (getenv("BNFUSE_BENT")) {
        run_bent(c, options);
        return;
    }
    parse(&b, c->text, c->type ? c->type : DTYPE_FLOAT);
    build_load(&b, &model, &before);
    assert_true(net_index(&after, &b.arena, &model, &error));
    lose(&before, c->text);
    lose(&after, c->text);
    if (!net_validate(&after, &error)) fail_msg("%s\n%s", error.message, c->text);
    assert_true(passes_run(&after, options, &report, &error));
    check_outcome(c, &after, &report);
    if (!broken && !net_validate(&after, &error)) fail_msg("%s\n%s", error.message, c->text);

    struct net *nets[2] = { &before, &after };
    pool_open(&pool, &b.memory);
    for (int k = 0; k < 2; k++) assert_true(shape_infer(nets[k], &error));
    if (broken) check_broken(&b, nets, &pool, c->text);
    else check_results(&b, nets, &pool, !options->simplify, c->text);
    pool_close(&pool);

    size_t nodes = after.main->node_count;
    assert_true(passes_run(&after, options, &again, &error));
    if (again.left != report.left || nodes != after.main->node_count)
        fail_msg("a second run changes it again\n%s", c->text);
    check_backward_file(&b, &after, options, c->text);
    build_close(&b);
}
