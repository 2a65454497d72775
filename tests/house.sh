#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# house.sh SOURCE_DIR: what must hold of every source file. It begins with its licence, names no place of the machine
# it was written on, and has no tab or trailing blank. And Linux's own calls are in one place.
set -eu
cd "$1"
faults=$(mktemp)
trap 'rm -f "$faults"' EXIT

sources() {
    find .ci CMakeLists.txt bench bindings cmake debian docs examples models packaging proto scripts src tests web -type f -not -path '*/node_modules/*' 2>/dev/null \
        \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.mjs' -o -name '*.js' -o -name '*.ts' -o -name '*.css' -o -name '*.html' -o -name '*.proto' -o -name '*.txtpb' \
        -o -name 'CMakeLists.txt' -o -name '*.cmake' -o -path '.ci/run' \) | sort
}

count=0
for file in $(sources); do
    count=$((count + 1))
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
        echo "$file: no licence at its head" >> "$faults"
done
[ "$count" -gt 20 ] || echo "only $count source files found" >> "$faults"
sources | xargs grep -nE '(/(home|root|work|Users)/|[A-Z]:\\\\)[A-Za-z]' | grep -v '^tests/house.sh' \
    >> "$faults" || true
# What Linux alone has is called in one file, beside its substitute.
find src -name '*.[ch]' -not -path 'src/base/platform.*' | xargs grep -nwE 'memfd_create|copy_file_range|sched_getaffinity|sync_file_range|renameat2|O_TMPFILE|fallocate|posix_fadvise|sendfile|getrandom|fopencookie|qsort_r|memrchr|mempcpy|strchrnul|MAP_POPULATE|mremap|prctl|prlimit|gettid|pipe2|dup3|statx|secure_getenv|pthread_[a-z]+_np' |
    grep -vE '^[^:]*:[0-9]*: ?(/\*|\*) ' | sed 's/$/: not in src\/base\/platform.c/' >> "$faults" || true
blank=$(printf '[ \t]$|\t')
sources | xargs grep -nE "$blank" | sed 's/^\([^:]*:[0-9]*\).*/\1: a tab or a trailing blank/' >> "$faults" || true

cat "$faults"
[ ! -s "$faults" ]
