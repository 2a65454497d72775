#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All other forms of bnfuse, made and tested: what scripts/test.sh --all adds to the C project. One line a form; what a
# form printed is in build/all. Goes on after a failure, and fails in the end. The quick ones come first.
#
#   scripts/all.sh [--no-skips] [FORM]...     these alone, in the order below; with --no-skips it also fails when a form
#                                             skipped something
set -u
cd "$(dirname "$0")/.." || exit
rm -rf build/all
mkdir -p build/all
failed=0 skips=true
[ "${1-}" != --no-skips ] || { skips=false; shift; }
wanted=" $* " made=

# form NAME COMMAND...: "ok" with the last line of its output, or FAILED with the last ten.
form() {
    name=$1
    shift
    case $wanted in '  ' | *" $name "*) ;; *) return 0 ;; esac
    made="$made $name"
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

form static scripts/static.sh
form image scripts/image.sh
form python scripts/python.sh
form wasm scripts/wasm.sh --compare
form npm scripts/npm.sh
form page scripts/web.sh --test
form packages scripts/packages.sh
form arm64 scripts/machines.sh --quick

for name in $wanted; do
    case "$made " in *" $name "*) ;; *) echo "all.sh: there is no form '$name'" >&2; failed=$((failed + 1)) ;; esac
done
if ! $skips && grep -qE '^skipped: ' build/all/*.log; then
    echo 'all forms: nothing may be skipped'
    failed=$((failed + 1))
fi
[ $failed = 0 ] && echo "good:$made" || echo "$failed failed of:$made"
[ $failed = 0 ]
