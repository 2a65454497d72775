/* SPDX-License-Identifier: Apache-2.0
 *
 * What hides behind the public handles, for bnfuse.c and the files beside this one. */
#ifndef API_HANDLES_H
#define API_HANDLES_H

#include "bnfuse.h"
#include "io/datum.h"
#include "passes/passes.h"

struct bnfuse_model {
    struct memory memory;
    struct arena arena;
    const char *name; /* the file, for messages */
    struct model model;
    struct net before, after;   /* as it was read; as the passes left it */
    bool is_fused, is_inferred; /* passes have run; shapes of `before` are known */
    bnfuse_report report;
};

struct bnfuse_tensors {
    struct memory memory;
    struct arena arena;
    struct datum *data;
    size_t count, space;
};

/* Puts the file's name before an error that does not have it: messages from below know the node only. Returns
 * `good`. */
bool error_with_name(const struct bnfuse_model *model, bool good, struct bnfuse_error *error);

/* Fills model->report from what the passes say and what the two indexes hold. */
void summarise(struct bnfuse_model *model, const struct pass_report *from);

/* One more tensor of this name, still empty, in its own list. */
struct datum *tensors_add(struct bnfuse_tensors *tensors, const char *name);
/* NULL when there is none of this name. */
const struct datum *tensors_find(const struct bnfuse_tensors *tensors, const char *name);
/* As the model declares it; NULL when it does not. */
const BnfuseOnnx__TypeProto *type_of(const struct value *value);

#endif
