#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What README tells people to install, each on a machine that has nothing but Debian: npx from the packed file, pip install
# of the wheel, dpkg -i, and find_package. Wants root, and what scripts/npm.sh, scripts/python.sh and scripts/packages.sh
# left in build/.
set -eu
cd "$(dirname "$0")/.."

root=$PWD/build/clean
for made in build/npm/bnfuse-*.tgz build/python/bnfuse-*.whl build/packages/first/bnfuse_*.deb; do
    [ -e "$made" ] || { echo "clean_machine.sh: there is no $made" >&2; exit 2; }
done
scripts/clean_system.sh "$root"
mkdir -p "$root/made" "$root/client"
cp build/npm/bnfuse-*.tgz build/python/bnfuse-*.whl build/packages/first/*.deb models/trained_cnn.onnx "$root/made/"
cp tests/client/client.c tests/client/CMakeLists.txt "$root/client/"
cat > "$root/try.sh" << 'END'
set -eu
export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes HOME=/root
cd /made
apt-get update -q > /dev/null
install() { apt-get install -q -y -o Dpkg::Use-Pty=0 --no-install-recommends "$@" > /dev/null; }
clean() { ! command -v bnfuse > /dev/null || { echo "bnfuse is here already"; exit 1; }; }

clean
install nodejs npm
npx --yes ./bnfuse-*.tgz trained_cnn.onnx -o npx.onnx -q --require 7
echo "npx: the packed file works, with node $(node --version)"

clean
install python3-pip python3-venv python3-cffi
python3 -m venv --system-site-packages /venv
/venv/bin/pip install --no-index -q bnfuse-*.whl
/venv/bin/python -c 'import bnfuse; bnfuse.fuse("trained_cnn.onnx", "pip.onnx")'
cmp npx.onnx pip.onnx
echo "pip: the wheel works, with $(python3 --version)"

clean
install libprotobuf-c1 libjansson4 zlib1g libjpeg62-turbo libopenjp2-7 libpng16-16 libtiff6 libwebp7
dpkg -i libbnfuse0_*.deb bnfuse_*.deb > /dev/null
bnfuse trained_cnn.onnx -o dpkg.onnx -q --require 7
cmp npx.onnx dpkg.onnx
echo "dpkg -i: $(bnfuse --version) works"

install cmake make gcc libc6-dev pkg-config ./libbnfuse-dev_*.deb
cmake -S /client -B /client/build -DKINDS='shared;static;bnfuse' > /dev/null
cmake --build /client/build > /dev/null
for client in /client/build/client_*; do
    "$client" trained_cnn.onnx found.onnx > /dev/null
    cmp npx.onnx found.onnx
    echo "find_package: $(basename "$client") works"
done
END
env -u CMAKE_C_COMPILER_LAUNCHER chroot "$root" /bin/sh /try.sh
rm -rf "$root"
echo 'clean machine: npx, pip, dpkg and find_package work'
