#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pairs.sh BUILD_DIR [MOST [SEED [MODEL ...]]]: pairs of every kind over models/ and more models; the table for
# docs/check.md on standard output.
set -eu
build=$1
most=${2:-3}
seed=${3:-1}
shift
[ $# -gt 0 ] && shift
[ $# -gt 0 ] && shift
exec "$build/tests/pairs/pairs" -m "$most" -s "$seed" "$build"/models/*.onnx "$@"
