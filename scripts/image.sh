#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The image of the Dockerfile, tried on a model: it fuses as the native program does, without rights, and is below 15 MB.
#
# docker builds it where it runs. Else its steps are done here: the static program by scripts/static.sh, and what the
# Dockerfile copies from there into a folder that becomes the root, for which one has to be root.
set -eu
cd "$(dirname "$0")/.."
most=15000000

[ -x build/release/bnfuse ] || { cmake --preset release > /dev/null; cmake --build --preset release --target bnfuse models; }
root=$PWD/build/image
rm -rf "$root"
folder=$(sed -n 's/^WORKDIR //p' Dockerfile)
mkdir -p "$root$folder"
cp models/trained_cnn.onnx "$root$folder/model.onnx"
chmod 777 "$root$folder"
build/release/bnfuse models/trained_cnn.onnx -q -o "$root/native.onnx" > /dev/null

if docker info > /dev/null 2>&1; then
    docker build -t bnfuse .
    size=$(docker image inspect -f '{{.Size}}' bnfuse)
    docker run --rm -v "$root$folder:$folder" bnfuse model.onnx -q -o out.onnx
    by=docker
elif [ "$(id -u)" = 0 ]; then
    [ -x build/static/bnfuse ] || scripts/static.sh
    sed -n 's|^COPY --from=build /source/||p' Dockerfile | while read -r from to; do cp "$from" "$root$to"; done
    size=$(cat "$root/bnfuse" "$root/LICENSE" | wc -c)
    user=$(sed -n 's/^USER //p' Dockerfile)
    program=$(sed -n 's/^ENTRYPOINT \["\(.*\)"\]/\1/p' Dockerfile)
    chroot --userspec="$user" "$root" "$program" "$folder/model.onnx" -q -o "$folder/out.onnx"
    by='its steps, because docker does not run'
else
    echo 'skipped: the image, for which docker has to run, or one has to be root'
    exit 0
fi
cmp "$root/native.onnx" "$root$folder/out.onnx"
[ "$size" -le $most ] || { echo "image.sh: $size bytes, more than $most" >&2; exit 1; }
echo "image: $size bytes, made by $by; fuses as the native program does"
