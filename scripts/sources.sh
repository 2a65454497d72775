#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Brings the sources of the libraries to build/sources, for builds that hold them inside (see cmake/libraries.cmake).
#
# They are Debian's, fetched with a list of sources and a package cache of our own: nothing of the system is changed.
set -eu
cd "$(dirname "$0")/.."
libraries="protobuf-c jansson zlib cmocka"

wanted=
for library in $libraries; do
    [ -e "build/sources/$library/.complete" ] || wanted="$wanted $library"
done
[ -n "$wanted" ] || exit 0

command -v dpkg-source > /dev/null || scripts/setup.sh sources
store=$PWD/build/sources/.apt
mkdir -p "$store/lists/partial" "$store/cache/archives/partial"
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# The mirror that the system itself uses.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $suite" | head -n 1)
[ -n "$mirror" ] || { echo "sources.sh: apt knows no mirror of $suite; run apt-get update" >&2; exit 77; }
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
    > "$store/sources.list"
own_apt() {
    apt-get -q -o Dir::Etc::SourceList="$store/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$store/lists" -o Dir::Cache="$store/cache" -o APT::Sandbox::User=root \
        -o APT::Get::List-Cleanup=0 "$@"
}
own_apt update || exit 77
# shellcheck disable=SC2086  # a list of words
(cd "$store" && own_apt --download-only source $wanted) || exit 77
for library in $wanted; do
    rm -rf "build/sources/$library"
    dpkg-source --no-check -x "$store/${library}"_*.dsc "build/sources/$library"
    touch "build/sources/$library/.complete"
done
