#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# look.sh [DIR]: the HTML reports in a browser, wide, on a phone, in dark and under Jenkins' policy: nothing overflows, is
# faint or is fetched, and html-validate and tidy find no error (tests/layout.mjs). With DIR, pictures of them all go
# there. Installs chromium, nodejs, npm and tidy where they are missing, and two npm packages into build/look.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if ! command -v npm > /dev/null || ! command -v chromium > /dev/null || ! command -v tidy > /dev/null; then
    apt-get update -q && apt-get install -qy --no-install-recommends chromium nodejs npm tidy
fi
mkdir -p "$root/build/look" ${1:+"$1"}
cd "$root"
[ -x build/release/bnfuse ] || { cmake --preset release && cmake --build --preset release --target bnfuse models; }
npm install --silent --ignore-scripts --no-fund --no-audit --prefix build/look playwright-core html-validate
NODE_MODULES=$root/build/look/node_modules exec node tests/layout.mjs build/release/bnfuse build/release/models ${1:+"$1"}
