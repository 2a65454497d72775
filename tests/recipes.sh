#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# recipes.sh SOURCE_DIR PROGRAM MODELS: what README and docs/many-models.md tell people to put into their CI does what
# they say: the action's step, the pre-commit hook, the rule for make, the line for GNU parallel.
set -eu
source=$1
program=$2
models=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$program" "$work/bin/bnfuse"
PATH=$work/bin:$PATH
cd "$work"
cp "$models/conv_bn_relu.onnx" good.onnx
echo 'no model%' > bad.onnx
passed=0
failed=0

# check NAME STATUS COMMAND...: runs it with its output in $work/said.
check() {
    name=$1 expected=$2
    shift 2
    status=0
    "$@" > said 2>&1 || status=$?
    [ "$status" = "$expected" ] && return 0
    echo "FAILED $name: exit status $status, not $expected"
    cat said
    failed=$((failed + 1))
    return 1
}
# says PATTERN FILE
says() {
    if grep -qE -e "$1" "$2"; then passed=$((passed + 1)); return; fi
    echo "FAILED $name: no '$1' in $2:"
    cat "$2"
    failed=$((failed + 1))
}

step() {
    rm -f summary output
    env INPUT_MODEL="$1" INPUT_OUTPUT="$2" INPUT_ARGS="$3" GITHUB_STEP_SUMMARY=summary GITHUB_OUTPUT=output \
        "$source/packaging/action.sh"
}
if check 'action: a good model' 0 step good.onnx fused.onnx '--strict --require 1'; then
    says '^::notice file=good.onnx,title=bnfuse::pass; 1 BatchNormalizations gone, 0 left$' said
    says '^verdict=pass$' output
    says '^folded=1$' output
    says 'BatchNormalization' summary
    says . fused.onnx
fi
if check 'action: a broken file' 3 step bad.onnx '' ''; then says '^::error file=bad.onnx,title=bnfuse::bad.onnx: ' said; fi
if check 'action: a policy' 5 step good.onnx '' '--require 7'; then says '^::error .*--require wants 7' said; fi
cp good.onnx 'a model.onnx'
if check 'action: a name with a blank' 0 step 'a model.onnx' 'a fused.onnx' ''; then says . 'a fused.onnx'; fi

cp good.onnx -- '-a,b: c%.onnx'
if check 'action: a name with what ends it' 0 step '-a,b: c%.onnx' fused.onnx ''; then
    says '^::notice file=-a%2Cb%3A c%25.onnx,title=bnfuse::pass; 1' said
fi
odd=$(printf 'two\n::warning::lines.onnx')
if check 'action: a name of two lines' 2 step "$odd" '' ''; then
    says '^::error file=two%0A%3A%3Awarning%3A%3Alines.onnx,title=bnfuse::' said
    says '^::error' said
    if grep -q '^::warning' said; then failed=$((failed + 1)); cat said; fi
fi

if check 'hook: a name to quote' 1 "$source/packaging/precommit.sh" '-a,b: c%.onnx'; then
    says "fold them with: bnfuse -o '-a,b: c%.onnx' -- '-a,b: c%.onnx'\$" said
fi
if check 'hook: something to fold' 1 "$source/packaging/precommit.sh" good.onnx; then says 'bnfuse -o good.onnx -- good.onnx' said; fi
if check 'hook: nothing to fold' 0 "$source/packaging/precommit.sh" fused.onnx; then passed=$((passed + 1)); fi
if check 'hook: no model' 1 "$source/packaging/precommit.sh" bad.onnx; then says 'not an ONNX model' said; fi

# recipe NAME: the indented block under the heading of that name in docs/many-models.md.
recipe() {
    awk -v name="$1" '/^#/ { inside = $0 == "## " name; next } inside && /^    / { print substr($0, 5) }' \
        "$source/docs/many-models.md"
}
mkdir models
cp good.onnx models/one.onnx
cp good.onnx models/two.onnx
if command -v make > /dev/null; then
    recipe make | sed 's/^        /\t/' > Makefile
    if check 'make: all models' 0 make -s; then says . fused/one.onnx; says . fused/two.onnx; says 'verdict' fused/one.txt; fi
    cp bad.onnx models/bad.onnx
    if check 'make: a broken one' 2 make -s -k; then
        name='make: nothing half done stays'
        if [ -e fused/bad.onnx ] || [ -e fused/bad.txt ]; then echo "FAILED $name"; failed=$((failed + 1)); else passed=$((passed + 1)); fi
    fi
    rm -rf fused models/bad.onnx
else
    echo 'skipped: make is not installed'
fi
if command -v parallel > /dev/null; then
    recipe 'GNU parallel' > parallel.sh
    if check 'parallel: all models' 0 sh -eu parallel.sh; then says . fused/one.onnx; says . fused/two.onnx; fi
else
    echo 'skipped: GNU parallel is not installed'
fi

echo "recipes: $passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 10 ]
