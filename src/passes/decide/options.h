/* SPDX-License-Identifier: Apache-2.0
 *
 * What a caller of the passes may ask for. */
#ifndef PASSES_DECIDE_OPTIONS_H
#define PASSES_DECIDE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pass_options {
    bool relu_scale;             /* --enable relu-scale */
    bool before_padded_conv;     /* --enable bn-before-padded-conv */
    bool lower_mul_add;          /* --lower mul-add */
    uint64_t fold_limit;         /* bytes the model may grow by through computed constants and clones */
    const char *const *disabled; /* names of passes */
    size_t disabled_count;
    const char *const *skip; /* names of nodes */
    size_t skip_count;
    /* Called now and then with the share of work done, 0..1; NULL: not called. */
    void (*progress)(void *context, double done);
    void *context;
};

#endif
