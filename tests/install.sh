#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh SOURCE_DIR BUILD_DIR CC FLAGS: installs the build somewhere and links clients with the library there, found
# by pkg-config and by find_package, shared and static. They fuse a model as the installed program does. Then the archive
# that cpack makes: unpacked, it works as well.
set -eu
source=$1 build=$2 cc=$3 flags=$4
to=$build/tests/installed
rm -rf "$to"
cmake --install "$build" --prefix "$to" > /dev/null
pc=$(find "$to" -name bnfuse.pc)
libraries=$(dirname "$(dirname "$pc")")
PKG_CONFIG_PATH=$(dirname "$pc")
LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PKG_CONFIG_PATH LD_LIBRARY_PATH
model=$build/models/conv_bn_relu.onnx
grep -n '@' "$pc" && { echo "$pc: a variable is not filled in" >&2; exit 1; }

"$to/bin/bnfuse" "$model" -o "$to/by_program.onnx" > /dev/null
try() {
    "$to/$1" "$model" "$to/$1.onnx" > "$to/$1.out" || { cat "$to/$1.out" >&2; echo "$1: failed" >&2; exit 1; }
    cmp "$to/by_program.onnx" "$to/$1.onnx"
    echo "$1"
}
is_linked() { objdump -p "$to/$1" | grep -q 'NEEDED *libbnfuse.so.0'; }

kinds=
# shellcheck disable=SC2046,SC2086  # flags are words
if [ -e "$libraries/libbnfuse.so" ]; then
    kinds=shared
    $cc -std=c17 $flags "$source/tests/client/client.c" $(pkg-config --cflags --libs bnfuse) -o "$to/pc_shared"
    is_linked pc_shared
    try pc_shared
    $cc -std=c17 $flags "$source/examples/fold.c" $(pkg-config --cflags --libs bnfuse) -o "$to/fold"
    try fold
fi
# shellcheck disable=SC2046,SC2086
if [ -e "$libraries/libbnfuse.a" ]; then
    kinds="$kinds static"
    $cc -std=c17 $flags "$source/tests/client/client.c" \
        $(pkg-config --cflags --static --libs bnfuse | sed 's/-lbnfuse/-l:libbnfuse.a/') -o "$to/pc_static"
    ! is_linked pc_static
    try pc_static
fi

cmake -S "$source/tests/client" -B "$to/client" -DCMAKE_PREFIX_PATH="$to" -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$flags" \
    -DKINDS="$(echo $kinds bnfuse | tr ' ' ';')" > "$to/client.log" || { cat "$to/client.log" >&2; exit 1; }
cmake --build "$to/client" > "$to/client.log" || { cat "$to/client.log" >&2; exit 1; }
for kind in $kinds bnfuse; do try "client/client_$kind"; done
pages=
command -v scdoc > /dev/null && pages='share/man/man1/bnfuse.1 share/man/man3/libbnfuse.3' ||
    echo 'skipped: scdoc is not installed'
for page in $pages; do test -s "$to/$page"; done

cpack --config "$build/CPackConfig.cmake" -B "$to/packed" > "$to/cpack.log" || { cat "$to/cpack.log" >&2; exit 1; }
tar -C "$to/packed" --strip-components=1 -xzf "$to"/packed/bnfuse-*.tar.gz
"$to/packed/bin/bnfuse" "$model" -o "$to/by_packed.onnx" > /dev/null
cmp "$to/by_program.onnx" "$to/by_packed.onnx"
for file in include/bnfuse.h $pages "${libraries#"$to/"}/pkgconfig/bnfuse.pc"; do
    test -s "$to/packed/$file" || { echo "the archive has no $file" >&2; exit 1; }
done
echo cpack
