#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# judge.sh SOURCE_DIR MODELS: ONNX Runtime runs every model and what models_test made of it, on the same inputs, and
# the trained network against PyTorch's stored scores. Skipped (77) where ONNX Runtime is not installed.
set -eu
source=$1
models=$2
if ! command -v node > /dev/null || [ ! -d "${BNFUSE_ORT:-$source/build/ort}/node_modules/onnxruntime-node" ]; then
    echo "skipped: no ONNX Runtime; scripts/ort/install.sh brings it"
    exit 77
fi
judge="node $source/scripts/ort/judge.mjs"
$judge compare --list "$models/fused/list.tsv"
for trained in "$models"/trained_cnn.onnx "$models"/fused/trained_cnn.*.onnx; do
    $judge expect "$trained" "$models/trained_cnn.scores.npy" "$models/trained_cnn.images.npy"
done
