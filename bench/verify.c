/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_verify MODEL OUT: folds and writes the model, and says what verifying the new file took of it. The linker puts
 * what is here around the functions that verify (--wrap), so the program itself measures nothing. */
#include "onnx/write/verify.h"
#include "bnfuse.h"
#include "onnx/write/elements.h"

#include <stdio.h>
#include <time.h>

static struct stopwatch {
    double wall, cpu;
    int depth; /* one of them calls another */
} verifying;

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void begin(struct stopwatch *watch)
{
    if (watch->depth++) return;
    watch->wall -= now(CLOCK_MONOTONIC);
    watch->cpu -= now(CLOCK_PROCESS_CPUTIME_ID);
}

static bool end(struct stopwatch *watch, bool result)
{
    if (--watch->depth) return result;
    watch->wall += now(CLOCK_MONOTONIC);
    watch->cpu += now(CLOCK_PROCESS_CPUTIME_ID);
    return result;
}

/* The linker's names: __real_F is what F was, __wrap_F is called in its place. */
#define WRAP(function, parameters, arguments)                \
    bool __real_##function parameters;                       \
    bool __wrap_##function parameters;                       \
    bool __wrap_##function parameters                        \
    {                                                        \
        begin(&verifying);                                   \
        return end(&verifying, __real_##function arguments); \
    }

WRAP(elements_compare,
     (struct elements * elements, const struct tensor *expected, const struct tensor *written, int64_t first,
      int64_t count, const struct elements_read *read, int64_t *at, struct bnfuse_error *error),
     (elements, expected, written, first, count, read, at, error))
WRAP(verify_bytes,
     (const struct written *written, struct arena *arena, struct model *model, struct bnfuse_error *error),
     (written, arena, model, error))
WRAP(verify_model, (const struct written *written, struct model *model, struct bnfuse_error *error),
     (written, model, error))

int main(int argc, char **argv)
{
    bnfuse_fuse_options options;
    bnfuse_error error = { .message = "bench_verify MODEL OUT" };
    bnfuse_fuse_options_init(&options);
    options.freeze_weights = options.unread = true;
    bnfuse_model *model = argc == 3 ? bnfuse_load(argv[1], NULL, &error) : NULL;
    bool done = model && bnfuse_fuse(model, &options, &error) && bnfuse_write(model, argv[2], NULL, &error);
    if (done) printf("verifying %.6f s, %.6f s of CPU\n", verifying.wall, verifying.cpu);
    else fprintf(stderr, "%s\n", error.message);
    bnfuse_free(model);
    return !done;
}
