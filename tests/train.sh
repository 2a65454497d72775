#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# train.sh SOURCE_DIR BNFUSE: the example of training. The loss falls, scale and running statistics move, and the folded
# net tells as many images right as the trained one. Skipped (77) without protoc.
set -eu
source=$1
program=$2
command -v protoc > /dev/null || { echo "skipped: no protoc"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$source/examples/train/train.sh" "$program" "$work" > "$work/log"
cat "$work/log"
"$program" print "$work/net.onnx" > "$work/net.txt"

fault() { echo "train: $1" >&2; exit 1; }
share() { sed -n "s/^$1: accuracy //p" "$work/log"; }
loss=$(sed -n 's/^step 200: loss //p' "$work/log")
awk "BEGIN { exit !($loss > 0 && $loss < 0.1) }" || fault "the loss ends at $loss"
awk "BEGIN { exit !($(share net) > 0.7 && $(share net) < 1) }" || fault "the accuracy is $(share net)"
[ "$(share net)" = "$(share folded)" ] || fault "the folded net has another accuracy"
for parameter in gamma beta mean var; do
    grep -q "init *new_$parameter float32 \[256\] {.* to .*}" "$work/net.txt" || fault "$parameter did not move"
done
"$program" print "$work/folded.onnx" | grep -q BatchNormalization && fault "BatchNormalization is still there"
exit 0
