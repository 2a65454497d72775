#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The image of the Dockerfile, tried on a model: it fuses as the native program does, without rights, and is below 15 MB.
#
# docker builds it where there is one. Else its steps are done here: the static program by scripts/static.sh, and what the
# Dockerfile copies from there into a folder that becomes the root, for which one has to be root.
set -eu
cd "$(dirname "$0")/.."
most=15000000

[ -x build/release/bnfuse ] || { cmake --preset release > /dev/null; cmake --build --preset release --target bnfuse models; }
root=$PWD/build/image
rm -rf "$root"
mkdir -p "$root/work"
cp models/trained_cnn.onnx "$root/work/model.onnx"
chmod 777 "$root/work"
build/release/bnfuse models/trained_cnn.onnx -q -o "$root/native.onnx" > /dev/null

if command -v docker > /dev/null; then
    docker build -t bnfuse .
    size=$(docker image inspect -f '{{.Size}}' bnfuse)
    docker run --rm -v "$root/work:/work" bnfuse model.onnx -q -o out.onnx
    by=docker
elif [ "$(id -u)" = 0 ]; then
    [ -x build/static/bnfuse ] || scripts/static.sh
    sed -n 's|^COPY --from=build /source/||p' Dockerfile | while read -r from to; do cp "$from" "$root$to"; done
    size=$(cat "$root/bnfuse" "$root/LICENSE" | wc -c)
    user=$(sed -n 's/^USER //p' Dockerfile)
    program=$(sed -n 's/^ENTRYPOINT \["\(.*\)"\]/\1/p' Dockerfile)
    chroot --userspec="$user" "$root" "$program" /work/model.onnx -q -o /work/out.onnx
    by='its steps, because docker is not installed'
else
    echo 'skipped: the image, which wants docker or root'
    exit 0
fi
cmp "$root/native.onnx" "$root/work/out.onnx"
[ "$size" -le $most ] || { echo "image.sh: $size bytes, more than $most" >&2; exit 1; }
echo "image: $size bytes, made by $by; fuses as the native program does"
