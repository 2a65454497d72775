#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# same.sh NATIVE DIR MODEL...: the native program and the one in WebAssembly do the same with every model: the file
# written, what is printed, and the exit status. Measured distances are left out of it: exp and tanh come from
# another library, and may differ in their last bit. So is how far a long run has come.
set -u
here=$(dirname "$0")
native=$1
to=$2
shift 2
mkdir -p "$to"
count=0
written=0
different=0
for model in "$@"; do
    for options in '' '--freeze-weights --lower mul-add --allow-unchecked'; do
        rm -f "$to"/*.onnx
        # shellcheck disable=SC2086  # a list of words
        "$native" "$model" --threads 1 $options -o "$to/native.onnx" > "$to/native.out" 2>&1
        expected=$?
        # shellcheck disable=SC2086
        node "$here/../bin/bnfuse.js" "$model" --threads 1 $options -o "$to/wasm.onnx" > "$to/wasm.out" 2>&1
        status=$?
        sed -i "s|$to/wasm.onnx|$to/native.onnx|" "$to/wasm.out"
        sed -i -E -e 's/(is|exact|stored|runs|alone|square|cosine|noise) [-+0-9.einfa]+/\1 #/g' \
            -e '/^bnfuse: (loading|fusing|checking|comparing) .* [0-9]+%/d' "$to/native.out" "$to/wasm.out"
        count=$((count + 1))
        [ ! -e "$to/native.onnx" ] || written=$((written + 1))
        if [ $status != $expected ] || ! cmp -s "$to/native.out" "$to/wasm.out" ||
            { [ -e "$to/native.onnx" ] && ! cmp -s "$to/native.onnx" "$to/wasm.onnx"; }; then
            echo "$model $options: exit status $status, native $expected"
            diff "$to/native.out" "$to/wasm.out" | head -n 10
            cmp "$to/native.onnx" "$to/wasm.onnx" 2>&1 | head -n 1
            different=$((different + 1))
        fi
    done
done
echo "same: $count runs, $written files written, $different differ"
[ $different = 0 ] && [ $written -gt 0 ]
