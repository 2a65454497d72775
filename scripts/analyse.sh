#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What other tools say of the code: each finding is mended, or argued in a line of tests/analysis/argued.tsv (tool, check,
# file, function, reason). A finding without a line is an error, and so is a line without a finding.
#
#   scripts/analyse.sh [TOOL...]
#       cppcheck    cppcheck
#       tidy        clang-tidy: bugprone-* and cert-*
#       gcc         gcc -fanalyzer
#       threads     clang's thread sanitizer over the tests that use threads
#       valgrind    valgrind (memory and leaks) over the program's commands
#       quick       cppcheck and tidy: half a minute of processor time; what CTest runs
#
# Without an argument: all. Needs scripts/setup.sh build test fuzz analyse.
set -eu
cd "$(dirname "$0")/.."
out=build/analyse
tools=
for tool in "${@:-all}"; do
    case $tool in
    all) tools="cppcheck tidy gcc threads valgrind" ;;
    quick) tools="$tools cppcheck tidy" ;;
    cppcheck | tidy | gcc | threads | valgrind) tools="$tools $tool" ;;
    *) sed -n '6,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
for program in clang-tidy cppcheck clang valgrind; do
    command -v $program >/dev/null || { echo "skipped: no $program (scripts/setup.sh analyse)"; exit 77; }
done
mkdir -p "$out"

# The commands that compile, and the header that the build makes.
commands() {
    cmake -S . -B "$out" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DBUILD_TESTING=OFF >/dev/null
    cmake --build "$out" --target onnx_proto >/dev/null
}

# Each tool prints: check, file, line, what it says.

run_cppcheck() {
    cppcheck -q -j "$(nproc)" --std=c11 --enable=warning,portability,performance -Isrc \
        --template='{id}\t{file}\t{line}\t{message}' src 2>&1
}

run_tidy() {
    # Not these: what C idioms are taken for (lists of pointers, strcmp as a truth value, tables by macros), and matters of
    # taste.
    checks='-*,bugprone-*,cert-*'
    for check in bugprone-easily-swappable-parameters bugprone-narrowing-conversions bugprone-reserved-identifier \
        bugprone-implicit-widening-of-multiplication-result bugprone-suspicious-string-compare bugprone-sizeof-expression \
        bugprone-assignment-in-if-condition bugprone-branch-clone bugprone-macro-parentheses cert-dcl37-c cert-dcl51-cpp cert-err33-c cert-dcl03-c; do
        checks="$checks,-$check"
    done
    find src -name '*.c' | sort | xargs -P "$(nproc)" -n 20 clang-tidy -p "$out" --quiet --header-filter='src/.*' \
        --checks="$checks" 2>/dev/null |
        sed -n 's/^\([^:]*\):\([0-9]*\):[0-9]*: warning: \(.*\) \[\([^],]*\).*\]$/\4\t\1\t\2\t\3/p'
}

run_gcc() {
    find src -name '*.c' | sort | xargs -P "$(nproc)" -I{} gcc -std=gnu17 -D_GNU_SOURCE -Isrc -isystem "$out/proto" -O0 \
        -fanalyzer -fdiagnostics-plain-output -c {} -o /dev/null 2>&1 |
        sed -n 's/^\([^:]*\):\([0-9]*\):[0-9]*: warning: \(.*\) \[-Wanalyzer-\(.*\)\]$/\4\t\1\t\2\t\3/p'
}

run_threads() {
    cmake -S . -B build/threads -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
        "-DCMAKE_C_FLAGS_DEBUG=-O1 -g1 -fsanitize=thread" -DBUILD_TESTING=ON >/dev/null
    cmake --build build/threads --target bnfuse models team_test run_test product_test training_bn_test bnfuse_test >"$out/build.log"
    for test in team run product training_bn bnfuse; do
        TSAN_OPTIONS=exitcode=0 BNFUSE_MODELS=build/threads/models "build/threads/tests/${test}_test" >"$out/threads.log" 2>&1 ||
            printf 'failed\ttests/%s_test.c\t1\tthe test fails under the sanitizer\n' $test
        sed -n 's/^SUMMARY: ThreadSanitizer: \(.*\) \([^ ]*\):\([0-9]*\).* in .*/\1\t\2\t\3\tthreads/p' "$out/threads.log"
    done
    for model in build/threads/models/*_relu.onnx; do
        TSAN_OPTIONS=exitcode=0 build/threads/bnfuse --threads 4 --check=full "$model" -o "$out/out.onnx" 2>&1 |
            sed -n 's/^SUMMARY: ThreadSanitizer: \(.*\) \([^ ]*\):\([0-9]*\).* in .*/\1\t\2\t\3\tthreads/p'
    done
}

run_valgrind() {
    program=build/release/bnfuse model=build/release/models/conv_bn_relu.onnx
    cmake --preset release >/dev/null
    cmake --build --preset release --target bnfuse models >/dev/null
    for command in "$model -o $out/out.onnx" "$model -o $out/out.onnx --external-data $out/out.data --json" "explain $model" \
        "run $model -o $out/out.npz" "compare $model $out/out.onnx --markdown $out/r.md --html $out/r.html" \
        "print $model" "diff $model $out/out.onnx" "reasons 116" "$model --no-such-option" "$0 -o $out/out.onnx"; do
        status=0
        # shellcheck disable=SC2086 # words
        valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,possible --log-file="$out/valgrind.log" \
            $program $command >/dev/null 2>&1 || status=$?
        [ $status -ne 99 ] || sed -n 's/^==[0-9]*== *\(by\|at\) 0x[0-9A-F]*: \([a-z_0-9]*\) (\([^:]*\):\([0-9]*\)).*/valgrind\tsrc\/\3\t\4\t\2/p;
            $s/.*/valgrind\tprogram\t1\tsee '"$(echo "$out" | sed 's/\//\\\//g')"'\/valgrind.log/p' "$out/valgrind.log" | head -1
    done
}

commands
: >"$out/findings.tsv"
for tool in $tools; do
    run_$tool >"$out/$tool.txt"
    awk -F'\t' -v OFS='\t' -v root="$PWD/" -v tool="$tool" -f tests/analysis/function.awk "$out/$tool.txt" | sort -u >"$out/$tool.tsv"
    cat "$out/$tool.tsv" >>"$out/findings.tsv"
    echo "$tool: $(wc -l <"$out/$tool.tsv") findings"
done
awk -F'\t' -v OFS='\t' -v tools=" $tools " '
    FILENAME ~ /argued/ { if ($0 !~ /^#/ && index(tools, " " $1 " ")) argued[$1 OFS $2 OFS $3 OFS $4] = $5; next }
    { key = $1 OFS $2 OFS $3 OFS $4; seen[key] = 1 }
    !(key in argued) { print "not argued: " $0; bad = 1 }
    END {
        for (key in argued) if (!(key in seen)) { print "argued, but no longer found: " key; bad = 1 }
        for (key in argued) if (argued[key] == "") { print "argued without a reason: " key; bad = 1 }
        exit bad
    }' tests/analysis/argued.tsv "$out/findings.tsv"
