#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes with libFuzzer and the address and undefined-behavior sanitizers.
#
#   scripts/fuzz.sh TARGET [SECONDS [OPTION...]]   a target of tests/fuzz without its _fuzz: model, fold, run, data, disk,
#                                                  program; until it has used 60 seconds of processor time, unless
#                                                  said; options are libFuzzer's
#   scripts/fuzz.sh all [SECONDS [OPTION...]]      one after the other, so long each
#   scripts/fuzz.sh table                          all runs so far, into docs/reliability.md
#
# Seeds are the models that the build makes, those of ONNX's own tests where they are there, and what the program makes of
# both. Corpora and findings stay under build/fuzz/corpus and build/fuzz/findings; a finding is a file whose name says
# what happened. Each run adds a line to build/fuzz/runs.tsv: target, executions, seconds, edges reached, findings, seconds
# of processor time. On a machine that others use too, only the last say how much was done; where a run has none, the
# table counts its seconds by the clock.
#
# Needs clang with its runtime (Debian: clang, libclang-rt-14-dev) and a release build.
set -eu
cd "$(dirname "$0")/.."
usage() { sed -n '3,18s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 1 ] || usage
targets="model fold run data disk program"
target=$1 seconds=${2-60}
[ $# -ge 2 ] && shift 2 || shift
shared=../shared/onnx-suite out=$PWD/build/fuzz

if [ "$target" = table ]; then
    for target in $targets; do
        open=0
        for finding in "$out/findings/$target-"*; do # those that are still some
            [ -e "$finding" ] || continue
            (cd "$out/empty" && "$out/tests/fuzz/${target}_fuzz" "$finding") >/dev/null 2>&1 || open=$((open + 1))
        done
        awk -F'\t' -v target=$target -v open=$open '
            $1 == target { runs += $2; seconds += NF > 5 ? $6 : $3; if ($4 > edges) edges = $4 }
            END { printf "| %s | %d | %d | %d | %d |\n", target, runs, seconds / 60, edges, open }' "$out/runs.tsv"
    done >"$out/rows.md"
    { echo "| target | executions | CPU minutes | edges reached | open findings |"
      echo "|---|--:|--:|--:|--:|"
      cat "$out/rows.md"
      awk -F'|' '{ runs += $3; minutes += $4; open += $6 } END { printf "| all | %d | %d | | %d |\n", runs, minutes, open }' \
          "$out/rows.md"; } >"$out/table.md"
    exec scripts/table.sh fuzzing "$out/table.md"
fi

if [ "$target" = all ]; then
    status=0
    for one in $targets; do "$0" $one "$seconds" "$@" || status=1; done
    exit $status
fi
[ -f "tests/fuzz/${target}_fuzz.c" ] || usage

cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS_DEBUG=-O2 -g1 -fno-sanitize-coverage=trace-cmp" \
    -DBNFUSE_SANITIZE=ON -DBNFUSE_FUZZ=ON >/dev/null
cmake --build build/fuzz --target "${target}_fuzz" >/dev/null

# Small ones only: what is in a large file is in a small one too. Others beside them by their path.
copy() { # DIRECTORY PATTERN SIZE TO [BEFORE]
    find "$1" -name "$2" -size "-${3}c" 2>/dev/null | while read -r file; do
        { printf %s "${5-}"; cat "$file"; } >"$4/$(echo "$file" | tr / _)$(printf %s "${5-}" | cksum | cut -c1-4)"
    done
}

seeds=$out/seeds/$target
mkdir -p "$seeds" "$out/corpus/$target" "$out/findings" "$out/empty"
case $target in
data) size=600
    mkdir -p "$out/made"
    for model in build/release/models/*.onnx; do
        name=$(basename "$model" .onnx)
        [ -e "$out/made/$name.npz" ] && continue
        build/release/bnfuse run "$model" -o "$out/made/$name.npz" >/dev/null 2>&1 || continue
        build/release/bnfuse run "$model" -o "$out/made/$name.npy" >/dev/null 2>&1 || true
    done
    copy "$out/made" '*.npz' 1000 "$seeds" z
    copy "$out/made" '*.npy' 600 "$seeds" n
    copy $shared '*.pb' 300 "$seeds" t
    for kind in sequence optional; do
        for folder in $shared/node/*"$kind"*; do copy "$folder" '*.pb' 600 "$seeds" "$(echo $kind | cut -c1)"; done
    done ;;
program) size=4096
    for command in 0 1 2 3 4 5 6 7; do
        copy build/release/models '*_relu.onnx' 2000 "$seeds" "${command}12345678901234567890123"
    done
    copy build/release/models '*.onnx' 2000 "$seeds" 0000000000000000000000.. ;;
disk) size=4096
    cp tests/fuzz/seeds/disk/* "$seeds"
    copy build/release/models '*.onnx' 2000 "$seeds" 0123456789012345678901234567890123456789012345678
    copy $shared '*.onnx' 2000 "$seeds" 4123456789012345678901234567890123456789012345678 ;;
*) size=4096
    copy build/release/models '*.onnx' $size "$seeds"
    copy $shared '*.onnx' $size "$seeds" ;;
esac

# External data would be looked for where the fuzzer runs.
cd "$out/empty"
log=$out/$target.log
# Short memories of who allocated what make it fast. Leaks are looked for after each input, not at the end.
export ASAN_OPTIONS=malloc_context_size=3:quarantine_size_mb=16:max_redzone=16:leak_check_at_exit=0
# libFuzzer ends in good order on SIGUSR1.
ticks() { awk '$3 != "Z" { print $14 + $15 }' "/proc/$1/stat" 2>/dev/null; } # none of one that has ended
begun=$(date +%s) used=0 second=$(getconf CLK_TCK) status=0
"$out/tests/fuzz/${target}_fuzz" -max_len=$size -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$out/findings/$target-" "$@" "$out/corpus/$target" "$seeds" >"$log" 2>&1 &
fuzzer=$!
trap 'kill $fuzzer 2>/dev/null' EXIT
while now=$(ticks $fuzzer) && [ -n "$now" ]; do
    used=$now
    [ "$used" -lt $((seconds * second)) ] || { kill -USR1 $fuzzer; break; }
    sleep 1
done
wait $fuzzer || status=$?
trap - EXIT
awk -v target="$target" -v status=$status -v spent=$(($(date +%s) - begun)) -v used=$((used / second)) '
    / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
    /^stat::number_of_executed_units/ { runs = $2 }
    END { printf "%s\t%d\t%d\t%d\t%d\t%d\n", target, runs, spent, edges, status != 0, used }' "$log" | tee -a "$out/runs.tsv"
[ $status = 0 ] || tail -40 "$log" >&2
exit $status
