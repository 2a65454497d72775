#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# same_build.sh SOURCE_DIR CC: two builds of the program and its library from copies of the sources, in folders of
# different names and depths, are byte for byte the same. Without optimization, for it is only paths that could differ;
# with debug information, which has most of them.
set -eu
source=$1 cc=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

unset CMAKE_C_COMPILER_LAUNCHER   # a cache may rewrite paths

build() {
    mkdir -p "$1"
    tar -C "$source" --exclude=./build --exclude=./.git -cf - . | tar -C "$1" -xf -
    cmake -S "$1" -B "$2" -G Ninja -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O0 -g" \
        -DCMAKE_C_COMPILER="$cc" > "$folder/log" && cmake --build "$2" --parallel 2 --target bnfuse > "$folder/log" ||
        { tail -20 "$folder/log" >&2; exit 1; }
}
build "$folder/a" "$folder/a/build"
build "$folder/bee/deeper" "$folder/elsewhere"
cmp "$folder/a/build/bnfuse" "$folder/elsewhere/bnfuse"
for library in "$folder"/a/build/libbnfuse.*; do cmp "$library" "$folder/elsewhere/$(basename "$library")"; done
