#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All other forms of bnfuse, made and tested: what scripts/test.sh --all adds to the C project. One line a form; what a
# form printed is in build/all. Goes on after a failure, and fails in the end. A form that needs what cannot be installed
# here is skipped, which is no failure. The quick ones come first.
#
#   scripts/all.sh [--until SECONDS] [FORM]...   these alone, in the order below; none is begun after this time (date +%s)
set -u
cd "$(dirname "$0")/.." || exit
rm -rf build/all
mkdir -p build/all
failed=0 skipped=0 until=
[ "${1-}" != --until ] || { until=$2; shift 2; }
wanted=" $* " made=

# form NAME COMMAND...: "ok" with the last line of its output, or FAILED with the last ten. Status 77: not installed.
form() {
    name=$1
    shift
    case $wanted in '  ' | *" $name "*) ;; *) return 0 ;; esac
    made="$made $name"
    started=$(date +%s)
    if [ -n "$until" ] && [ "$started" -gt "$until" ]; then
        echo "skipped $name: the time is up"
        skipped=$((skipped + 1))
        return
    fi
    "$@" > "build/all/$name.log" 2>&1
    status=$?
    log="build/all/$name.log"
    took="$(($(date +%s) - started)) s"
    case $status in
    0) echo "ok $name ($took): $(tail -n 1 "$log")" ;;
    77)
        echo "skipped $name ($took): what it needs could not be installed: $(tail -n 1 "$log")"
        skipped=$((skipped + 1))
        ;;
    *)
        echo "FAILED $name ($took); the end of $log:"
        tail -n 10 "$log" | sed 's/^/    /'
        failed=$((failed + 1))
        ;;
    esac
    grep -E '^skipped: ' "$log" | sort -u | sed 's/^/    /'
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
echo "all forms:$made: $failed failed, $skipped skipped"
[ $failed = 0 ]
