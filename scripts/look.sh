#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# look.sh [DIR]: the HTML reports in a browser, wide, on a phone, in dark and under Jenkins' policy: nothing overflows, is
# faint or is fetched, and html-validate and tidy find no error (tests/layout.mjs). With DIR, pictures of them all go
# there. Installs chromium, nodejs, npm and tidy where they are missing, and two npm packages into build/look; with
# --install nothing else.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
scripts/setup.sh browser npm
mkdir -p build/look
npm install --silent --ignore-scripts --no-fund --no-audit --prefix build/look playwright-core@1.61.0 html-validate@9.7.1
[ "${1-}" != --install ] || exit 0
[ -x build/release/bnfuse ] || { cmake --preset release && cmake --build --preset release --target bnfuse models; }
[ $# = 0 ] || mkdir -p "$1"
NODE_MODULES=$root/build/look/node_modules exec node tests/layout.mjs build/release/bnfuse build/release/models ${1:+"$1"}
