#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All other forms of bnfuse, made and tested: what scripts/test.sh --all adds to the C project. One line a form; what a
# form printed is in build/all. Goes on after a failure, and fails in the end; with --no-skips also when a form skipped
# something.
set -u
cd "$(dirname "$0")/.."
rm -rf build/all
mkdir -p build/all
failed=0

# form NAME COMMAND...: "ok" with the last line of its output, or FAILED with the last ten.
form() {
    name=$1
    shift
    started=$(date +%s)
    if "$@" > "build/all/$name.log" 2>&1; then
        echo "ok $name ($(($(date +%s) - started)) s): $(tail -n 1 "build/all/$name.log")"
    else
        echo "FAILED $name ($(($(date +%s) - started)) s); the end of build/all/$name.log:"
        tail -n 10 "build/all/$name.log" | sed 's/^/    /'
        failed=$((failed + 1))
    fi
    grep -E '^skipped: ' "build/all/$name.log" | sort -u | sed 's/^/    /'
}

form wasm scripts/wasm.sh --compare
form npm scripts/npm.sh
form page scripts/web.sh --test
form python scripts/python.sh
form static scripts/static.sh
form arm64 scripts/machines.sh --quick
form packages scripts/packages.sh
form image scripts/image.sh

if [ "${1-}" = --no-skips ] && grep -qE '^skipped: ' build/all/*.log; then
    echo 'all forms: nothing may be skipped'
    failed=$((failed + 1))
fi
[ $failed = 0 ] && echo 'all forms: good' || echo "all forms: $failed failed"
[ $failed = 0 ]
