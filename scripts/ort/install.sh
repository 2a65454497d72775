#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Brings ONNX Runtime for judge.mjs into build/ort. Optional: what needs it skips where it is not there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=$(cd "$here/../.." && pwd)/build/ort
if [ -d "$to/node_modules/onnxruntime-node" ]; then
    exit 0
fi
mkdir -p "$to"
cp "$here/package.json" "$to/"
npm install --prefix "$to" --cache "$to/cache" --ignore-scripts --no-audit --no-fund
