#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Takes away each row of the operators in turn and sees a test fail. Two steps, in one build of its own (build/rows):
# every test runs once and notes which rows it runs; then each row is lost (BNFUSE_LOST_ROW, tests/rows/watch.c), and the
# tests that ran it, the most particular first, run until one fails. That test is named in tests/rows.tsv.
#
#   scripts/lost_rows.sh           all rows; ends with 1 when some row is missed by no test
#   scripts/lost_rows.sh --write   writes tests/rows.tsv, too; then make docs/operators.md again (its first lines say how)
#
# Only tests that need nothing from outside the repository are asked.
set -eu
cd "$(dirname "$0")/.."
build=$PWD/build/rows

cmake --preset release -B "$build" -DBNFUSE_WATCH_ROWS=ON >/dev/null
cmake --build "$build" >/dev/null
export BNFUSE_SHARED=/nonexistent BNFUSE_MODELS="$build/models" BNFUSE_PROGRAM="$build/bnfuse" BNFUSE_TESTS="$PWD/tests"

log=$build/rows
rm -rf "$log" && mkdir -p "$log"
for test in tests/*_test.c; do
    name=$(basename "$test" .c)
    case $name in conformance_test | shape_models_test | models_test | operators_test) continue ;;
    cli_test | flip_test) continue ;; # they limit or bend what is written to files, and so the notes
    esac
    (cd "$build/tests" && BNFUSE_ROW_LOG=$log/$name timeout 300 "./$name" >/dev/null 2>&1) ||
        { echo "$name fails by itself; it is not asked" >&2; rm -f "$log/$name"; continue; }
    if [ -e "$log/$name" ]; then sort -u -o "$log/$name" "$log/$name"; fi
done

"$build/tests/operators_page" /dev/null | sed -n 's/^| \([^ ]*\) | \([0-9]*\)[- ].*/\1 \2/p' > "$log/all"

found=$log/found
missed=0
printf '# A row of the operators, and a test that fails without it. Made by scripts/lost_rows.sh --write.\n' > "$found"
while read -r op first; do
    red=
    for name in $(cd "$log" && grep -lx "$op $first" ./*_test 2>/dev/null | while read -r file; do
        echo "$(wc -l < "$file") $(basename "$file")"; done | sort -n | cut -d' ' -f2) shape_test; do
        (cd "$build/tests" && BNFUSE_LOST_ROW="$op $first" timeout 300 "./$name" >/dev/null 2>&1) || { red=$name; break; }
    done
    if [ -n "$red" ]; then printf '%s %s\t%s\n' "$op" "$first" "$red" >> "$found"
    else echo "$op $first: no test fails without it" >&2; missed=$((missed + 1)); fi
done < "$log/all"

echo "$(awk 'NR > 1' "$found" | wc -l) rows are missed by a test, $missed by none"
if [ "${1-}" = --write ]; then cp "$found" tests/rows.tsv; fi
[ "$missed" = 0 ]
