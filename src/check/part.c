/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a part of a net. See part.h. */
#include "check/part.h"

#include "runtime/run.h"

#include <math.h>

bool pass_error(struct bnfuse_error *error, const struct bnfuse_error *why)
{
    if (error) *error = *why;
    return false;
}

bool prover_run_plan(const struct prover *prover, const struct plan *plan, const struct partial_run *part,
                     struct array **output, struct bnfuse_error *error)
{
    struct run_options options = { .exact = !part->native,
                                   .unrounded = !part->stored && !part->native,
                                   .team = prover->team,
                                   .memory = prover->options->memory,
                                   .pool = prover->pool,
                                   .bytes = prover->bytes,
                                   .weight_noise = part->noise,
                                   .noise_type = (enum dtype)prover->options->asked.precision,
                                   .unmoved = part->unmoved,
                                   .random_seed = prover->options->asked.seed };
    *output = NULL;
    const struct work_share share = work_begin(options.memory, prover->work, UINT64_MAX / 2);
    bool ran = plan_run(plan, &options, part->fed, output, error);
    work_end(options.memory, &share);
    return ran;
}

struct plan_call {
    const struct prover *prover;
    const struct partial_run *part;
    struct plan **plan;
};

static bool build_plan(void *context, struct bnfuse_error *error)
{
    const struct plan_call *call = context;
    const struct partial_run *part = call->part;
    struct value *wanted = part->wanted;
    return plan_build(call->plan, call->prover->scratch, part->net, part->given, part->given_count, &wanted, 1, error);
}

/* Metered like a run, for a part may be as large as the model, and sites as many as its nodes. */
bool prover_plan(const struct prover *prover, const struct partial_run *part, struct plan **plan,
                 struct bnfuse_error *error)
{
    struct plan_call call = { prover, part, plan };
    struct memory *memory = prover->options->memory;
    const struct work_share share = work_begin(memory, prover->work, UINT64_MAX / 2);
    bool planned = guarded(memory, build_plan, &call, error);
    work_end(memory, &share);
    if (!planned) memory_require_machine(memory);
    return planned;
}

bool prover_run(const struct prover *prover, const struct partial_run *part, struct array **output,
                struct bnfuse_error *error)
{
    struct plan *plan;
    *output = NULL;
    return prover_plan(prover, part, &plan, error) && prover_run_plan(prover, plan, part, output, error);
}

struct array *perturb(struct array *array)
{
    if (!array || array->store != STORE_F64) return array;
    struct array *copy = array_new(array->pool, array->type, array->store, array->rank, array->dims);
    uint64_t state = 1;
    for (int64_t i = 0; i < array->count; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        copy->f64[i] = nextafter(array->f64[i], state >> 63 ? INFINITY : -INFINITY);
    }
    array_drop(array);
    return copy;
}
