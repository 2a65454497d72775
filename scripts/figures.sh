#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures what docs/figures.md says and prints it as Markdown.
#
#   scripts/figures.sh [SHARED]     the folder with models/real and models/gen; ../shared unless said
#
# Needs a release build and ONNX Runtime (scripts/ort/install.sh). BatchNormalizations are counted by protoc, not by
# bnfuse; equality and the other optimizer's count are ONNX Runtime's own.
set -eu
cd "$(dirname "$0")/.."
shared=${1-../shared}
bnfuse=build/release/bnfuse
out=build/figures
mkdir -p $out

count_bn() {
    protoc --decode=bnfuse_onnx.ModelProto --proto_path=proto onnx.proto < "$1" 2>/dev/null |
        grep -c 'op_type: "BatchNormalization"' || true
}

judge() {
    node scripts/ort/judge.mjs "$@" 2>/dev/null
}

# Why they stay: "62 BNF101"; and how exact the sites are, both as the program said.
reasons_in() {
    grep -o ' stays  *BNF[0-9]*' "$1" | grep -o 'BNF.*' | sort | uniq -c | awk '{ printf "%s%s %s", (NR == 1 ? "" : ", "), $1, $2 }'
}

worst_site_in() {
    sed -n 's/^ *changed places: .*largest difference is \([0-9.e-]*[0-9]\).*/\1/p' "$1"
}

# name<TAB>model<TAB>stored inputs, in order, tabs between
models() {
    for model in "$shared"/models/real/*.onnx "$shared"/models/gen/*/model.onnx models/trained_cnn.onnx; do
        [ -e "$model" ] || continue
        case $model in
        */gen/*) name=$(basename "$(dirname "$model")") inputs=$(dirname "$model") ;;
        models/*) name=trained_cnn inputs= ;;
        *) name=$(basename "$model" .onnx) inputs=${model%.onnx}.io ;;
        esac
        printf '%s\t%s' "$name" "$model"
        i=0
        while [ -n "$inputs" ] && [ -e "$inputs/input_$i.npy" ]; do
            printf '\t%s' "$inputs/input_$i.npy"
            i=$((i + 1))
        done
        [ -n "$inputs" ] || printf '\t%s' models/trained_cnn.images.npy
        printf '\n'
    done
}

# What became of one model under some options: how many are left, or why there is no output.
left_after() {
    written=$1
    shift
    rm -f "$written"
    if "$bnfuse" "$@" -o "$written" > "$written.log" 2>&1; then
        count_bn "$written"
    else
        status=$?
        echo "exit $status"
    fi
}

left_by_ort() {
    rm -f "$2"
    judge basic "$1" "$2" > /dev/null && [ -e "$2" ] && count_bn "$2" || echo "does not load"
}

folding() {
    echo "| model | BN | left | with \`--freeze-weights\` | why | worst site, float64 | left by ONNX Runtime | in ONNX Runtime |"
    echo "|---|--:|--:|--:|---|--:|--:|---|"
    models | while IFS="$(printf '\t')" read -r name model inputs; do
        before=$(count_bn "$model")
        [ "$before" -gt 0 ] || continue
        left=$(left_after $out/"$name".onnx "$model")
        frozen=$(left_after $out/"$name".frozen.onnx "$model" --freeze-weights)
        ort=$(left_by_ort "$model" $out/"$name".basic.onnx)
        equal="-"
        if [ -e $out/"$name".frozen.onnx ]; then
            # shellcheck disable=SC2086  # a list of files
            equal=$(judge compare --threads 2 "$model" $out/"$name".frozen.onnx $inputs |
                awk -F '\t' '{ print $1 == "skipped" ? "cannot run it" : $1 " (" $3 ")" }')
        fi
        log=$out/$name.frozen.onnx.log
        echo "| $name | $before | $left | $frozen | $(reasons_in "$log") | $(worst_site_in "$log") | $ort | $equal |"
    done
}

unchanged() {
    echo "| model without BatchNormalization | output |"
    echo "|---|---|"
    models | while IFS="$(printf '\t')" read -r name model inputs; do
        [ "$(count_bn "$model")" = 0 ] || continue
        status=0
        $bnfuse "$model" -v -o $out/"$name".onnx > $out/"$name".log 2>&1 || status=$?
        if [ $status != 0 ]; then
            echo "| $name | exit $status |"
        elif cmp -s "$model" $out/"$name".onnx; then
            echo "| $name | byte-identical |"
        else
            echo "| $name | DIFFERS |"
        fi
    done
}

# The least of seven runs of a command, in milliseconds: what it takes when nobody else disturbs.
milliseconds() {
    for _ in 1 2 3 4 5 6 7; do
        start=$(date +%s%N)
        "$@" > /dev/null 2>&1
        echo $((($(date +%s%N) - start) / 1000000))
    done | sort -n | head -n 1
}

timing() {
    echo "| model | bnfuse: load, fuse, check, write | ONNX Runtime: load and run original and fused | ratio |"
    echo "|---|--:|--:|--:|"
    models | awk -F '\t' '$1 ~ /^(own_unet_op13|tv_mobilenet_v2|light_resnet50|trained_cnn)$/' |
        while IFS="$(printf '\t')" read -r name model inputs; do
            ours=$(milliseconds $bnfuse "$model" -v -o $out/"$name".onnx --freeze-weights)
            # shellcheck disable=SC2086
            theirs=$(milliseconds node scripts/ort/judge.mjs once --threads 2 "$model" $out/"$name".onnx $inputs)
            ratio=$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }')
            echo "| $name | $ours ms | $theirs ms | $ratio |"
        done
}

echo "### What is left"
echo
folding
echo
echo "### Nothing to fuse"
echo
unchanged
echo
echo "### Time, whole process"
echo
timing
