#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the program for WebAssembly: build/wasm/bnfuse.wasm, from the same sources as the native one.
#
#   scripts/wasm.sh             build, and put it where the npm package and the page look for it
#   scripts/wasm.sh --compare   then run it and the native program (build/release) on every model of models/ and, where
#                               they are there, ../shared/models: files and exit statuses must be the same
set -eu
cd "$(dirname "$0")/.."

scripts/setup.sh build wasm
command -v node > /dev/null || scripts/setup.sh npm
scripts/sources.sh
export NODE_PATH=/usr/share/nodejs   # where emcc finds acorn on Debian
cmake -S . -B build/wasm -G Ninja --toolchain cmake/wasm.cmake -Wno-dev -DBUILD_TESTING=OFF \
    -DBNFUSE_LIBRARY_SOURCES="$PWD/build/sources" > build/wasm.log || { cat build/wasm.log >&2; exit 1; }
cmake --build build/wasm --target bnfuse
# Twice: functions that are alike once they are small become one.
wasm-opt --enable-simd --enable-bulk-memory --enable-sign-ext --enable-nontrapping-float-to-int --low-memory-unused --post-emscripten \
    --strip-debug --strip-producers -Oz --one-caller-inline-max-function-size 65 --merge-similar-functions --directize \
    -Oz build/wasm/bnfuse.wasm -o bindings/node/bnfuse.wasm
size=$(wc -c < bindings/node/bnfuse.wasm) compressed=$(gzip -9 -c bindings/node/bnfuse.wasm | wc -c)
echo "bindings/node/bnfuse.wasm: $size bytes, $compressed compressed"
[ "$size" -le 1200000 ] && [ "$compressed" -le 450000 ] ||
    { echo 'wasm.sh: more than 1,200,000 bytes, or 450,000 compressed; see -O2 in cmake/library.cmake' >&2; exit 1; }
[ "${1-}" = --compare ] || exit 0

native=build/release/bnfuse
[ -x "$native" ] || { cmake --preset release > /dev/null; cmake --build --preset release --target bnfuse models; }
bindings/node/test/same.sh "$native" build/wasm/same \
    $(find build/release/models ../shared/models -name '*.onnx' -size -64M 2>/dev/null | grep -v /fused/ | sort)
