#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# speed.sh BNFUSE MODEL...: seconds and peak memory of the transform alone and with the check, against copying the file.
# The least of five runs each. Prints Markdown.
set -eu
bnfuse=$1
shift
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# seconds and MiB of a command
measure() {
    for _ in 1 2 3 4 5; do
        /usr/bin/time -f '%e %M' -o "$out/time" "$@" > /dev/null 2> "$out/messages" || { echo "failed"; return; }
        cat "$out/time"
    done | sort -n | head -n 1 | awk '{ if ($1 == "failed") print; else printf "%s s, %d MiB", $1, $2 / 1024 }'
}

echo "| model | MiB | cp | transform | transform and check |"
echo "|---|--:|--:|--:|--:|"
for model in "$@"; do
    size=$(($(stat -c %s "$model") / 1048576))
    copied=$(measure cp "$model" "$out/copy.onnx")
    fused=$(measure "$bnfuse" "$model" -o "$out/fused.onnx" --freeze-weights --no-check)
    checked=$(measure "$bnfuse" "$model" -o "$out/fused.onnx" --freeze-weights)
    echo "| $model | $size | $copied | $fused | $checked |"
done
