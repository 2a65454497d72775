#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Which lines and branches the tests reach: builds with counters, runs the tests, and prints the share of each folder;
# all tests: into docs/reliability.md.
#
#   scripts/coverage.sh [REGEX]     only tests of these names; build/coverage/lines.txt lists what is not reached
#
# Every function of src/onnx and src/passes of which a line is not reached stands in tests/coverage/argued.tsv (file, function, reason):
# one without a line there is an error, and so is a line for one that is reached whole. Not with a REGEX.
#
# Branches of assert() and what a compiler adds are left out. Needs gcovr (Debian: gcovr).
set -eu
cd "$(dirname "$0")/.."
cmake -S . -B build/coverage -G Ninja -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS_DEBUG=-O1 -g" -DBNFUSE_COVERAGE=ON \
    -DBUILD_TESTING=ON >/dev/null
cmake --build build/coverage >build/coverage/build.log
find build/coverage -name '*.gcda' -delete
# Slow ones reach nothing that others do not; a failure (of a test that measures) does not matter here.
ctest --test-dir build/coverage -j "$(nproc)" ${1+-R "$1"} \
    -E '^(growth|simd_rows|same_build|install|hostile_files|random_models|judge|format|house|floors|allocations|train|layout|pairs|stack)$' >build/coverage/tests.log 2>&1 || true
[ $# -gt 0 ] || build/coverage/tests/random/random_models 300 >/dev/null || true
gcovr -r . --object-directory build/coverage -f 'src/' --exclude-throw-branches --exclude-unreachable-branches \
    --exclude-lines-by-pattern '.*\bassert\(.*' --exclude-branches-by-pattern '.*\bassert\(.*' \
    --csv build/coverage/files.csv --txt build/coverage/lines.txt --xml-pretty --xml build/coverage/lines.xml >/dev/null
# filename,line_total,line_covered,line_percent,branch_total,branch_covered,branch_percent,...
awk -F, '
    NR > 1 {
        split($1, part, "/")
        room = part[2] ~ /\./ ? "src" : "src/" part[2]
        lines[room] += $2; hit[room] += $3; branches[room] += $5; taken[room] += $6
        all_lines += $2; all_hit += $3; all_branches += $5; all_taken += $6
    }
    END {
        print "| folder | lines | branches |"
        print "|---|--:|--:|"
        for (room in lines)
            printf "| %s | %.1f %% | %.1f %% |\n", room, 100 * hit[room] / lines[room],
                branches[room] ? 100 * taken[room] / branches[room] : 100 | "sort"
        close("sort")
        printf "| all | %.1f %% | %.1f %% |\n", 100 * all_hit / all_lines, 100 * all_taken / all_branches
    }' build/coverage/files.csv > build/coverage/table.md
cat build/coverage/table.md
[ $# -eq 0 ] || exit 0
scripts/table.sh coverage build/coverage/table.md

# As findings for function.awk: check, file, line, message.
awk -F'"' -v OFS='\t' '
    /<class / { for (i = 1; i < NF; i++) if ($i ~ / filename=$/) file = $(i + 1) }
    /<line / && /hits="0"/ { for (i = 1; i < NF; i++) if ($i ~ / number=$/) print "line", file, $(i + 1), "not reached" }' \
    build/coverage/lines.xml | grep -E 'src/(onnx|passes)/' |
    awk -F'\t' -v OFS='\t' -v root="$PWD/" -v tool=coverage -f tests/analysis/function.awk | cut -f3,4 | sort -u >build/coverage/functions.tsv
awk -F'\t' '
    FILENAME ~ /argued/ { if ($0 !~ /^#/) argued[$1 "\t" $2] = $3; next }
    { seen[$0] = 1 }
    !($0 in argued) { print "not reached, and not argued: " $0; bad = 1 }
    END {
        for (key in argued) if (!(key in seen)) { print "argued, but reached: " key; bad = 1 }
        for (key in argued) if (argued[key] == "") { print "argued without a reason: " key; bad = 1 }
        exit bad
    }' tests/coverage/argued.tsv build/coverage/functions.tsv
