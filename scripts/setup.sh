#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing on Debian 12, and nothing else. Ends with 77 when that cannot be had, so that who calls it can
# tell this from a failed test.
#
#   scripts/setup.sh [SET]...     Without an argument: build.
#       build      to compile
#       images     the libraries that read images, which the build takes where they are
#       test       the libraries and data of the tests
#       whole      what tests skip without: emulators, GNU parallel, man, tools that look at code
#       npm        node and npm: models or ONNX Runtime from the npm registry, and what is built on node
#       sources    to unpack the sources of libraries
#       wasm       the compiler for WebAssembly
#       browser    a browser to look at pages in
#       static     to build a static program
#       cross      to build for arm64 and s390x, and to run that
#       python     to build and test the Python module
#       packages   to build Debian packages
#       clean      to make a clean system, in which to try what was built
#       fuzz       to fuzz (scripts/fuzz.sh)
#       analyse    to look at the code with other tools (scripts/analyse.sh)
set -eu

build="gcc libc6-dev cmake ninja-build pkg-config protobuf-compiler protobuf-c-compiler libprotobuf-c-dev uthash-dev
       libjansson-dev zlib1g-dev"
images="libjpeg-dev libpng-dev libtiff-dev libwebp-dev libopenjp2-7-dev"
test="$images libcmocka-dev libonnx-dev libonnx-testdata python3 python3-jsonschema python3-onnx time clang-format
      scdoc valgrind"
whole="locales git parallel make man-db gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
npm="npm"
sources="dpkg-dev"
wasm="emscripten node-acorn"
browser="chromium nodejs tidy"
static="musl-tools binutils"
cross="gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user"
python="python3 python3-cffi python3-numpy python3-pytest python3-pip python3-venv python3-wheel python3-setuptools"
fuzz="clang libclang-rt-14-dev"
analyse="clang libclang-rt-14-dev clang-tidy cppcheck valgrind"
packages="build-essential debhelper dh-python lintian scdoc fakeroot $python"
clean="debootstrap"

wanted=
for set in "${@:-build}"; do
    case $set in
    build) wanted="$wanted $build" ;;
    images) wanted="$wanted $images" ;;
    test) wanted="$wanted $test" ;;
    whole) wanted="$wanted $whole $analyse" ;;
    npm) command -v npm >/dev/null || wanted="$wanted $npm" ;;
    sources) wanted="$wanted $sources" ;;
    wasm) wanted="$wanted $sources $wasm" ;;
    browser) wanted="$wanted $browser" ;;
    static) wanted="$wanted $static" ;;
    cross) wanted="$wanted $cross" ;;
    python) wanted="$wanted $python" ;;
    packages) wanted="$wanted $packages" ;;
    clean) wanted="$wanted $clean" ;;
    fuzz) wanted="$wanted $fuzz" ;;
    analyse) wanted="$wanted $analyse" ;;
    *) echo "setup.sh: unknown set '$set'; see its head for the sets" >&2; exit 2 ;;
    esac
done

missing=
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "setup.sh: become root, or install sudo; missing:$missing" >&2; exit 77; }
    as_root=sudo
fi
echo "Installing:$missing"
as_root="$as_root env DEBIAN_FRONTEND=noninteractive"
# shellcheck disable=SC2086  # a list of words
{ $as_root apt-get update -q && $as_root apt-get install -q -y --no-install-recommends $missing; } || exit 77
