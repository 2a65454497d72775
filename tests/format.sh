#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# format.sh SOURCE_DIR: every C file is as clang-format 14 lays it out (.clang-format), and no line is longer than 120
# columns, comments included, which it leaves alone. 77 where it is not installed.
set -eu
cd "$1"
long=$(find src tests bench examples -name '*.[ch]' -exec awk 'length > 120 { print FILENAME ":" FNR ": longer than 120" }' {} +)
[ -z "$long" ] || { echo "$long"; exit 1; }
clang-format --version 2>/dev/null | grep -q ' version 14\.' || { echo "clang-format 14: skipped"; exit 77; }
find src tests bench examples -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror
