/* SPDX-License-Identifier: Apache-2.0
 *
 * The main job: a model is fused and checked and written; every change that the check could run is exact; what was
 * written is read again, and fusing it once more changes nothing. The options come from the model's bytes. */
#include "bnfuse.h"
#include "fuzz/fuzz.h"

#include <string.h>

const size_t fuzz_prefix = 0;

#define WORK 0.001 /* predicted seconds of a check */
enum { MEMORY = 64 << 20 };

/* FNV-1a */
static uint32_t digest(const uint8_t *bytes, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

static bnfuse_fuse_options options_of(uint32_t hash)
{
    bnfuse_fuse_options options;
    bnfuse_fuse_options_init(&options);
    options.freeze_weights = hash & 1;
    options.assume_inference = hash & 2;
    options.lower_mul_add = hash & 4;
    options.any_opset = hash & 8;
    if (hash & 16) options.fold_limit = 1 << 12;
    return options;
}

static bnfuse_model *read_model(const void *bytes, size_t size, bnfuse_error *error)
{
    bnfuse_read_options options;
    bnfuse_read_options_init(&options);
    options.memory_limit = MEMORY;
    options.opener = fuzz_find_data;
    return bnfuse_read(bytes, size, &options, error);
}

/* A fold is exact: in float64, and before weights are stored. Stored and run in a narrow type it may still overflow,
 * which is what the check is for. */
static void require_exact(const bnfuse_check_result *result)
{
    for (size_t i = 0; i < result->site_count; i++) {
        const bnfuse_site *site = result->sites[i];
        REQUIRE(!site->checked || site->ill_conditioned || site->difference.near_overflow
                || (!site->difference.shape_differs && !site->difference.pattern_differs
                    && site->difference.relative < 1e-6));
    }
}

static void check(bnfuse_model *model)
{
    bnfuse_check_options options;
    bnfuse_error error = { .status = BNFUSE_OK };
    bnfuse_check_options_init(&options);
    options.threads = 1;
    options.work = WORK;
    const bnfuse_check_result *result = bnfuse_check(model, &options, &error);
    if (!result) REQUIRE(error.status != BNFUSE_OK && error.status != BNFUSE_DIFFER);
    else require_exact(result);
}

/* A written model is at its end: nothing of it is folded or merged. What was lowered is not: its Mul may go where the
 * whole BatchNormalization could not. */
static void fuse_again(const void *bytes, size_t size, const bnfuse_fuse_options *options)
{
    bnfuse_error error;
    void *again;
    size_t again_size;
    bnfuse_model *model = read_model(bytes, size, &error);
    REQUIRE(model != NULL);
    if (options->lower_mul_add) {
        bnfuse_free(model);
        return;
    }
    if (bnfuse_fuse(model, options, &error)) {
        REQUIRE(bnfuse_get_report(model)->folded == 0);
        REQUIRE(bnfuse_write_bytes(model, &again, &again_size, &error));
        REQUIRE(again_size == size && memcmp(again, bytes, size) == 0);
        bnfuse_free_bytes(again);
    } else {
        REQUIRE(error.status == BNFUSE_INTERNAL); /* out of memory */
    }
    bnfuse_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    bnfuse_error error = { .status = BNFUSE_OK };
    void *written;
    size_t written_size;
    const bnfuse_fuse_options options = options_of(digest(bytes, size));
    bnfuse_model *model = read_model(bytes, size, &error);
    if (!model) {
        REQUIRE(error.status != BNFUSE_OK && *error.message);
        return 0;
    }
    if (bnfuse_fuse(model, &options, &error)) {
        check(model);
        if (bnfuse_write_bytes(model, &written, &written_size, &error)) {
            fuse_again(written, written_size, &options);
            bnfuse_free_bytes(written);
        }
    }
    bnfuse_free(model);
    return 0;
}
