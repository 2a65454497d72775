#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# optimized.sh MODEL ...: each model as ONNX Runtime optimizes it at the levels extended and all, compared with the
# original by bnfuse. One line for each: the verdict, the level, the model. Ends with 1 when one differs, or is not run for
# another reason than blocked layouts (com.microsoft.nchwc, written by level all only).
set -eu
cd "$(dirname "$0")/../.."
program=${BNFUSE_PROGRAM:-build/release/bnfuse}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
faults=0
for model; do
    for level in extended all; do
        rm -f "$work/o.onnx"
        if ! node scripts/ort/judge.mjs optimize "$level" "$model" "$work/o.onnx" > /dev/null 2>&1; then
            verdict="not optimized"
        elif "$program" compare "$model" "$work/o.onnx" > "$work/out" 2>&1; then
            verdict=$(sed -n 's/^verdict: //p' "$work/out")
        elif grep -q com.microsoft.nchwc "$work/out"; then
            verdict="blocked layout"
        else
            verdict=$(tail -1 "$work/out")
            faults=$((faults + 1))
        fi
        printf '%s\t%s\t%s\n' "$verdict" "$level" "$model"
    done
done
[ "$faults" = 0 ]
