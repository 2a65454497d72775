#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# floors.sh SOURCE_DIR: every include points down the list of docs/design.md, and no two files include each other.
#
# Folders on one line of the list stand side by side: neither may include the other.
set -eu
cd "$1/src"

floors='base
onnx/read
onnx/graph
onnx/shape onnx/write
runtime
runtime/math
runtime/ops
passes/decide
passes/algebra
passes/simplify
passes
io
check
api
.
report
cli'

grep -rEH '^ *# *include "' --include='*.[ch]' . | sed 's|^\./||; s|: *# *include *"\([^"]*\)".*| \1|' |
awk -v floors="$floors" '
function folder(path) { return sub("/[^/]*$", "", path) ? path : "." }
function reach(from, to,    i, n, next_files) {           # does an include lead from one header to another?
    if (from == to) return 1
    if (seen[from]++) return 0
    n = split(includes[from], next_files, " ")
    for (i = 1; i <= n; i++) if (reach(next_files[i], to)) return 1
    return 0
}
BEGIN {
    count = split(floors, lines, "\n")
    for (i = 1; i <= count; i++) {
        rooms = split(lines[i], room, " ")
        for (j = 1; j <= rooms; j++) { floor[room[j]] = i; }
    }
    bad = 0; total = 0
}
{
    from = folder($1); to = folder($2); total++
    includes[$1] = includes[$1] " " $2
    if ($2 == "bnfuse.h" || $2 ~ /\.pb-c\.h$/) next        # the promise to callers is vocabulary for every floor
    if (!(from in floor)) { print $1 ": its folder stands on no floor"; bad = 1; next }
    if (!(to in floor)) { print $1 ": includes \"" $2 "\" of no floor"; bad = 1; next }
    if (from == to) next
    if (from ~ /^(report|cli)$/ || $1 == "main.c") {        # the program knows the public header alone
        if (to !~ /^(report|cli)$/) { print $1 ": includes \"" $2 "\", which is not of the program"; bad = 1 }
        if ($1 == "main.c") next
    }
    if (floor[to] >= floor[from]) { print $1 ": includes \"" $2 "\", which is not below it"; bad = 1 }
}
END {
    if (total < 100) { print "only " total " includes found"; bad = 1 }
    for (file in includes) {
        n = split(includes[file], targets, " ")
        for (i = 1; i <= n; i++) {
            delete seen
            if (targets[i] ~ /\.h$/ && file ~ /\.h$/ && reach(targets[i], file)) { print file ": includes itself through \"" targets[i] "\""; bad = 1 }
        }
    }
    exit bad
}'
