/* SPDX-License-Identifier: Apache-2.0
 *
 * What all functions behind the public handles need. */
#include "api/handles.h"

#include <stdio.h>
#include <string.h>

bool error_with_name(const struct bnfuse_model *model, bool good, struct bnfuse_error *error)
{
    if (good || !error) return good;
    struct bnfuse_error named;
    char name[256];
    escape_text(name, sizeof name, model->name);
    if (strstr(error->message, name)) return false;
    size_t length = strlen(name);
    memcpy(named.message, name, length);
    snprintf(named.message + length, sizeof named.message - length, ": %.760s", error->message);
    memcpy(error->message, named.message, sizeof error->message);
    return false;
}
