/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests that use the library as a client share. */
#ifndef TESTS_CLIENT_H
#define TESTS_CLIENT_H

#include "bnfuse.h"

static inline bnfuse_model *read_named(const char *name, const void *bytes, size_t size, size_t memory_limit,
                                       bnfuse_error *error)
{
    bnfuse_read_options options;
    bnfuse_read_options_init(&options);
    options.name = name;
    options.memory_limit = memory_limit;
    return bnfuse_read(bytes, size, &options, error);
}

#endif
