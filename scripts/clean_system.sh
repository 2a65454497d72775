#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clean_system.sh DIR: a minimal Debian 12 in DIR, made by debootstrap from the mirror that the system itself uses, and
# kept in build/packages/base.tar for the next time. Wants root. Ends with 77 when it
# cannot be had, as scripts/setup.sh does.
set -eu
root=$1
cd "$(dirname "$0")/.."
store=$PWD/build/packages
mkdir -p "$store"
rm -rf "$root"
mkdir -p "$root"
if [ ! -e "$store/base.tar" ]; then
    scripts/setup.sh clean
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
    debootstrap --variant=minbase bookworm "$root" "$mirror" > "$store/debootstrap.log" 2>&1 ||
        { tail -n 5 "$store/debootstrap.log" >&2; exit 77; }
    tar -C "$root" -cf "$store/base.tmp" .
    mv "$store/base.tmp" "$store/base.tar"
else
    tar -C "$root" -xf "$store/base.tar"
fi
cp /etc/resolv.conf "$root/etc/" 2> /dev/null || true
for file in /etc/apt/apt.conf.d/*proxy*; do [ ! -e "$file" ] || cp "$file" "$root/etc/apt/apt.conf.d/"; done
# It is thrown away: nothing in it has to outlive a power cut.
echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/force-unsafe-io"
