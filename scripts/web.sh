#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the page: build/web, static files for any web server. Needs bindings/node/bnfuse.wasm (scripts/wasm.sh).
#
#   scripts/web.sh              build
#   scripts/web.sh --test       then try it in a headless browser (Debian's chromium); screenshots go to build/web-test
#   scripts/web.sh --serve      then serve it on http://localhost:8000
set -eu
cd "$(dirname "$0")/.."

[ -e bindings/node/bnfuse.wasm ] || scripts/wasm.sh
command -v npm > /dev/null || scripts/setup.sh npm
mkdir -p build/web-tools build/web
cp web/package.json web/package-lock.json build/web-tools/ 2> /dev/null || cp web/package.json build/web-tools/
[ -x build/web-tools/node_modules/.bin/esbuild ] ||
    (cd build/web-tools && npm install --ignore-scripts --no-audit --no-fund --loglevel=error) || exit 77
build/web-tools/node_modules/.bin/esbuild web/app.js web/worker.js --bundle --minify --format=esm --target=es2022 \
    --legal-comments=none --log-level=warning --outdir=build/web
cp web/index.html web/style.css bindings/node/bnfuse.wasm build/web/
case ${1-} in
--test)
    command -v chromium > /dev/null || scripts/setup.sh browser
    NODE_PATH=build/web-tools/node_modules node web/test/page.mjs build/web-tools/node_modules build/web build/web-test
    ;;
--serve) exec python3 -m http.server --directory build/web --bind localhost 8000 ;;
esac
