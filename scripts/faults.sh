#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every allocation of every command fails, once and with all after it (tests/faults.py), and the table of
# docs/reliability.md is written anew. Ten minutes; needs a release build and python3.
#
#   scripts/faults.sh [STEP]     only every STEP-th allocation, and no table
set -eu
cd "$(dirname "$0")/.."
out=build/faults.md
if [ $# -gt 0 ]; then exec tests/faults.py build/release/bnfuse build/release/tests/liballoc.so build/release/models "$1"; fi
tests/faults.py build/release/bnfuse build/release/tests/liballoc.so build/release/models | tee $out
scripts/table.sh allocations $out
