#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints models/README.md: the idea of every model, from the head of its text, and what is expected of it, from
# models/expect.tsv. A test holds the file against this.
set -eu
cd "$(dirname "$0")/../models"

cat <<'TEXT'
# Models

Small models, one idea each, as protobuf text. The build encodes them (`build/<preset>/models/NAME.onnx`) and gives
numbers to the tensors that are written down with dimensions only (`fill.c`), the same numbers every time.

`trained_cnn.onnx` is different: `trained_cnn.py`, beside it, really trained it, on digits that it draws itself. It has
the layers a BatchNormalization folds into (Conv, depthwise Conv, ConvTranspose in groups, Gemm, MatMul), all with
statistics from training. With it lie 32 images it never saw, their labels, and PyTorch's own scores for them.

`expect.tsv` says what `bnfuse explain` must find: how many BatchNormalizations are left, and the reason codes of those,
in file order. A model may have further lines with options. The tests hold every line, and that fused and unfused
compute the same. `affines.tsv` says how many chains of affines go, and for which reasons how many stay.

This file is made by `scripts/list_models.sh`.

| model | idea | left |
|---|---|---|
TEXT

outcome() {
    awk -F '\t' -v model="$1" '$1 == model {
        text = $3 ($4 == "-" ? "" : " (" $4 ")")
        line = line (line == "" ? "" : "; ") ($2 == "-" ? text : "`" $2 "`: " text) }
        END { print line }' expect.tsv
}

for text in *.txtpb; do
    name=${text%.txtpb}
    idea=$(sed -n '2,/^ir_version/{s/^# //p}' "$text" | tr '\n' ' ' | sed 's/ $//; s/|/\\|/g')
    echo "| $name | $idea | $(outcome "$name") |"
done
echo "| trained_cnn | The trained network described above. | $(outcome trained_cnn) |"
