/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization in training mode against the textbook, over every batch size that could be special:
 *
 *   mean = sum(x)/n      var = sum((x-mean)^2)/n      y = scale*(x-mean)/sqrt(var+epsilon) + bias
 *   running = old*momentum + current*(1-momentum)
 *
 * with n all elements of a channel: batch times places. The reference is computed here from what the node reads. */
#include "onnx/graph/graph.h"
#include "onnx/graph/index.h"
#include "runtime/run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A model with one BatchNormalization, as loaded, and one run of it. */
struct trial {
    struct memory memory;
    struct arena arena;
    struct array_pool pool;
    struct model model;
    struct net net;
    struct node *bn;
    struct array *read[5], *written[5]; /* what the node read and wrote; NULL where it has none */
};

static struct node *find_bn(const struct net *net)
{
    for (struct node *node = net->main->first; node; node = node->next)
        if (node_is(node, "BatchNormalization")) return node;
    fail_msg("no BatchNormalization in the model");
    return NULL;
}

/* Dims of the input as declared, with `batch` for the first. */
static struct array *make_input(struct trial *trial, const struct value *input, int64_t batch, enum store store)
{
    const BnfuseOnnx__TypeProto__Tensor *declared = input->info->type->tensor_type;
    int64_t dims[ARRAY_MAX_RANK];
    int rank = (int)declared->shape->n_dim;
    for (int i = 0; i < rank; i++) dims[i] = declared->shape->dim[i]->dim_value;
    dims[0] = batch;
    struct array *array = array_new(&trial->pool, DTYPE_FLOAT, store, rank, dims);
    for (int64_t i = 0; i < array->count; i++) {
        double number = (double)(float)(3 + 2 * sin((double)(i * i % 997)));
        if (store == STORE_F64) array->f64[i] = number;
        else array->f32[i] = (float)number;
    }
    return array;
}

struct request {
    struct trial *trial;
    const char *name;
    int64_t batch;
    bool exact;
};

/* Wants everything the node reads and writes, so that nothing has to be observed on the way. */
static bool run_trial(void *context, struct bnfuse_error *error)
{
    struct request *request = context;
    struct trial *trial = request->trial;
    const char *models = getenv("BNFUSE_MODELS");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.onnx", models ? models : ".", request->name);
    if (!model_load(&trial->model, &trial->arena, path, error)
        || !net_index(&trial->net, &trial->arena, &trial->model, error))
        return false;
    struct graph *graph = trial->net.main;
    struct node *bn = trial->bn = find_bn(&trial->net);

    struct value *wanted[10];
    struct array **slot[10];
    size_t count = 0;
    for (size_t i = 0; i < 5; i++) {
        if ((wanted[count] = node_input(bn, i))) slot[count++] = &trial->read[i];
        if ((wanted[count] = node_output(bn, i))) slot[count++] = &trial->written[i];
    }
    struct array *input = make_input(trial, graph->inputs[0], request->batch, request->exact ? STORE_F64 : STORE_F32);
    struct run_options options = {
        .exact = request->exact, .threads = 2, .memory = &trial->memory, .pool = &trial->pool
    };
    struct plan *plan;
    struct array *outputs[10];
    if (!plan_build(&plan, &trial->arena, &trial->net, graph->inputs, 1, wanted, count, error)
        || !plan_run(plan, &options, &input, outputs, error))
        return false;
    for (size_t i = 0; i < count; i++) *slot[i] = outputs[i];
    return true;
}

static void open_trial(struct trial *trial, const char *name, int64_t batch, bool exact)
{
    *trial = (struct trial){ 0 };
    arena_open(&trial->arena, &trial->memory);
    pool_open(&trial->pool, &trial->memory);
    struct bnfuse_error error = { 0 };
    struct request request = { trial, name, batch, exact };
    if (!guarded(&trial->memory, run_trial, &request, &error)) fail_msg("%s: %s", name, error.message);
}

static void close_trial(struct trial *trial)
{
    pool_close(&trial->pool);
    arena_close(&trial->arena);
}

static double at(const struct array *array, int64_t i)
{
    return array->store == STORE_F64 ? array->f64[i] : (double)array->f32[i];
}

/* Elements of one channel: the layout is [batch, channels, places]. */
static int64_t place_of(const struct array *x, int64_t channel, int64_t i)
{
    int64_t channels = x->dims[1], places = x->count / (x->dims[0] * channels);
    return (i / places * channels + channel) * places + i % places;
}

static void batch_statistics(const struct array *x, int64_t channel, double *mean, double *var)
{
    int64_t n = x->count / x->dims[1];
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += at(x, place_of(x, channel, i));
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += pow(at(x, place_of(x, channel, i)) - *mean, 2);
    *var = squares / (double)n;
}

static void assert_near(double expected, double found, double limit)
{
    if (!(fabs(expected - found) <= limit * fmax(1, fabs(expected))))
        fail_msg("expected %.17g, found %.17g", expected, found);
}

static void assert_textbook(const struct trial *trial, double momentum, double limit)
{
    const struct array *x = trial->read[0], *y = trial->written[0];
    assert_int_equal(y->count, x->count);
    for (int64_t channel = 0; channel < x->dims[1]; channel++) {
        double mean, var;
        batch_statistics(x, channel, &mean, &var);
        for (int64_t i = 0; i < x->count / x->dims[1]; i++) {
            int64_t place = place_of(x, channel, i);
            double normal = (at(x, place) - mean) / sqrt(var + (double)1e-5f);
            assert_near(at(trial->read[1], channel) * normal + at(trial->read[2], channel), at(y, place), limit);
        }
        if (!trial->written[1]) continue;
        assert_near(at(trial->read[3], channel) * momentum + mean * (1 - momentum), at(trial->written[1], channel),
                    limit);
        assert_near(at(trial->read[4], channel) * momentum + var * (1 - momentum), at(trial->written[2], channel),
                    limit);
    }
}

static void assert_trial(const char *name, int64_t batch, double momentum)
{
    for (int exact = 0; exact <= 1; exact++) {
        struct trial trial;
        open_trial(&trial, name, batch, exact);
        assert_textbook(&trial, momentum, exact ? 1e-12 : 2e-5);
        close_trial(&trial);
    }
}

static void output_and_running_statistics_follow_the_textbook(void **state)
{
    (void)state;
    assert_trial("bn_training_mode", 2, (double)0.8f);
    assert_trial("bn_training_mode", 7, (double)0.8f);
}

static void a_batch_of_one_is_normalised_over_its_places(void **state)
{
    (void)state;
    assert_trial("bn_training_mode", 1, (double)0.8f);
}

static void a_single_number_a_channel_becomes_the_bias(void **state)
{
    (void)state;
    struct trial trial;
    open_trial(&trial, "bn_training_mode_single_sample", 1, true);
    assert_textbook(&trial, (double)0.9f, 1e-12);
    for (int64_t channel = 0; channel < 5; channel++) {
        assert_near(at(trial.read[2], channel), at(trial.written[0], channel), 1e-12);
        assert_near(at(trial.read[4], channel) * (double)0.9f, at(trial.written[2], channel), 1e-12);
    }
    close_trial(&trial);
}

static void opset_7_trains_when_it_has_five_outputs(void **state)
{
    (void)state;
    assert_trial("bn_opset7_five_outputs_train", 2, (double)0.9f);
}

static void opset_6_trains_unless_told_otherwise(void **state)
{
    (void)state;
    assert_trial("bn_opset6_trains_by_default", 2, (double)0.9f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_running_statistics_follow_the_textbook),
        cmocka_unit_test(a_batch_of_one_is_normalised_over_its_places),
        cmocka_unit_test(a_single_number_a_channel_becomes_the_bias),
        cmocka_unit_test(opset_7_trains_when_it_has_five_outputs),
        cmocka_unit_test(opset_6_trains_unless_told_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
