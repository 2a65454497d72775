#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# growth.sh BNFUSE SOURCE: nothing grows faster than the model. Instructions are counted at two sizes, 200 and 800 or as
# many times more as the kind says, so that a busy machine does not matter; between them they may grow by the size to the power of 1.1. Skips without valgrind.
set -eu
bnfuse=$1
source=$2
times=4
command -v valgrind > /dev/null && command -v protoc > /dev/null || { echo "valgrind or protoc is missing"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# instructions KIND SIZE [OPTION...]
instructions() {
    kind=$1
    size=$2
    shift 2
    awk -v kind="$kind" -v n="$size" -f "$source/tests/growth.awk" |
        protoc --encode=bnfuse_onnx.ModelProto --proto_path="$source/proto" onnx.proto > "$out/model.onnx"
    valgrind --tool=callgrind --callgrind-out-file="$out/counts" "$bnfuse" "$out/model.onnx" -o "$out/fused.onnx" \
        --threads 1 "$@" > "$out/messages" 2>&1 || { cat "$out/messages" >&2; exit 1; }
    sed -n 's/^summary: //p; s/^totals: //p' "$out/counts" | head -n 1
}

failed=0
for what in "chain --no-check" "row --no-check" "fan --no-check" "sum --no-check" "same --no-check" \
    "shared --no-check" "concat --no-check" "inputs --no-check" "inputs" "relus --simplify --no-check" \
    "relus --simplify" "loop" "branches@10 --no-check"; do
    set -- $what
    kind=${1%@*}
    small=200
    [ "$1" = "$kind" ] || small=$((small * ${1#*@}))
    shift
    few=$(instructions "$kind" $small "$@")
    many=$(instructions "$kind" $((times * small)) "$@")
    awk -v what="$what" -v few="$few" -v many="$many" -v times=$times 'BEGIN {
        power = log(many / few) / log(times)
        printf "%-28s %8.1f M instructions, %8.1f M at %d times the size: power %.2f\n", what, few / 1e6, many / 1e6,
            times, power
        exit power > 1.1
    }' || failed=1
done
exit $failed
