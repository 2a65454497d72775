#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pages.sh PROGRAM: the manual page has every section and no fault that man warns of; the completions are valid, and
# know commands and values.
set -eu
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$program" --man > "$work/bnfuse.1"
for section in NAME SYNOPSIS COMMANDS OPTIONS 'EXIT STATUS' EXAMPLES FILES 'SEE ALSO'; do
    grep -qx ".SH $section" "$work/bnfuse.1" || { echo "no section $section"; exit 1; }
done
if command -v man > /dev/null; then
    warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=100 man --warnings -E UTF-8 -l -Tutf8 "$work/bnfuse.1" 2>&1 > /dev/null)
    [ -z "$warnings" ] || { echo "$warnings"; exit 1; }
else
    echo 'skipped: man is not installed'
fi
"$program" --completions=bash > "$work/bash"
# complete WORD...: what bash offers for the last word.
complete_() {
    bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bnfuse; printf "%s " "${COMPREPLY[@]}"' "$work/bash" "$@"
}
if command -v bash > /dev/null; then
    [ "$(complete_ bnfuse exp)" = 'explain ' ]
    [ "$(complete_ bnfuse --lower '')" = 'mul-add conv ' ]
    [ "$(complete_ bnfuse m.onnx --enable relu)" = 'relu-scale ' ]
    case $(complete_ bnfuse m.onnx --free) in '--freeze-weights '*) ;; *) exit 1 ;; esac
else
    echo 'skipped: bash is not installed'
fi
"$program" --completions=zsh | grep -q "lower=.*:value:(mul-add conv)"
"$program" --completions=fish | grep -q -- '-l lower -r -f -a "mul-add conv"'
echo 'pages: good'
