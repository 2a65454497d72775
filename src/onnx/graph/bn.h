/* SPDX-License-Identifier: Apache-2.0
 *
 * What a BatchNormalization means, in the way each opset says it. */
#ifndef ONNX_GRAPH_BN_H
#define ONNX_GRAPH_BN_H

#include "onnx/graph/graph.h"

#define BN_OPERATOR "BatchNormalization"

bool bn_is(const struct node *node);

/* It normalizes by the batch's own statistics: training mode. */
bool bn_is_training(const struct node *bn);
/* Before opset 7 inference has to be asked for; so its lack may be an oversight of who wrote the model. */
bool bn_trains_by_default(const struct node *bn);
/* Every element of a sample has parameters of its own (spatial = 0). With [N, C] that is per channel, too. */
bool bn_is_per_element(const struct node *bn);
double bn_epsilon(const struct node *bn);

/* Makes it normalize by the statistics it was given. Its further outputs, if any, must have no reader: they go. */
void bn_set_inference(struct node *bn);

#endif
