#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests the npm package, packs it, installs it into an empty folder without a network, and uses it from there:
# build/npm/bnfuse-VERSION.tgz. Needs the native program as its judge (build/release).
set -eu
cd "$(dirname "$0")/.."

command -v npm > /dev/null || scripts/setup.sh npm
[ -e bindings/node/bnfuse.wasm ] || scripts/wasm.sh
[ -x build/release/bnfuse ] || { cmake --preset release > /dev/null; cmake --build --preset release --target bnfuse models; }
node --test bindings/node/test/*.mjs

rm -rf build/npm
mkdir -p build/npm/empty
cp LICENSE bindings/node/LICENSE
(cd bindings/node && npm pack --ignore-scripts --loglevel=error --pack-destination ../../build/npm)
package=$(echo "$PWD"/build/npm/bnfuse-*.tgz)
cd build/npm/empty
echo '{ "type": "module", "private": true }' > package.json
npm install --offline --ignore-scripts --no-audit --no-fund --loglevel=error "$package"
npx --offline bnfuse ../../../models/trained_cnn.onnx -o out.onnx -q --require 7
../../release/bnfuse ../../../models/trained_cnn.onnx -o native.onnx -q
cmp out.onnx native.onnx
cat > use.js << 'END'
import { readFile } from 'node:fs/promises';
import { fuse } from 'bnfuse';
const { report } = await fuse(await readFile('../../../models/trained_cnn.onnx'));
console.log(`packed: ${report.folded} folded, ${report.check.verdict}`);
END
node use.js | grep 'packed: 7 folded, pass'
echo "npm: $(basename "$package"), $(wc -c < "$package") bytes, installs and works"
