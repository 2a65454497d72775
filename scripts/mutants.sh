#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whether a mistake of ours could get out. Applies the faults of tests/mutants.tsv one at a time to a copy of the
# sources, builds it, and looks at two things: that the program, checks on, writes no wrong model; and that a test fails.
#
#   scripts/mutants.sh [NAME ...]     all of them, or those named
#   scripts/mutants.sh --fit          only whether every line of the table still fits its file
#
# Each leaves a row in build/mutants/rows; when all have one, they make the table of docs/reliability.md.
#
# A model that the changed program wrote with exit status 0 is judged by the unchanged program (bnfuse compare) and,
# where it is installed, by ONNX Runtime. Exit status 1 when a wrong model was written, a fault found no test that
# fails, or a line of the table fits its file no more. Takes a few seconds a fault.
set -eu
cd "$(dirname "$0")/.."
here=$PWD
out=$here/build/mutants
[ "${1-}" != --fit ] || { out=$(mktemp -d); trap 'rm -rf "$out"' EXIT; }
clean=$out/bnfuse
tree=$out/tree
# The likeliest to see a fault first: they are built one at a time, until one fails.
tests='fold_test bnfuse_test flip_test affine_test edit_test write_test models_test dtype_test mover_copy_test mover_select_test
reparam_test shift_map_test mover_test sibling_test affine_root_test attr_test bent_operators_test check_test clean_test constant_test
anchor_test inline_test floor_test graph_test inference_test lower_test random_test reshape_test tensor_test training_bn_test validate_test'
list=$here/tests/mutants.tsv
tab=$(printf '\t')
mkdir -p "$out"
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

# fuse_all PROGRAM DIRECTORY: all models as the program writes them, in one call; and their digests. Limits are of
# processor time: on a busy machine a clock says nothing.
fuse_all() {
    status=0
    rm -rf "$2"
    mkdir -p "$2"
    (ulimit -t 120 && exec "$1" "$here"/build/release/models/*.onnx --out-dir "$2" --threads 1) > "$2.log" 2>&1 || status=$?
    (cd "$2" && find . -name '*.onnx' -exec sha256sum {} + | sed 's,\./,,' | sort -k 2) > "$2.sums"
    return $status
}

# fuse_one PROGRAM MODEL DIRECTORY [OPTION ...]: one of them, as out.onnx; its exit status.
fuse_one() {
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

# The same of all pairs in the list, in one call of ONNX Runtime; what is wrong by name on standard output.
judge_all() {
    judged=
    if [ -n "$runtime" ]; then
        node "$here/scripts/ort/judge.mjs" compare --list "$1" > "$out/judge.log" 2>&1 || judged=no
    fi
    while IFS="$tab" read -r model new; do
        status=0
        "$clean" compare "$model" "$new" > "$out/compare.log" 2>&1 || status=$?
        [ "$status" -eq 1 ] || [ -z "$judged" ] || judge "$model" "$new" || status=1
        [ "$status" -ne 1 ] || echo "$model"
    done < "$1"
}

runtime=
if command -v node > /dev/null && [ -d "${BNFUSE_ORT:-$here/build/ort}/node_modules/onnxruntime-node" ]; then
    runtime=yes
    export BNFUSE_ORT="${BNFUSE_ORT:-$here/build/ort}"
fi

# What the unchanged program makes of every model; and of those that have weights for it, with external data.
fuse_all "$clean" "$out/clean" || true
: > "$out/external"
for model in "$here"/build/release/models/*.onnx; do
    to=$out/clean/external/$(basename "$model" .onnx)
    if [ -e "$out/clean/$(basename "$model")" ] && fuse_one "$clean" "$model" "$to" --external-data weights.bin &&
        [ -e "$to/weights.bin" ]; then
        echo "$model" >> "$out/external"
    fi
done
echo "$(cat "$out/clean.sums" "$out/external" | wc -l) models to write; judged by bnfuse compare${runtime:+ and ONNX Runtime}"

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
    name=$1 file=$2
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
    program=$tree/build/release/bnfuse status=0
    fuse_all "$program" "$out/new" || status=$?
    # A crash takes the models after it along: those by themselves.
    [ "$status" -le 70 ] || join -v 1 -1 2 -2 2 "$out/clean.sums" "$out/new.sums" | cut -d ' ' -f 1 | while read -r lost; do
        fuse_one "$program" "$here/build/release/models/$lost" "$out/one" || continue
        cp "$out/one/out.onnx" "$out/new/$lost"
        (cd "$out/new" && sha256sum "$lost") >> "$out/new.sums"
    done
    sort -k 2 -o "$out/new.sums" "$out/new.sums"
    refused=$(join -v 1 -1 2 -2 2 "$out/clean.sums" "$out/new.sums" | wc -l)
    join -1 2 -2 2 "$out/clean.sums" "$out/new.sums" | awk -v models="$here/build/release/models" -v new="$out/new" \
        '$2 != $3 { print models "/" $1 "\t" new "/" $1 }' > "$out/others"
    judge_all "$out/others" > "$out/wrong"
    while read -r model; do
        if ! fuse_one "$program" "$model" "$out/one" --external-data weights.bin; then
            refused=$((refused + 1))
        elif ! diff -r "$out/one" "$out/clean/external/$(basename "$model" .onnx)" > "$out/diff.log" 2>&1; then
            judge "$model" "$out/one/out.onnx" || echo "$model --external-data" >> "$out/wrong"
        fi
    done < "$out/external"
    wrong=$(wc -l < "$out/wrong")
    right=$(($(cat "$out/clean.sums" "$out/external" | wc -l) - refused - wrong))
    while read -r model; do
        echo "$name: wrote a wrong $(basename "$model")" | tee -a "$out/failures"
    done < "$out/wrong"
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
rows=$(($(wc -l < "$out/table.md") - 2))
[ "$rows" -lt "$(wc -l < "$out/mutants")" ] || scripts/table.sh mutants "$out/table.md"
echo "$rows faults in the table; $(wc -l < "$out/failures") of this run would get out, or no test sees them"
[ ! -s "$out/failures" ]
