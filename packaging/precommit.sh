#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# precommit.sh MODEL...: fails where a model holds a BatchNormalization that could be folded, and says how to fold it.
set -u

bnfuse() {
    if command -v bnfuse > /dev/null; then command bnfuse "$@"; else npx --no-install bnfuse "$@"; fi
}

failed=0
for model in "$@"; do
    report=$(bnfuse explain --json -- "$model") || { failed=1; continue; }
    printf '%s\n' "$report" | grep -qE '^ *"folded": [1-9]' || continue
    bnfuse explain -- "$model"
    name=$(printf '%s\n' "$model" | sed "s/'/'\\\\''/g; s/.*/'&'/")
    case $model in -* | *[!A-Za-z0-9_./-]*) ;; *) name=$model ;; esac
    echo "$model: fold them with: bnfuse -o $name -- $name"
    failed=1
done
exit $failed
