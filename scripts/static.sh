#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the program as one static file on musl, to be copied into any Linux container: build/static/bnfuse.
set -eu
cd "$(dirname "$0")/.."

scripts/setup.sh build sources static
scripts/sources.sh
cmake -S . -B build/static -G Ninja -DCMAKE_C_COMPILER=musl-gcc -DCMAKE_EXE_LINKER_FLAGS=-static -DBUILD_TESTING=OFF \
    -DBNFUSE_LIBRARY_SOURCES="$PWD/build/sources"
cmake --build build/static --target bnfuse
strip build/static/bnfuse
! ldd build/static/bnfuse > /dev/null 2>&1 || { echo "static.sh: build/static/bnfuse is not static" >&2; exit 1; }
build/static/bnfuse --version
echo "build/static/bnfuse: $(wc -c < build/static/bnfuse) bytes"
