/* SPDX-License-Identifier: Apache-2.0
 *
 * What all functions behind the public handles need. */
#include "api/handles.h"

bool error_with_name(const struct bnfuse_model *model, bool good, struct bnfuse_error *error)
{
    return error_prefix(good, model->name, error);
}
