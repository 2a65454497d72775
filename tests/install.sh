#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh SOURCE_DIR BUILD_DIR CC FLAGS: installs the build somewhere, compiles the example against it, runs both.
set -eu
to=$2/tests/installed
rm -rf "$to"
cmake --install "$2" --prefix "$to" > /dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$to" -name bnfuse.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046,SC2086  # flags are words
$3 -std=c17 $4 "$1/examples/fold.c" $(pkg-config --cflags --libs bnfuse) -o "$to/fold"
"$to/fold" "$2/models/conv_bn_relu.onnx" "$to/fused.onnx"
"$to/bin/bnfuse" "$2/models/conv_bn_relu.onnx" -o "$to/fused_by_program.onnx" > /dev/null
cmp "$to/fused.onnx" "$to/fused_by_program.onnx"
test -s "$to/share/man/man1/bnfuse.1"
