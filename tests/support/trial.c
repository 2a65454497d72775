/* SPDX-License-Identifier: Apache-2.0
 *
 * Trying an operator (trial.h). */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse_dims(const char *text, int64_t *dims)
{
    int rank = 0;
    for (char *end; text && *text; text = *end == ',' ? end + 1 : end) dims[rank++] = strtoll(text, &end, 10);
    return rank;
}

static int64_t product(int rank, const int64_t *dims)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    return count;
}

void trial_open(struct trial *t, int64_t opset)
{
    *t = (struct trial){ .seed = 7 };
    build_open(&t->build, 10, opset);
    pool_open(&t->pool, &t->build.memory);
}

void trial_close(struct trial *t)
{
    pool_close(&t->pool);
    build_close(&t->build);
}

static struct tensor *new_input(struct trial *t, const char *name, enum dtype type, const char *dims)
{
    int64_t sizes[TENSOR_MAX_RANK];
    struct tensor *tensor = NEW(&t->build.arena, struct tensor);
    assert_true(t->input_count < TRIAL_MOST);
    tensor->type = type;
    tensor->rank = parse_dims(dims, sizes);
    tensor->count = product(tensor->rank, sizes);
    int64_t *copy = NEW_ARRAY(&t->build.arena, int64_t, (size_t)tensor->rank);
    for (int i = 0; i < tensor->rank; i++) copy[i] = sizes[i];
    tensor->dims = copy;
    t->inputs[t->input_count++] = tensor;
    build_input(&t->build, name, type, dims);
    return tensor;
}

void trial_input(struct trial *t, const char *name, enum dtype type, const char *dims, const double *values)
{
    struct tensor *tensor = new_input(t, name, type, dims);
    int64_t bytes = 0;
    assert_true(dtype_bytes(type, tensor->count, &bytes));
    void *packed = arena_alloc(&t->build.arena, (size_t)bytes);
    tensor->bytes = packed;
    int64_t numbers = dtype_kind(type) == KIND_COMPLEX ? 2 * tensor->count : tensor->count;
    if (dtype_kind(dtype_part(type)) == KIND_REAL) dtype_store_real(dtype_part(type), values, numbers, packed);
    else {
        int64_t *whole = NEW_ARRAY(&t->build.arena, int64_t, (size_t)tensor->count);
        for (int64_t i = 0; i < tensor->count; i++) whole[i] = (int64_t)values[i];
        dtype_store_whole(type, whole, tensor->count, packed);
    }
}

void trial_text(struct trial *t, const char *name, const char *dims, const char *const *strings)
{
    struct tensor *tensor = new_input(t, name, DTYPE_STRING, dims);
    char **copy = NEW_ARRAY(&t->build.arena, char *, (size_t)tensor->count);
    for (int64_t i = 0; i < tensor->count; i++) copy[i] = arena_copy_text(&t->build.arena, strings[i]);
    tensor->strings = copy;
}

/* One run, inside guarded: memory that runs out is an error like others. */
static bool run_once(void *context, struct bnfuse_error *error)
{
    struct trial *t = context;
    struct plan *plan;
    struct value *wanted[TRIAL_MOST];
    struct array *arrays[TRIAL_MOST];
    struct run_options options = {
        .exact = t->exact, .threads = 2, .memory = &t->build.memory, .pool = &t->pool, .random_seed = t->seed
    };
    for (size_t i = 0; i < t->output_count; i++) wanted[i] = build_find_value(&t->net, t->names[i]);
    if (!plan_build(&plan, &t->build.arena, &t->net, t->net.main->inputs, t->input_count, wanted, t->output_count,
                    error))
        return false;
    for (size_t i = 0; i < t->input_count; i++)
        if (!array_from_tensor(&arrays[i], t->inputs[i], &options, error)) return false;
    return plan_run(plan, &options, arrays, t->outputs[t->exact], error);
}

static void load(struct trial *t, const char *outputs)
{
    struct model *model = NEW(&t->build.arena, struct model);
    char *names = arena_copy_text(&t->build.arena, outputs);
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
        assert_true(t->output_count < TRIAL_MOST);
        t->names[t->output_count++] = name;
        build_output(&t->build, name, DTYPE_UNDEFINED, NULL);
    }
    build_load(&t->build, model, &t->net);
}

void trial_run(struct trial *t, const char *outputs)
{
    load(t, outputs);
    for (int exact = 0; exact < 2; exact++) {
        t->exact = exact;
        if (!guarded(&t->build.memory, run_once, t, &t->error)) fail_msg("%s", t->error.message);
    }
}

void trial_fails(struct trial *t, const char *outputs, const char *part)
{
    load(t, outputs);
    for (int exact = 0; exact < 2; exact++) {
        t->exact = exact;
        if (guarded(&t->build.memory, run_once, t, &t->error)) fail_msg("ran, though it should fail with \"%s\"", part);
        if (!strstr(t->error.message, part)) fail_msg("\"%s\" does not say \"%s\"", t->error.message, part);
    }
}

const struct array *trial_output(const struct trial *t, const char *name, bool exact)
{
    for (size_t i = 0; i < t->output_count; i++)
        if (strcmp(t->names[i], name) == 0) return t->outputs[exact][i];
    fail_msg("no output %s", name);
    return NULL;
}

static const struct array *expect_shape(const struct trial *t, const char *name, bool exact, enum dtype type,
                                        const char *dims)
{
    int64_t sizes[TENSOR_MAX_RANK];
    int rank = parse_dims(dims, sizes);
    const struct array *array = trial_output(t, name, exact);
    assert_non_null(array);
    assert_string_equal(dtype_name(array->type), dtype_name(type));
    assert_int_equal(array->rank, rank);
    for (int i = 0; i < rank; i++) assert_int_equal(array->dims[i], sizes[i]);
    return array;
}

static double element(const struct array *array, int64_t i)
{
    if (array->store == STORE_I64) return (double)array->i64[i];
    return array->store == STORE_F32 ? (double)array->f32[i] : array->f64[i];
}

void trial_expect(struct trial *t, const char *name, enum dtype type, const char *dims, const double *values)
{
    for (int exact = 0; exact < 2; exact++) {
        const struct array *array = expect_shape(t, name, exact, type, dims);
        double size = exact ? 1e-12 : 1e-5;
        for (int64_t i = 0; i < array->count; i++) {
            double is = element(array, i), must = values[i];
            bool good = is == must || (isnan(is) && isnan(must)) || fabs(is - must) <= size * (1 + fabs(must));
            if (!good)
                fail_msg("%s[%lld] is %.17g, not %.17g (%s)", name, (long long)i, is, must, exact ? "double" : "float");
        }
    }
}

void trial_expect_text(struct trial *t, const char *name, const char *dims, const char *const *strings)
{
    const struct array *array = expect_shape(t, name, false, DTYPE_STRING, dims);
    for (int64_t i = 0; i < array->count; i++) assert_string_equal(array->text[i], strings[i]);
}
