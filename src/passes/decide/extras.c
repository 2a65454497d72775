/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of folds on request, and looking a name up. */
#include "passes/decide/extras.h"

#include <string.h>

const struct bnfuse_extra extras[EXTRA_COUNT] = {
#define ROW(constant, name, help) [EXTRA_##constant] = { name, help },
    EXTRAS(ROW)
#undef ROW
};

bool is_enabled(const struct bnfuse_fuse_options *options, enum extra extra)
{
    for (size_t i = 0; i < options->enabled.count; i++)
        if (strcmp(options->enabled.names[i], extras[extra].name) == 0) return true;
    return false;
}
