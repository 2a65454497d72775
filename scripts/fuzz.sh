#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes the reader and the writer of models with libFuzzer, from the models that the build makes. A long run, not part
# of the tests.
#
#   scripts/fuzz.sh [SECONDS]     3600 unless said; findings and corpus are under build/fuzz
#
# Needs clang with its runtime (Debian: clang, libclang-rt-14-dev) and a release build.
set -eu
cd "$(dirname "$0")/.."
seconds=${1-3600}
out=build/fuzz
mkdir -p $out/seeds $out/corpus $out/findings $out/empty

protoc --c_out=$out --proto_path=proto onnx.proto
clang -w -std=gnu17 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE -Isrc -I$out \
    tests/fuzz/model_fuzz.c src/base/*.c src/onnx/*/*.c $out/onnx.pb-c.c -lprotobuf-c -lm -o $out/model_fuzz

# Small ones only: what is in a large model is in a small one too.
find build/release/models ../shared/models ../shared/onnx-suite -name '*.onnx' -size -16k 2>/dev/null | while read -r model
do
    cp "$model" "$out/seeds/$(echo "$model" | tr / _)"
done

# External data would be looked for where the fuzzer runs.
cd $out/empty
exec ../model_fuzz -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix=../findings/ ../corpus ../seeds
