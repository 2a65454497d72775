/* SPDX-License-Identifier: Apache-2.0
 *
 * --assume-inference: models that were exported in training mode by mistake. */
#ifndef PASSES_INFERENCE_H
#define PASSES_INFERENCE_H

#include "onnx/graph/graph.h"

/* Every BatchNormalization normalizes by its stored statistics from now on, unless somebody reads the running ones it
 * computes. This changes what the model means, on the user's word: the check's reference needs the same change. */
void assume_inference(struct net *net);

#endif
