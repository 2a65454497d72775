#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# simplify.sh PROGRAM OUT MODEL...: what --simplify makes of models, judged by ONNX Runtime with its optimizations off.
#
# Prints a line for each model: whether the outputs of the model and of what is simplified without folds are equal to the
# bit; nodes of the model, of what --simplify and the folds make of it, and of what ONNX Runtime's level `basic` makes of
# it (Constants not counted; "-" where it does not load); operators that ONNX Runtime's level `all` fuses in the model and
# in ours; bytes of both. Then the sums over the models that both take. Files go to OUT.
set -eu
[ $# -ge 3 ] || { sed -n '3,9s/^# //p' "$0" >&2; exit 2; }
program=$1 out=$2
shift 2
judge="node $(dirname "$0")/judge.mjs"
mkdir -p "$out"

# nodes FILE: without Constants
nodes() {
    "$program" explain "$1" --json 2> /dev/null | tr -d ' \n' | sed 's/"operators":\[/\n&/; s/"path":/\n&/' | awk '
        { while (match($0, /\{"before":[0-9]+,"after":[0-9]+,"op":"[^"]*"\}/)) {
              text = substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH); seen = 1
              if (text ~ /"op":"Constant"/) continue
              gsub(/^[^0-9]*|,.*/, "", text); sum += text } }
        END { print seen ? sum : "-" }'
}

# fused FILE: operators of ONNX Runtime's own domain that stand for several of ONNX
fused() {
    "$program" print "$1" 2> /dev/null | grep -cE '(^|[ =.])(LayerNormalization|SimplifiedLayerNormalization|SkipLayerNormalization|EmbedLayerNormalization|BiasGelu|FastGelu|Gelu|QuickGelu|Attention|MultiHeadAttention|FusedMatMul|FusedConv|FusedGemm|BiasSoftmax)\(' || true
}

: > "$out/pairs.tsv"
n=0
for model; do
    n=$((n + 1))
    "$program" "$model" -o "$out/$n.bits.onnx" --simplify --disable fold --disable affine --disable tidy --allow-unchecked \
        --quiet > /dev/null 2>&1 || { echo "not simplified: $model"; continue; }
    printf '%s\t%s\n' "$model" "$out/$n.bits.onnx" >> "$out/pairs.tsv"
done
$judge compare --list "$out/pairs.tsv" --tolerance 0 > "$out/bits.txt" || true
awk -F '\t' '{ count[$1]++ } END { for (word in count) printf "%s %d  ", word, count[word]; print "" }' "$out/bits.txt"
grep '^differ' "$out/bits.txt" || true

[ "${COUNT:-1}" = 1 ] || exit 0
printf 'before\tours\tbasic\tfused\tours\tbytes\tours\tmodel\n'
n=0
for model; do
    n=$((n + 1))
    "$program" "$model" -o "$out/$n.onnx" --simplify --no-check --quiet > /dev/null 2>&1 || continue
    $judge basic "$model" "$out/$n.basic.onnx" > /dev/null 2>&1 || rm -f "$out/$n.basic.onnx"
    $judge optimize all "$model" "$out/$n.all.onnx" > /dev/null 2>&1 || rm -f "$out/$n.all.onnx"
    $judge optimize all "$out/$n.onnx" "$out/$n.ours.onnx" > /dev/null 2>&1 || rm -f "$out/$n.ours.onnx"
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(nodes "$model")" "$(nodes "$out/$n.onnx")" "$(nodes "$out/$n.basic.onnx")" \
        "$(fused "$out/$n.all.onnx")" "$(fused "$out/$n.ours.onnx")" "$(wc -c < "$model")" "$(wc -c < "$out/$n.onnx")" "$model"
done | tee "$out/counts.tsv"
awk -F '\t' '$3 != "-" { before += $1; ours += $2; basic += $3; more += $2 > $3; lost += $5 < $4; grown += $7 > $6; count++ }
    END { printf "%d models: %d nodes, ours %d, basic %d; more than basic in %d, fused operators lost in %d, grown %d\n", count, before, ours, basic, more, lost, grown }' "$out/counts.tsv"
