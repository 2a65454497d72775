#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# table.sh NAME FILE: puts FILE between <!-- NAME --> and <!-- end of NAME --> of docs/reliability.md.
set -eu
page=$(dirname "$0")/../docs/reliability.md
awk -v table="$2" -v start="<!-- $1 -->" -v end="<!-- end of $1 -->" '
    $0 == end { inside = 0 }
    !inside { print }
    $0 == start { inside = 1; print ""; while ((getline line < table) > 0) print line; print "" }' "$page" >"$page.new"
mv "$page.new" "$page"
