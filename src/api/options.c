/* SPDX-License-Identifier: Apache-2.0
 *
 * Defaults of the options, and reading options of another size than ours. */
#include "api/options.h"

#include "base/error.h"

#include <string.h>

#define SIZE_LIMIT 4096 /* no struct of options is as large: such a size is a mistake */

static void put_defaults(void *to, size_t size, const void *defaults, size_t known)
{
    if (!to || size < sizeof size) return;
    memset(to, 0, size);
    memcpy(to, defaults, size < known ? size : known);
    memcpy(to, &size, sizeof size);
}

void bnfuse_read_defaults(bnfuse_read_options *options, size_t size)
{
    const bnfuse_read_options defaults = { .size = 0 };
    put_defaults(options, size, &defaults, sizeof defaults);
}

void bnfuse_fuse_defaults(bnfuse_fuse_options *options, size_t size)
{
    const bnfuse_fuse_options defaults = { .fold_limit = UINT64_C(256) << 20 };
    put_defaults(options, size, &defaults, sizeof defaults);
}

void bnfuse_run_defaults(bnfuse_run_options *options, size_t size)
{
    const bnfuse_run_options defaults = { .seed = 1 };
    put_defaults(options, size, &defaults, sizeof defaults);
}

void bnfuse_check_defaults(bnfuse_check_options *options, size_t size)
{
    const bnfuse_check_options defaults = {
        .level = BNFUSE_LEVEL_STANDARD, .seed = 20, .atol = 1e-5, .rtol = 1e-3, .work = 60
    };
    put_defaults(options, size, &defaults, sizeof defaults);
}

void bnfuse_write_defaults(bnfuse_write_options *options, size_t size)
{
    const bnfuse_write_options defaults = { .size = 0 };
    put_defaults(options, size, &defaults, sizeof defaults);
}

bool options_take(void *to, size_t known, const void *given, struct bnfuse_error *error)
{
    size_t size;
    if (!given) return true;
    memcpy(&size, given, sizeof size);
    if (size <= sizeof size || size > SIZE_LIMIT)
        return fail(error, BNFUSE_USAGE, "options of %zu bytes: bnfuse_*_options_init was not called", size);
    for (size_t i = known; i < size; i++)
        if (((const char *)given)[i])
            return fail(error, BNFUSE_USAGE, "an option is set that bnfuse %s does not know; use a newer library",
                        BNFUSE_VERSION);
    memcpy(to, given, size < known ? size : known);
    return true;
}

bool threads_are_negative(int threads, struct bnfuse_error *error)
{
    return threads < 0 && !fail(error, BNFUSE_USAGE, "%d threads: give 0 for as many as the machine has", threads);
}
