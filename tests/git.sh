#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# git.sh SOURCE_DIR PROGRAM MODELS: the recipe of docs/git.md, as it is written there, in a repository of its own. 77 where
# git is not installed.
set -eu
command -v git > /dev/null || { echo "git: skipped"; exit 77; }
recipe=$(realpath "$1")/docs/git.md
models=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin" "$folder/models"
ln -s "$(realpath "$2")" "$folder/bin/bnfuse"
PATH=$folder/bin:$PATH
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null HOME="$folder"
cp "$models/conv_bn_relu.onnx" "$folder/models/model.onnx"
cd "$folder/models"
git init -q .
git config user.name tester
git config user.email tester@example.invalid
sed -n 's/^    //p' "$recipe" > "$folder/recipe.sh"
[ "$(wc -l < "$folder/recipe.sh")" = 4 ]
sh -eu "$folder/recipe.sh"
git add -A
git commit -qm 'A model'
bnfuse model.onnx -o model.onnx -q > /dev/null
git --no-pager diff > "$folder/diff.txt"
grep -q '^-.*BatchNormalization' "$folder/diff.txt"
git difftool -t bnfuse > "$folder/tool.txt" 2>&1 || true
grep -q '^- node BatchNormalization "bn"' "$folder/tool.txt"
echo "git: the recipe shows what a fold changed"
