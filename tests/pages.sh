#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pages.sh PROGRAM DOCS: the manual page has every section and option, and no fault that man warns of; the completions
# are valid, and know commands and values.
set -eu
program=$1 docs=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$program" --man > "$work/bnfuse.scd"
for section in NAME SYNOPSIS COMMANDS OPTIONS 'EXIT STATUS' EXAMPLES FILES 'SEE ALSO'; do
    grep -qx "# $section" "$work/bnfuse.scd" || { echo "no section $section"; exit 1; }
done
if command -v scdoc > /dev/null && command -v man > /dev/null; then
    scdoc < "$work/bnfuse.scd" > "$work/bnfuse.1"
    scdoc < "$docs/libbnfuse.3.scd" > "$work/libbnfuse.3"
    for page in bnfuse.1 libbnfuse.3; do
        warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 "$work/$page" 2>&1 > /dev/null)
        [ -z "$warnings" ] || { echo "$warnings"; exit 1; }
    done
    # Every option of --help has an entry, and none of scdoc's signs is left of a text.
    LC_ALL=C.UTF-8 MANWIDTH=400 MAN_KEEP_FORMATTING= man -E UTF-8 -l "$work/bnfuse.1" | col -b > "$work/text"
    for option in $("$program" --help | sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z-]*\).*/\2/p'); do
        grep -qE "^ *(-., )?$option( |\[|$)" "$work/text" || { echo "no entry of $option"; exit 1; }
    done
    ! grep -nE '\\|\*[a-z]+\*' "$work/text" || exit 1
else
    echo 'skipped: scdoc or man is not installed'
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
