#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whether a mistake of ours could get out. Applies the faults of tests/mutants.tsv one at a time to a copy of the
# sources, builds it, and looks at two things: that the program, checks on, writes no wrong model; and that a test fails.
#
#   scripts/mutants.sh [NAME ...]     all of them, or those named
#   scripts/mutants.sh --fit          only whether every line of the table still fits its file
#
# Each leaves a row in build/mutants/rows; all rows make the table of docs/reliability.md.
#
# A model that the changed program wrote with exit status 0 is judged by the unchanged program (bnfuse compare) and,
# where it is installed, by ONNX Runtime. Exit status 1 when a wrong model was written, a fault found no test that
# fails, or a line of the table fits its file no more. Takes about half a minute a fault.
set -eu
cd "$(dirname "$0")/.."
here=$PWD
out=$here/build/mutants
[ "${1-}" != --fit ] || { out=$(mktemp -d); trap 'rm -rf "$out"' EXIT; }
clean=$out/bnfuse
tree=$out/tree
# The likeliest to see a fault first: they are built one at a time, until one fails.
tests='fold_test bnfuse_test flip_test affine_test edit_test write_test models_test dtype_test mover_copy_test mover_select_test
reparam_test shift_map_test sibling_test affine_root_test attr_test bent_operators_test check_test clean_test constant_test
floor_test graph_test inference_test lower_test random_test reshape_test tensor_test training_bn_test validate_test'
list=$here/tests/mutants.tsv
tab=$(printf '\t')
mkdir -p "$out/models" "$out/clean"
[ "${1-}" = --fit ] || cp build/release/bnfuse "$clean" || { echo "build the release preset first" >&2; exit 2; }
mkdir -p "$out/rows"
rm -f "$out/failures"
: > "$out/failures"

# Replaces `old` by `new` in the function (or the file, for -); fails unless it stands there exactly once.
mutate() {
    MUTANT_FUNCTION=$2 MUTANT_OLD=$3 MUTANT_NEW=$4 awk '
        function unescape(text) { gsub(/\\n/, "\n", text); return text }
        { text = text $0 "\n" }
        END {
            name = ENVIRON["MUTANT_FUNCTION"]; old = unescape(ENVIRON["MUTANT_OLD"]); new = unescape(ENVIRON["MUTANT_NEW"])
            start = 1; end = length(text)
            if (name != "-") {
                count = split(text, lines, "\n"); at = 1; start = 0
                for (i = 1; i <= count; i++) {
                    if (!start && lines[i] ~ ("^[a-zA-Z_].*[ *]" name "\\(") && lines[i] !~ /;$/) {
                        for (k = i; k <= count && lines[k] !~ /[;{]$/ && lines[k] != "{"; k++) { }
                        if (lines[k] !~ /;$/) start = at
                    }
                    at += length(lines[i]) + 1
                    if (start && lines[i] == "}") { end = at - 1; break }
                }
                if (!start) exit 1
            }
            body = substr(text, start, end - start + 1)
            first = index(body, old)
            if (!first || index(substr(body, first + 1), old)) exit 1
            printf "%s%s%s%s", substr(text, 1, start - 1), substr(body, 1, first - 1), new, \
                substr(body, first + length(old)) substr(text, end + 1)
        }' "$1" > "$out/mutated.c" && cp "$out/mutated.c" "$1"
}

if [ "${1-}" = --fit ]; then
    grep -v '^#' "$list" > "$out/mutants"
    while IFS="$tab" read -r name file function old new; do
        cp "$file" "$out/fit.c"
        mutate "$out/fit.c" "$function" "$old" "$new" || echo "$name: fits $file no more" | tee -a "$out/failures" >&2
    done < "$out/mutants"
    [ ! -s "$out/failures" ]
    exit
fi

build() {
    cmake --build "$tree/build/release" --parallel 2 --target "$@" > "$out/build.log" 2>&1
}

# NAME: how the model is fused, a line of options each.
ways() {
    printf '%s\n' "" "--external-data weights.bin"
}

# fuse PROGRAM MODEL DIRECTORY OPTIONS...: the model as the program writes it; its exit status. Limits are of processor
# time: on a busy machine a clock says nothing.
fuse() {
    program=$1 model=$2 to=$3
    shift 3
    rm -rf "$to"
    mkdir -p "$to"
    (ulimit -t 60 && exec "$program" "$model" -o "$to/out.onnx" --threads 1 "$@") > "$to.log" 2>&1
}

# 0: the new model is right; 1: it is wrong.
judge() {
    status=0
    "$clean" compare "$1" "$2" > "$out/compare.log" 2>&1 || status=$?
    [ "$status" -ne 1 ] || return 1
    [ -z "$runtime" ] || node "$here/scripts/ort/judge.mjs" compare "$1" "$2" > "$out/judge.log" 2>&1
}

runtime=
if command -v node > /dev/null && [ -d "${BNFUSE_ORT:-$here/build/ort}/node_modules/onnxruntime-node" ]; then
    runtime=yes
    export BNFUSE_ORT="${BNFUSE_ORT:-$here/build/ort}"
fi

# What the unchanged program makes of every model.
number=0
: > "$out/list"
for model in "$here"/build/release/models/*.onnx; do
    ways > "$out/ways"
    while IFS= read -r options; do
        number=$((number + 1))
        # shellcheck disable=SC2086
        fuse "$clean" "$model" "$out/clean/$number" $options || continue
        [ -z "$options" ] || [ -e "$out/clean/$number/weights.bin" ] || continue
        echo "$number$tab$model$tab$options" >> "$out/list"
    done < "$out/ways"
done
echo "$(wc -l < "$out/list") models to write; judged by bnfuse compare${runtime:+ and ONNX Runtime}"

rm -rf "$tree/src" "$tree/tests"
mkdir -p "$tree"
git ls-files -z | xargs -0 tar -cf - | tar -xmf - -C "$tree"
cmake -S "$tree" -B "$tree/build/release" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBNFUSE_SHARED="$here/../shared" \
    > "$out/configure.log"
# shellcheck disable=SC2086
build bnfuse $tests || { echo "the unchanged copy does not build" >&2; exit 2; }
pattern="^($(echo $tests | tr ' ' '|'))\$"
ctest --test-dir "$tree/build/release" -R "$pattern" > "$out/test.log" 2>&1 ||
    { echo "the unchanged copy fails its tests" >&2; exit 2; }

one() {
    name=$1 file=$2 refused=0 right=0 wrong=0
    cp "$tree/$file" "$out/original.c"
    if ! mutate "$tree/$file" "$3" "$4" "$5"; then
        echo "$name: fits $file no more" | tee -a "$out/failures"
        return
    fi
    if ! build bnfuse; then
        echo "$name: does not compile" | tee -a "$out/failures"
        cp "$out/original.c" "$tree/$file"
        return
    fi
    while IFS="$tab" read -r number model options; do
        # shellcheck disable=SC2086
        if ! fuse "$tree/build/release/bnfuse" "$model" "$out/models/new" $options; then
            refused=$((refused + 1))
        elif diff -r "$out/models/new" "$out/clean/$number" > "$out/diff.log" 2>&1 ||
            judge "$model" "$out/models/new/out.onnx"; then
            right=$((right + 1))
        else
            wrong=$((wrong + 1))
            echo "$name: wrote a wrong $(basename "$model") $options" | tee -a "$out/failures"
        fi
    done < "$out/list"
    red=
    for test in $tests; do
        build "$test" || { echo "$name: $test does not build" | tee -a "$out/failures"; break; }
        (ulimit -t 120 && ctest --test-dir "$tree/build/release" -R "^$test\$") > "$out/test.log" 2>&1 || { red=$test; break; }
    done
    [ -n "$red" ] || echo "$name: no test fails" | tee -a "$out/failures"
    echo "| $name | ${file#src/} | $refused | $right | $wrong | ${red:-none} |" | tee "$out/rows/$name"
    cp "$out/original.c" "$tree/$file"
}

grep -v '^#' "$list" > "$out/mutants"
while IFS="$tab" read -r name file function old new <&3; do
    case " $* " in
        *" $name "* | "  ") one "$name" "$file" "$function" "$old" "$new" ;;
    esac
done 3< "$out/mutants"
# The table, in the order of the list, between the two marks of the page.
{
    echo "| fault | in | models refused | right | wrong, written | a test that fails |"
    echo "|---|---|--:|--:|--:|---|"
    cut -f 1 "$out/mutants" | while read -r name; do
        if [ -e "$out/rows/$name" ]; then cat "$out/rows/$name"; fi
    done
} > "$out/table.md"
scripts/table.sh mutants "$out/table.md"
echo "$(($(wc -l < "$out/table.md") - 2)) faults in the table; $(wc -l < "$out/failures") of this run would get out, or no test sees them"
[ ! -s "$out/failures" ]
