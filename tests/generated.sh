#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# generated.sh FILE COMMAND...: whether FILE is what COMMAND prints.
set -eu
file=$1
shift
found=$(mktemp)
trap 'rm -f "$found"' EXIT
"$@" > "$found"
diff -u "$file" "$found" || { echo "$file is out of date: $* > $file" >&2; exit 1; }
