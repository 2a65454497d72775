#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# simd_rows.sh SOURCE CC: the rows of the table of instruction sets give the same bits on ARM (NEON), and on an x86
# without AVX-512, under Debian's emulators and with its cross compiler. What is not installed is skipped with a line.
set -eu
source=$1
cc=$2
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
done=0

# build COMPILER
build() {
    "$1" -O3 -std=gnu17 -ffp-contract=off -fno-math-errno -fno-trapping-math -static -I"$source/src" -I"$source/tests" \
        "$source/tests/arch/simd_rows.c" "$source/tests/support/simd_digest.c" "$source/src/runtime/math/simd.c" \
        -o "$out/simd_rows" -lm
}

arm=$(command -v aarch64-linux-gnu-gcc || command -v aarch64-linux-gnu-gcc-12 || true)
if [ -n "$arm" ] && command -v qemu-aarch64 > /dev/null; then
    build "$arm"
    qemu-aarch64 "$out/simd_rows"
    done=1
else
    echo "no aarch64 cross compiler and emulator: NEON is skipped"
fi

if [ "$(uname -m)" = x86_64 ] && command -v qemu-x86_64 > /dev/null; then
    build "$cc"
    for cpu in max Nehalem; do qemu-x86_64 -cpu "$cpu" "$out/simd_rows"; done
    done=1
else
    echo "no x86_64 emulator: processors without AVX-512 or FMA are skipped"
fi
[ "$done" = 1 ] || exit 77
