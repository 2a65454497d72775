/* SPDX-License-Identifier: Apache-2.0
 *
 * RNN, GRU and LSTM against the equations, written down for one sequence at a time. */
#include "noise.h"
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STEPS  4
#define BATCH  3
#define INPUTS 5
#define HIDDEN 2

enum cell { RNN, GRU, LSTM };

static const int GATES[] = { [RNN] = 1, [GRU] = 3, [LSTM] = 4 };
static const char *const OPS[] = { [RNN] = "RNN", [GRU] = "GRU", [LSTM] = "LSTM" };

struct variant {
    enum cell kind;
    const char *direction; /* the attribute's value */
    bool bias, starts, peepholes, lengths, reset_last, couple, batch_first;
    double clip;                           /* 0: none */
    const char *functions[3], *parameters; /* activations and their attributes; NULL: the usual ones */
    double (*gate)(double), (*inner)(double), (*outer)(double);
};

static double x[STEPS * BATCH * INPUTS], w[2 * 4 * HIDDEN * INPUTS], r[2 * 4 * HIDDEN * HIDDEN], b[2 * 8 * HIDDEN];
static double h0[2 * BATCH * HIDDEN], c0[2 * BATCH * HIDDEN], p[2 * 3 * HIDDEN];
static double y[STEPS * 2 * BATCH * HIDDEN], last[2 * BATCH * HIDDEN], memory[2 * BATCH * HIDDEN];
static const double LENGTHS[] = { 4, 0, 3 };

static double sigmoid(double v)
{
    return 1 / (1 + exp(-v));
}

static double clipped(const struct variant *v, double sum)
{
    return v->clip > 0 ? fmin(fmax(sum, -v->clip), v->clip) : sum;
}

/* x W' + state R' + biases of a gate's unit; with `which` 1 the input's part only, 2 the state's. */
static double sum_of(const struct variant *v, int d, int gate, int unit, const double *input, const double *state,
                     int which)
{
    int gates = GATES[v->kind], row = (d * gates + gate) * HIDDEN + unit;
    double sum = 0;
    for (int i = 0; which != 2 && i < INPUTS; i++) sum += input[i] * w[row * INPUTS + i];
    for (int i = 0; which != 1 && i < HIDDEN; i++) sum += state[i] * r[row * HIDDEN + i];
    if (v->bias && which != 2) sum += b[(d * 2 * gates + gate) * HIDDEN + unit];
    if (v->bias && which != 1) sum += b[(d * 2 * gates + gates + gate) * HIDDEN + unit];
    return sum;
}

static void step_lstm(const struct variant *v, int d, const double *input, double *h, double *c)
{
    double old[HIDDEN];
    const double *peep = p + d * 3 * HIDDEN;
    memcpy(old, h, sizeof old);
    for (int u = 0; u < HIDDEN; u++) {
        double pi = v->peepholes ? peep[u] : 0, po = v->peepholes ? peep[HIDDEN + u] : 0;
        double pf = v->peepholes ? peep[2 * HIDDEN + u] : 0;
        double in = v->gate(clipped(v, sum_of(v, d, 0, u, input, old, 0) + pi * c[u]));
        double forget = v->gate(clipped(v, sum_of(v, d, 2, u, input, old, 0) + pf * c[u]));
        if (v->couple) forget = 1 - in;
        c[u] = forget * c[u] + in * v->inner(clipped(v, sum_of(v, d, 3, u, input, old, 0)));
        h[u] = v->gate(clipped(v, sum_of(v, d, 1, u, input, old, 0) + po * c[u])) * v->outer(c[u]);
    }
}

static void step_gru(const struct variant *v, int d, const double *input, double *h)
{
    double old[HIDDEN], reset[HIDDEN], through[HIDDEN];
    memcpy(old, h, sizeof old);
    for (int u = 0; u < HIDDEN; u++) {
        reset[u] = v->gate(clipped(v, sum_of(v, d, 1, u, input, old, 0)));
        through[u] = reset[u] * old[u];
    }
    for (int u = 0; u < HIDDEN; u++) {
        double update = v->gate(clipped(v, sum_of(v, d, 0, u, input, old, 0)));
        double share =
            v->reset_last ? reset[u] * sum_of(v, d, 2, u, input, old, 2) : sum_of(v, d, 2, u, input, through, 2);
        double next = v->inner(clipped(v, sum_of(v, d, 2, u, input, old, 1) + share));
        h[u] = (1 - update) * next + update * old[u];
    }
}

static void step_rnn(const struct variant *v, int d, const double *input, double *h)
{
    double old[HIDDEN];
    memcpy(old, h, sizeof old);
    for (int u = 0; u < HIDDEN; u++) h[u] = v->gate(clipped(v, sum_of(v, d, 0, u, input, old, 0)));
}

static void run_sequence(const struct variant *v, int directions, int d, int n, bool backward)
{
    double h[HIDDEN] = { 0 }, c[HIDDEN] = { 0 };
    int length = v->lengths ? (int)LENGTHS[n] : STEPS;
    int state = (v->batch_first ? n * directions + d : d * BATCH + n) * HIDDEN;
    if (v->starts) memcpy(h, h0 + state, sizeof h);
    if (v->starts) memcpy(c, c0 + state, sizeof c);
    for (int s = 0; s < length; s++) {
        int t = backward ? length - 1 - s : s;
        const double *input = x + (v->batch_first ? n * STEPS + t : t * BATCH + n) * INPUTS;
        if (v->kind == RNN) step_rnn(v, d, input, h);
        if (v->kind == GRU) step_gru(v, d, input, h);
        if (v->kind == LSTM) step_lstm(v, d, input, h, c);
        int row = v->batch_first ? (n * STEPS + t) * directions + d : (t * directions + d) * BATCH + n;
        memcpy(y + row * HIDDEN, h, sizeof h);
    }
    memcpy(last + state, h, sizeof h);
    memcpy(memory + state, c, sizeof c);
}

static void add_activations(struct build *build, BnfuseOnnx__NodeProto *node, const char *const *names)
{
    BnfuseOnnx__AttributeProto *attribute = NEW(&build->arena, BnfuseOnnx__AttributeProto);
    bnfuse_onnx__attribute_proto__init(attribute);
    attribute->name = arena_copy_text(&build->arena, "activations");
    attribute->has_type = true;
    attribute->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
    attribute->strings = NEW_ARRAY(&build->arena, ProtobufCBinaryData, 3);
    for (; attribute->n_strings < 3 && names[attribute->n_strings]; attribute->n_strings++) {
        char *name = arena_copy_text(&build->arena, names[attribute->n_strings]);
        attribute->strings[attribute->n_strings] = (ProtobufCBinaryData){ strlen(name), (uint8_t *)name };
    }
    node->attribute =
        arena_grow(&build->arena, node->attribute, node->n_attribute, node->n_attribute + 1, sizeof *node->attribute);
    node->attribute[node->n_attribute++] = attribute;
}

static void try_variant(const struct variant *given)
{
    struct variant v = *given;
    struct trial t;
    char dims[60], attributes[300], inputs[60] = "x w r";
    int gates = GATES[v.kind], directions = strcmp(v.direction, "bidirectional") == 0 ? 2 : 1;
    if (!v.gate) v.gate = v.kind == RNN ? tanh : sigmoid;
    if (!v.inner) v.inner = tanh;
    if (!v.outer) v.outer = tanh;
    memset(y, 0, sizeof y);
    for (int d = 0; d < directions; d++)
        for (int n = 0; n < BATCH; n++)
            run_sequence(&v, directions, d, n, d == 1 || strcmp(v.direction, "reverse") == 0);
    trial_open(&t, 14);
    trial_input(&t, "x", DTYPE_FLOAT, v.batch_first ? "3,4,5" : "4,3,5", x);
    sprintf(dims, "%d,%d,%d", directions, gates * HIDDEN, INPUTS);
    trial_input(&t, "w", DTYPE_FLOAT, dims, w);
    sprintf(dims, "%d,%d,%d", directions, gates * HIDDEN, HIDDEN);
    trial_input(&t, "r", DTYPE_FLOAT, dims, r);
    sprintf(dims, "%d,%d", directions, 2 * gates * HIDDEN);
    if (v.bias) trial_input(&t, "b", DTYPE_FLOAT, dims, b);
    if (v.lengths) trial_input(&t, "lens", DTYPE_INT32, "3", LENGTHS);
    sprintf(dims, v.batch_first ? "3,%d,2" : "%d,3,2", directions);
    if (v.starts) trial_input(&t, "h", DTYPE_FLOAT, dims, h0);
    if (v.starts && v.kind == LSTM) trial_input(&t, "c", DTYPE_FLOAT, dims, c0);
    char peep[20];
    sprintf(peep, "%d,6", directions);
    if (v.peepholes) trial_input(&t, "p", DTYPE_FLOAT, peep, p);
    sprintf(inputs, "x w r %s %s %s", v.bias ? "b" : "_", v.lengths ? "lens" : "_", v.starts ? "h" : "_");
    if (v.kind == LSTM) sprintf(inputs + strlen(inputs), " %s %s", v.starts ? "c" : "_", v.peepholes ? "p" : "_");
    sprintf(attributes, "direction=%s hidden_size=2 linear_before_reset=%d input_forget=%d layout=%d %s", v.direction,
            v.reset_last, v.couple, v.batch_first, v.parameters ? v.parameters : "");
    if (v.clip > 0) sprintf(attributes + strlen(attributes), " clip=%.3f", v.clip);
    const char *outputs = v.kind == LSTM ? "y last memory" : "y last";
    BnfuseOnnx__NodeProto *node = build_node(&t.build, OPS[v.kind], "node", inputs, outputs, attributes);
    if (v.functions[0]) add_activations(&t.build, node, v.functions);
    trial_run(&t, v.kind == LSTM ? "y last memory" : "y last");
    trial_expect(&t, "last", DTYPE_FLOAT, dims, last);
    if (v.kind == LSTM) trial_expect(&t, "memory", DTYPE_FLOAT, dims, memory);
    sprintf(dims, v.batch_first ? "3,4,%d,2" : "4,%d,3,2", directions);
    trial_expect(&t, "y", DTYPE_FLOAT, dims, y);
    trial_close(&t);
}

static void fill_all(void)
{
    fill_noise(x, sizeof x / sizeof *x, 1);
    fill_noise(w, sizeof w / sizeof *w, 2);
    fill_noise(r, sizeof r / sizeof *r, 3);
    fill_noise(b, sizeof b / sizeof *b, 4);
    fill_noise(h0, sizeof h0 / sizeof *h0, 5);
    fill_noise(c0, sizeof c0 / sizeof *c0, 6);
    fill_noise(p, sizeof p / sizeof *p, 7);
}

static void cells_follow_their_equations(void **state)
{
    (void)state;
    static const char *const directions[] = { "forward", "reverse", "bidirectional" };
    fill_all();
    for (int kind = RNN; kind <= LSTM; kind++)
        for (int d = 0; d < 3; d++)
            for (int bits = 0; bits < 16; bits++)
                try_variant(&(struct variant){ .kind = (enum cell)kind,
                                               .direction = directions[d],
                                               .bias = bits & 1,
                                               .starts = bits & 2,
                                               .lengths = bits & 4,
                                               .batch_first = bits & 8 });
}

static void options_of_the_cells(void **state)
{
    (void)state;
    fill_all();
    try_variant(&(struct variant){
        .kind = LSTM, .direction = "bidirectional", .bias = true, .peepholes = true, .starts = true });
    try_variant(&(struct variant){ .kind = LSTM, .direction = "forward", .bias = true, .couple = true });
    try_variant(&(struct variant){ .kind = LSTM, .direction = "reverse", .clip = 0.75, .peepholes = true });
    try_variant(&(struct variant){
        .kind = GRU, .direction = "bidirectional", .bias = true, .reset_last = true, .starts = true, .lengths = true });
    try_variant(&(struct variant){ .kind = GRU, .direction = "forward", .clip = 0.5 });
}

static double hard_sigmoid(double v)
{
    return fmin(1, fmax(0, 0.25 * v + 0.5));
}

static double leaky(double v)
{
    return v < 0 ? 0.125 * v : v;
}

static double softsign(double v)
{
    return v / (1 + fabs(v));
}

/* Parameters are handed out in order, to those functions that take them. */
static void functions_can_be_chosen(void **state)
{
    (void)state;
    fill_all();
    try_variant(&(struct variant){ .kind = LSTM,
                                   .direction = "forward",
                                   .bias = true,
                                   .gate = hard_sigmoid,
                                   .inner = softsign,
                                   .outer = leaky,
                                   .functions = { "HardSigmoid", "softsign", "LeakyRelu" },
                                   .parameters = "activation_alpha=0.25,0.125 activation_beta=0.5," });
    try_variant(&(struct variant){ .kind = RNN,
                                   .direction = "reverse",
                                   .gate = leaky,
                                   .functions = { "LeakyRelu" },
                                   .parameters = "activation_alpha=0.125," });
}

static void refuse(const char *op, const char *w_dims, const char *r_dims, const char *attributes, const char *part)
{
    struct trial t;
    trial_open(&t, 14);
    trial_input(&t, "x", DTYPE_FLOAT, "4,3,5", x);
    trial_input(&t, "w", DTYPE_FLOAT, w_dims, w);
    trial_input(&t, "r", DTYPE_FLOAT, r_dims, r);
    build_node(&t.build, op, "node", "x w r", "y", attributes);
    trial_fails(&t, "y", part);
    trial_close(&t);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    refuse("LSTM", "1,8,4", "1,8,2", NULL, "input W");
    refuse("LSTM", "1,6,5", "1,6,2", NULL, "input W");
    refuse("GRU", "1,6,5", "1,6,2", "direction=bidirectional", "input W");
    refuse("GRU", "1,6,5", "1,5,2", NULL, "input R");
    refuse("RNN", "1,2,5", "1,2,2", "hidden_size=3", "hidden_size is 3");
    refuse("RNN", "1,2,5", "1,2,2", "direction=sideways", "sideways");
    refuse("RNN", "1,2,5", "1,2,2", "clip=-1.0", "clip -1");
}

/* A step whose input is no number: neither a limit nor a function may make one of it. */
static void a_nan_stays_in_the_state(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 14);
    trial_input(&t, "x", DTYPE_FLOAT, "3,1,1", (double[]){ 0, NAN, 0 });
    trial_input(&t, "w", DTYPE_FLOAT, "1,1,1", (double[]){ 1 });
    trial_input(&t, "r", DTYPE_FLOAT, "1,1,1", (double[]){ 1 });
    build_node(&t.build, "RNN", "a", "x w r", "y", NULL);
    build_node(&t.build, "RNN", "b", "x w r", "z", "clip=3.0");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "3,1,1,1", (double[]){ 0, NAN, NAN });
    trial_expect(&t, "z", DTYPE_FLOAT, "3,1,1,1", (double[]){ 0, NAN, NAN });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_follow_their_equations), cmocka_unit_test(options_of_the_cells),
        cmocka_unit_test(functions_can_be_chosen),      cmocka_unit_test(a_nan_stays_in_the_state),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
