#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# circles.sh OBJECTS_DIR SOURCE_DIR: no two source files call functions of each other, directly or through others.
#
# Tables are left out: a list of tables names what calls back into the list's own file, which is what it is for.
set -eu
cd "$1"

find src -name '*.o' | while read -r object; do
    # What was built of a file that is gone says nothing.
    [ -e "$2/${object%.o}" ] || continue
    nm -g "$object" | sed "s|^|${object%.o} |"
done |
awk '
NF == 4 && $3 == "T" { home[$4] = $1; defined++ }
NF == 3 && $2 == "U" { calls[$1] = calls[$1] " " $3 }
function visit(file,    i, n, names, to) {
    state[file] = 1
    path[++depth] = file
    n = split(calls[file], names, " ")
    for (i = 1; i <= n; i++) {
        to = home[names[i]]
        if (to == "" || to == file) continue
        if (state[to] == 1) {
            print file ": calls " names[i] " of " to ", which leads back to it"
            bad = 1
        } else if (!state[to]) visit(to)
    }
    state[file] = 2
    depth--
}
END {
    if (defined < 500) { print "only " defined + 0 " functions found"; bad = 1 }
    for (file in calls) if (!state[file]) visit(file)
    exit bad
}'
