#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stack.sh PROGRAM MODELS: every command, and every model, with a stack of 64 KiB; threads get such stacks as well.
program=$1 models=$2 failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ulimit -s 64

ends() { # what it ends with is one of the documented statuses, and no signal
    "$program" "$@" >"$folder/out" 2>"$folder/err"
    status=$?
    [ $status -le 5 ] && return
    echo "bnfuse $*: $status"
    failed=$((failed + 1))
}

count=0
for model in "$models"/*.onnx; do
    ends "$model" -o "$folder/out.onnx" --threads 2 --timeout 600 --json --external-data "$folder/out.data" \
        --junit "$folder/r.xml" --html "$folder/r.html" --sarif "$folder/r.sarif" --markdown "$folder/r.md"
    ends diff "$model" "$folder/out.onnx"
    rm -f "$folder"/out.*
    count=$((count + 1))
done
for model in conv_bn_relu if_branches_conv_bn functions_in_functions trained_cnn; do
    for command in explain print "run --threads 2"; do ends $command "$models/$model.onnx"; done
    ends compare "$models/$model.onnx" "$models/conv_bn_bn.onnx" --repro "$folder/repro" --markdown "$folder/r.md"
done
ends run "$models/trained_cnn.onnx" --threads 2 --input "images=$models/trained_cnn.images.npy" -o "$folder/out.npz"
ends calibrate "$models/trained_cnn.onnx" --input "images=$models/trained_cnn.images.npy" -o "$folder/new.onnx"
for command in "reasons --json" "reasons BNF101" --help --man "--completions zsh"; do ends $command; done
echo "64 KiB of stack: $count models, $failed failed"
[ $count -gt 0 ] && [ $failed = 0 ]
