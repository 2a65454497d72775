/* SPDX-License-Identifier: Apache-2.0
 *
 * Modes of BatchNormalization by opset: an attribute (14), further outputs (7), an attribute that is off (1). */
#include "onnx/graph/bn.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"

bool bn_is(const struct node *node)
{
    return node_is(node, BN_OPERATOR);
}

static bool has_statistics(const struct node *bn)
{
    for (size_t i = 1; i < bn->output_count; i++)
        if (bn->outputs[i]) return true;
    return false;
}

bool bn_trains_by_default(const struct node *bn)
{
    return bn->opset < 7;
}

bool bn_is_training(const struct node *bn)
{
    if (bn->opset >= 14) return node_int(bn, "training_mode", 0) != 0;
    if (bn_trains_by_default(bn)) return node_int(bn, "is_test", 0) == 0;
    return has_statistics(bn);
}

bool bn_is_per_element(const struct node *bn)
{
    return bn->opset < 9 && node_int(bn, "spatial", 1) == 0;
}

double bn_epsilon(const struct node *bn)
{
    return (double)node_float(bn, "epsilon", 1e-5f);
}

void bn_set_inference(struct node *bn)
{
    bool training = bn_is_training(bn);
    if (has_statistics(bn)) edit_drop_outputs(bn, 1);
    if (training && bn->opset >= 14) edit_remove_attribute(bn, "training_mode");
    if (training && bn_trains_by_default(bn)) edit_set_int(bn, "is_test", 1);
}
