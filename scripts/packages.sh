#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian packages: builds them twice and compares (they have to be the same, bit for bit), asks lintian, then installs,
# uses and purges them in a system made by debootstrap. They end up in build/packages.
#
#   scripts/packages.sh            all of it; the clean system only as root
#   scripts/packages.sh --quick    built once, lintian, no clean system
set -eu
cd "$(dirname "$0")/.."

scripts/setup.sh build test packages
store=$PWD/build/packages
version=$(dpkg-parsechangelog -S Version | sed 's/-[^-]*$//')

# build_in FOLDER: from what git knows, in a folder of its own.
build_in() {
    rm -rf "$1"
    mkdir -p "$1/bnfuse-$version"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$1/bnfuse-$version"
    tar -C "$1" --exclude=debian --sort=name --mtime='@0' --owner=0 --group=0 --numeric-owner \
        -cJf "$1/bnfuse_$version.orig.tar.xz" "bnfuse-$version"
    (cd "$1/bnfuse-$version" &&
        DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc) > "$1/build.log" 2>&1 ||
        { tail -n 30 "$1/build.log" >&2; exit 1; }
}

build_in "$store/first"
(cd "$store/first" && ls ./*.deb)
lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$store"/first/*.changes
[ "${1-}" != --quick ] || { echo 'packages: built; lintian is content'; exit 0; }

[ "$(id -u)" = 0 ] || { echo 'skipped: the packages in a clean system, for which debootstrap wants root'; exit 0; }

# The same place, because paths are part of what is compared.
mv "$store/first" "$store/kept"
build_in "$store/first"
for file in "$store"/kept/*.deb; do
    cmp "$file" "$store/first/$(basename "$file")" || { echo "packages.sh: $file is not reproducible" >&2; exit 1; }
done
echo "reproducible: $(ls "$store"/kept/*.deb | wc -l) packages, bit for bit"
rm -rf "$store/kept"

root=$store/root
scripts/clean_system.sh "$root"
mkdir -p "$root/packages" "$root/source"
cp "$store"/first/*.deb "$root/packages/"
cp -r models debian "$root/source/"
cat > "$root/try.sh" << 'END'
set -eu
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -q -y --no-install-recommends "$@" > /dev/null; }
{ apt-get update -q > /dev/null && install gcc libc6-dev pkg-config cmake make python3-numpy; } || exit 77
install /packages/*.deb
cd /source
for each in program library python; do
    BNFUSE_TEST_MODELS=/source/models sh debian/tests/$each || { echo "failed: $each"; exit 1; }
    echo "in a clean system: $each works"
done
dpkg --purge python3-bnfuse libbnfuse-dev bnfuse-doc bnfuse bnfuse-dbgsym libbnfuse0 libbnfuse0-dbgsym > /dev/null
left=$(find / -xdev -name '*bnfuse*' -not -path '/packages/*' -not -path '/source/*' -not -path '/proc/*' -not -path '/tmp/*' \
    -not -path '/var/log/*' -not -path '/var/cache/*' | head)
[ -z "$left" ] || { echo "left after the purge: $left"; exit 1; }
END
env -u CMAKE_C_COMPILER_LAUNCHER chroot "$root" /bin/sh /try.sh
rm -rf "$root"
echo 'packages: built twice alike, installed, used and purged in a clean system'
