#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Other machines: builds with Debian's cross compilers and runs under qemu-user.
#
#   scripts/machines.sh            arm64: the tests, and the models of models/ byte for byte as the native program fuses
#                                  them; s390x, which is big-endian: that the build refuses, with a reason
#   scripts/machines.sh --quick    without the tests that take minutes in an emulator
set -eu
cd "$(dirname "$0")/.."

scripts/setup.sh build cross
scripts/sources.sh
cmake -S . -B build/aarch64 -G Ninja --toolchain cmake/cross.cmake -DBNFUSE_MACHINE=aarch64 -DBUILD_TESTING=ON \
    -DBNFUSE_LIBRARY_SOURCES="$PWD/build/sources" > build/aarch64.log || { cat build/aarch64.log >&2; exit 1; }
cmake --build build/aarch64
# What looks at sources, compilers or installed files is the native run's business; so is what another judge than this
# machine's looks at (these start the program without the emulator).
skip='^(house|floors|format|install|judge|models_readme|simd_rows|patterns|gradient_forms|gradient_torch|fused)$'
[ "${1-}" != --quick ] || skip="$skip|bent_.*|conformance|random_models|shape_models|models_test|fault_test|flip_test|commit_test|hostile_files"
ctest --test-dir build/aarch64 --parallel "$(nproc)" --timeout 1200 --output-on-failure -E "$skip"

[ -x build/release/bnfuse ] || { cmake --preset release > /dev/null; cmake --build --preset release --target bnfuse models; }
mkdir -p build/aarch64/same
count=0
for model in $(find build/release/models ../shared/models -maxdepth 3 -name '*.onnx' -size -64M 2> /dev/null | grep -v /fused/ | sort); do
    rm -f build/aarch64/same/*.onnx
    build/release/bnfuse "$model" -q -o build/aarch64/same/native.onnx > build/aarch64/same/native.out 2>&1 || true
    build/aarch64/emulated/bnfuse "$model" -q --no-check -o build/aarch64/same/arm.onnx > build/aarch64/same/arm.out 2>&1 || true
    [ -e build/aarch64/same/native.onnx ] || continue
    cmp build/aarch64/same/native.onnx build/aarch64/same/arm.onnx || { echo "$model differs on arm64" >&2; exit 1; }
    count=$((count + 1))
done
echo "arm64: $count models fused to the same bytes"
[ $count -gt 20 ]

cmake -S . -B build/s390x -G Ninja --toolchain cmake/cross.cmake -DBNFUSE_MACHINE=s390x -DBUILD_TESTING=OFF \
    -DBNFUSE_LIBRARY_SOURCES="$PWD/build/sources" > build/s390x.log 2>&1 || { cat build/s390x.log >&2; exit 1; }
if cmake --build build/s390x --target CMakeFiles/bnfuse_objects.dir/src/onnx/read/dtype.c.o > build/s390x.log 2>&1; then
    echo 'machines.sh: a big-endian build is not refused' >&2
    exit 1
fi
grep -q 'a big-endian machine: ONNX stores' build/s390x.log || { tail -n 20 build/s390x.log >&2; exit 1; }
echo 's390x: refused at compile time, as documented'
