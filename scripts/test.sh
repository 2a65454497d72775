#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test from nothing: installs, builds twice (release; with the address and undefined-behavior sanitizers), runs
# all tests in both. The last line sums up both runs in the runner's own words.
#
#   scripts/test.sh            what is absent (ONNX Runtime, shared models) is skipped, saying so
#   scripts/test.sh --ort      brings ONNX Runtime first, as an independent judge (npm; 70 MB to download)
#   scripts/test.sh --all      with ONNX Runtime, and then WebAssembly, the npm package, the page in a browser, the Python
#                              module, the static program, the image, arm64 and the Debian packages (scripts/all.sh)
#   scripts/test.sh --no-skips fails when one of the two runs skipped anything; what needs a service is not skipped but
#                              done without it (the CI recipes without a CI)
#   --minutes N                with --all: no form is begun later than this
set -eu
cd "$(dirname "$0")/.."

started=$(date +%s) ort=false all=false skips=true minutes=
while [ $# -gt 0 ]; do
    case $1 in
    --ort) ort=true ;;
    --all) all=true ort=true ;;
    --no-skips) skips=false ;;
    --minutes) minutes=${2:?} && shift ;;
    *) echo "usage: scripts/test.sh [--ort] [--all [--minutes N]] [--no-skips]" >&2; exit 2 ;;
    esac
    shift
done

scripts/setup.sh build test
$skips || { scripts/setup.sh whole; scripts/look.sh --install; }
if $ort; then
    scripts/setup.sh npm
    scripts/ort/install.sh
fi

# Both builds run before any verdict; a pipe's status is that of tee, hence the file.
run_tests() {
    cmake --preset "$1" -DBUILD_TESTING=ON -DBNFUSE_SLOW_TESTS=ON
    cmake --build --preset "$1"
    { ctest --preset "$1" --parallel "$(nproc)" || touch "build/$1/tests.failed"; } 2>&1 | tee "build/$1/tests.log"
}

rm -f build/*/tests.failed
run_tests release
run_tests asan

echo
echo "Suites run, and what was skipped (details: build/*/Testing/Temporary/LastTest.log):"
grep -hE '^[a-z].*: [1-9][0-9]* passed, [0-9]+ failed|skipped: |: skipped$|^\[  SKIPPED \] [a-z_]+$' \
    build/release/Testing/Temporary/LastTest.log | sort -u | sed 's/^/    /'
good=true
if ! $skips && grep -hE '\*\*\*Skipped|^\[  SKIPPED \] [a-z_]+$' build/release/tests.log build/asan/tests.log \
    build/release/Testing/Temporary/LastTest.log build/asan/Testing/Temporary/LastTest.log | sort -u | grep .; then
    echo "the above was skipped"
    good=false
fi
if $all; then
    echo
    scripts/all.sh ${minutes:+--until $((started + 60 * minutes))} || good=false
fi
echo
sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests failed out of \([0-9]*\)/\1 \2/p' build/release/tests.log \
    build/asan/tests.log | awk '{ failed += $1; all += $2 }
    END { printf "%d%% tests passed, %d tests failed out of %d\n", all ? 100 * (all - failed) / all : 0, failed, all }'
$good && [ ! -e build/release/tests.failed ] && [ ! -e build/asan/tests.failed ]
