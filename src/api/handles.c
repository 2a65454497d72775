/* SPDX-License-Identifier: Apache-2.0
 *
 * What all functions on public handles need. */
#include "api/handles.h"

bool error_with_name(const struct bnfuse_model *model, bool good, struct bnfuse_error *error)
{
    return error_prefix(good, model->name, error);
}

bool is_missing(const void *pointer, const char *name, struct bnfuse_error *error)
{
    return !pointer && !fail(error, BNFUSE_USAGE, "the argument \"%s\" is NULL", name);
}

bool is_unfit(const struct bnfuse_model *model, const char *name, struct bnfuse_error *error)
{
    if (is_missing(model, name, error)) return true;
    return model->is_broken && !fail(error, BNFUSE_USAGE, "%s: fusing failed; load it again", model->name);
}
