#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# symbols.sh HEADER NM LIBRARY...: of each library, all that bnfuse.h declares is visible, and nothing else; and Debian's
# package lists the same. What begins with two underscores belongs to the compiler (the sanitizers' bookkeeping).
set -eu
header=$1 nm=$2
shift 2
declared=$(mktemp)
visible=$(mktemp)
trap 'rm -f "$declared" "$visible"' EXIT
tr '\n' ' ' < "$header" | grep -oE 'BNFUSE_API [^;(]*bnfuse_[a-z_]*\(' | sed 's/.*[ *]\(bnfuse_[a-z_]*\)(/\1/' | sort > "$declared"
[ "$(wc -l < "$declared")" -gt 25 ] || { echo "only $(wc -l < "$declared") functions found in $header" >&2; exit 1; }
for library; do
    case $library in *.a) dynamic= ;; *) dynamic=-D ;; esac
    $nm $dynamic --defined-only -g "$library" | awk 'NF == 3 { print $3 }' | grep -v '^__' | sort > "$visible"
    diff "$declared" "$visible" || { echo "$library: < declared only, > visible only" >&2; exit 1; }
done
package=$(dirname "$header")/../debian/libbnfuse0.symbols
sed -n 's/^ \(.*\)@Base .*/\1/p' "$package" | sort > "$visible"
diff "$declared" "$visible" || { echo "$package: < declared only, > in the package only" >&2; exit 1; }
