/* SPDX-License-Identifier: Apache-2.0
 *
 * The two indexes of a model: as it was read, and as the passes left it. */
#include "api/handles.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/index.h"
#include "onnx/shape/infer.h"
#include "passes/inference.h"
#include "passes/inline.h"

bool index_with_shapes(struct bnfuse_model *model, struct bnfuse_error *error)
{
    if (model->is_fused || model->is_calibrated || model->is_inferred) return true;
    model->is_inferred = true;
    return shape_infer(&model->after, error);
}

/* The model as it was read. A size that the fold took for a constant is one here, too: a site is proven at the sizes
 * that it was decided on. */
static bool index_anew(struct bnfuse_model *model, struct net *net, struct bnfuse_error *error)
{
    if (!net_index(net, &model->arena, &model->model, error)) return false;
    if (model->assumes_inference) assume_inference(net);
    net->freeze_weights = model->after.freeze_weights;
    return true;
}

/* Builds `before`, with its shapes, unless it is there. */
static bool index_before(struct bnfuse_model *model, struct bnfuse_error *error)
{
    if (model->has_before) return true;
    if (!index_anew(model, &model->before, error)) return false;
    edit_redeclare_like(&model->before, &model->after);
    model->has_before = true;
    return shape_infer(&model->before, error);
}

const struct net *index_as_read(struct bnfuse_model *model, struct bnfuse_error *error)
{
    if (!model->is_fused && !model->is_calibrated) return &model->after;
    return index_before(model, error) ? &model->before : NULL;
}

const struct net *index_to_check(struct bnfuse_model *model, struct bnfuse_error *error)
{
    struct net *copy;
    if (!inline_took_unknown(&model->after)) return index_before(model, error) ? &model->before : NULL;
    copy = NEW(&model->arena, struct net);
    if (!index_anew(model, copy, error)) return NULL;
    return inline_run(copy, NULL, NULL, error) && shape_infer(copy, error) ? copy : NULL;
}
