#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# patterns.sh SOURCE_DIR PROGRAM MODELS: ONNX Runtime's full optimization finds as many LayerNormalization, Gelu and
# attention products in what bnfuse made of three nets as in the nets themselves: no constant that it knows them by has
# been folded away. Skipped (77) where ONNX Runtime is not installed.
set -eu
source=$1 program=$2 models=$3
if ! command -v node > /dev/null || [ ! -d "${BNFUSE_ORT:-$source/build/ort}/node_modules/onnxruntime-node" ]; then
    echo "skipped: no ONNX Runtime; scripts/ort/install.sh brings it"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fused MODEL: the operators that ONNX Runtime makes of several, by number and name.
fused() {
    node "$source/scripts/ort/judge.mjs" optimize all "$1" "$work/optimized.onnx"
    "$program" print "$work/optimized.onnx" |
        sed -n 's/.* = \([A-Za-z.]*\)(.*/\1/p' | sort | uniq -c | grep -E 'Normalization|Gelu|Fused|Attention'
}

for net in layer_norm gelu attention; do
    model=$models/${net}_written_out.onnx
    "$program" -q "$model" -o "$work/folded.onnx" > /dev/null
    fused "$model" > "$work/before"
    fused "$work/folded.onnx" > "$work/after"
    [ -s "$work/before" ] || { echo "$net: ONNX Runtime recognizes nothing"; exit 1; }
    cmp -s "$work/before" "$work/after" || { echo "$net: recognized"; diff "$work/before" "$work/after"; exit 1; }
    echo "$net: $(tr -s ' \n' ' ' < "$work/after")"
done
