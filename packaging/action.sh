#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The step of action.yml: runs bnfuse, turns its message and its remarks into annotations, and appends its Markdown
# report to the job's summary. Uses the bnfuse in PATH, else that of the npm packages that are installed; none is fetched
# by its name.
#
#   INPUT_MODEL, INPUT_OUTPUT, INPUT_ARGS      from action.yml
#   GITHUB_STEP_SUMMARY, GITHUB_OUTPUT         files of the runner
set -u

bnfuse() {
    if command -v bnfuse > /dev/null; then command bnfuse "$@"; else npx --no-install bnfuse "$@"; fi
}

# In a workflow command, % and the ends of lines are written as escapes; in the name of a file also what ends it.
escaped() {
    sed -e 's/%/%25/g' -e 's/\r/%0D/g' | awk 'NR > 1 { printf "%%0A" } { printf "%s", $0 }'
}
file=$(printf '%s' "$INPUT_MODEL" | escaped | sed -e 's/:/%3A/g' -e 's/,/%2C/g')

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The options are a list of words; no * in them is expanded.
set -f
if [ -n "${INPUT_OUTPUT-}" ]; then
    set -- -o "$INPUT_OUTPUT"
else
    set --
fi
# shellcheck disable=SC2086
bnfuse "$@" --markdown "$work/report.md" ${INPUT_ARGS-} -- "$INPUT_MODEL" > "$work/out" 2> "$work/err"
status=$?
cat "$work/out"
cat "$work/err" >&2

verdict=$(sed -n 's/^verdict: //p' "$work/out" | tail -n 1)
counts=$(sed -n 's/^\([0-9]*\) of \([0-9]*\) BatchNormalizations\{0,1\} gone, \([0-9]*\) left.*/\1 \3/p' "$work/out")
if [ $status != 0 ]; then
    message=$(sed -n 's/^bnfuse: //p' "$work/err" | tail -n 1)
    printf '::error file=%s,title=bnfuse::%s\n' "$file" "$(printf '%s' "${message:-exit status $status}" | escaped)"
elif [ -n "$verdict" ]; then
    line="${verdict}${counts:+; ${counts% *} BatchNormalizations gone, ${counts#* } left}"
    printf '::notice file=%s,title=bnfuse::%s\n' "$file" "$(printf '%s' "$line" | escaped)"
fi
[ ! -s "$work/report.md" ] || cat "$work/report.md" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
{
    echo "verdict=$verdict"
    echo "folded=${counts% *}"
    echo "left=${counts#* }"
} >> "${GITHUB_OUTPUT:-/dev/null}"
exit $status
