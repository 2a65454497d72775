#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# train.sh BNFUSE DIR [STEPS]: trains a net of 784, 256 and 10 with a BatchNormalization by `bnfuse run` alone, then folds
# it. Prints the loss on the way and the accuracy on other images before and after the fold. Everything goes to DIR.
# protoc writes the models, which stand beside this script as text; STEPS is 200 unless said.
set -eu
program=$1
dir=$2
steps=${3:-200}
here=$(cd "$(dirname "$0")" && pwd)
encode() { protoc --encode="bnfuse_onnx.$1" --proto_path="$here/../../proto" onnx.proto; }
number() { od -A n -j 128 -t f4 "$1" | tr -d ' '; } # the one in a .npy file

mkdir -p "$dir/state" "$dir/new"
encode ModelProto < "$here/start.txtpb" > "$dir/start.onnx"
encode ModelProto < "$here/step.txtpb" > "$dir/step.onnx"
"$program" run "$dir/start.onnx" -q --output-dir "$dir/new"
i=0
while [ $i -le 16 ]; do mv "$dir/new/output_$i.pb" "$dir/state/input_$i.pb"; i=$((i + 1)); done
mv "$dir/new/output_17.pb" "$dir/test_images.pb"
mv "$dir/new/output_18.pb" "$dir/test_labels.pb"

step=0
while [ $step -lt "$steps" ]; do
    "$program" run "$dir/step.onnx" -q --input-dir "$dir/state" --output-dir "$dir/new"
    step=$((step + 1))
    if [ $((step % 50)) = 0 ]; then
        echo "step $step: loss $(tail -c 4 "$dir/new/output_15.pb" | od -A n -t f4 | tr -d ' ')"
    fi
    i=0
    while [ $i -le 14 ]; do mv "$dir/new/output_$i.pb" "$dir/state/input_$i.pb"; i=$((i + 1)); done
done

# A field of a message: its tag, its length in groups of seven bits, its bytes.
field() {
    length=$(wc -c < "$2")
    printf "\\$(printf %o $(($1 * 8 + 2)))"
    while [ "$length" -ge 128 ]; do
        printf "\\$(printf %o $((length % 128 + 128)))"
        length=$((length / 128))
    done
    printf "\\$(printf %o "$length")"
    cat "$2"
}
# The graph with the parameters as initializers (5), as the graph (7) of a model.
{
    encode GraphProto < "$here/net.txtpb"
    for i in 0 1 2 3 4 5 6 7; do field 5 "$dir/state/input_$i.pb"; done
} > "$dir/graph"
{
    echo 'ir_version: 8 opset_import { version: 17 }' | encode ModelProto
    field 7 "$dir/graph"
} > "$dir/net.onnx"

"$program" "$dir/net.onnx" -q -o "$dir/folded.onnx"
for net in net folded; do
    "$program" run "$dir/$net.onnx" -q --input "images=$dir/test_images.pb" --input "labels=$dir/test_labels.pb" \
        -o "$dir/$net.npy"
    echo "$net: accuracy $(number "$dir/$net.npy")"
done
