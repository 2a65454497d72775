#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests the Python module against build/release, builds its wheel with the library inside, installs that into an empty
# environment without a network, and uses it from there: build/python/bnfuse-*.whl.
set -eu
cd "$(dirname "$0")/.."

scripts/setup.sh build python
scripts/sources.sh
python=/usr/bin/python3
[ -e build/release/libbnfuse.so.0 ] || { cmake --preset release > /dev/null; cmake --build --preset release; }
$python -m pytest -q -p no:cacheprovider bindings/python/tests

rm -rf build/python
mkdir -p build/python
cp -r bindings/python build/python/source   # setuptools writes beside what it builds
cmake -S . -B build/wheel -G Ninja -DBUILD_TESTING=OFF -DBNFUSE_LIBRARY_SOURCES="$PWD/build/sources" > build/wheel.log ||
    { cat build/wheel.log >&2; exit 1; }
cmake --build build/wheel --target bnfuse_shared bnfuse
BNFUSE_PREBUILT=$PWD/build/wheel BNFUSE_CHECKOUT=$PWD \
    $python -m pip wheel --no-deps --no-build-isolation --no-index -q -w build/python build/python/source
wheel=$(echo "$PWD"/build/python/bnfuse-*.whl)
# Nothing but the C library is asked for.
unzip_() { $python -m zipfile -e "$wheel" "$1"; }
unzip_ build/python/unpacked
needed=$(objdump -p build/python/unpacked/bnfuse/libbnfuse.so.0 | sed -n 's/^ *NEEDED *//p' | sort | tr '\n' ' ')
case $needed in 'libc.so.6 ' | 'libc.so.6 libm.so.6 ' | 'ld-linux-x86-64.so.2 libc.so.6 libm.so.6 ') ;;
*) echo "python.sh: the library in the wheel needs $needed" >&2; exit 1 ;; esac

$python -m venv --system-site-packages build/python/empty   # cffi and numpy are Debian's
build/python/empty/bin/pip install --no-index --no-deps -q "$wheel"
models=$PWD/models
cd build/python/empty
bin/python -m bnfuse "$models/trained_cnn.onnx" -o program.onnx -q --require 7
bin/python - "$models/trained_cnn.onnx" << 'END'
import sys
import bnfuse
assert "site-packages" in bnfuse.__file__, bnfuse.__file__
fused = bnfuse.fuse(open(sys.argv[1], "rb").read())
assert fused == open("program.onnx", "rb").read()
print("installed:", bnfuse.explain(sys.argv[1]).folded, "folded")
END
echo "python: $(basename "$wheel"), $(wc -c < "$wheel") bytes, installs and works"
