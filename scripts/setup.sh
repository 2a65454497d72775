#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing on Debian 12, and nothing else.
#
#   scripts/setup.sh [SET]...     Without an argument: build.
#       build      to compile
#       test       the libraries and data of the tests
#       npm        node and npm: models or ONNX Runtime from the npm registry, and what is built on node
#       sources    to unpack the sources of libraries
#       wasm       the compiler for WebAssembly
#       browser    a browser to try the page in
set -eu

build="gcc libc6-dev cmake ninja-build pkg-config protobuf-compiler protobuf-c-compiler libprotobuf-c-dev uthash-dev
       libjansson-dev zlib1g-dev"
test="libcmocka-dev libonnx-dev libonnx-testdata python3 time clang-format"
npm="npm"
sources="dpkg-dev"
wasm="emscripten node-acorn"
browser="chromium"

wanted=
for set in "${@:-build}"; do
    case $set in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $test" ;;
    npm) command -v npm >/dev/null || wanted="$wanted $npm" ;;
    sources) wanted="$wanted $sources" ;;
    wasm) wanted="$wanted $sources $wasm" ;;
    browser) wanted="$wanted $browser" ;;
    *) echo "setup.sh: unknown set '$set' (build, test, npm, sources, wasm, browser)" >&2; exit 2 ;;
    esac
done

missing=
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "setup.sh: become root, or install sudo; missing:$missing" >&2; exit 2; }
    as_root=sudo
fi
echo "Installing:$missing"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
