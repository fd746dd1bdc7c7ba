#!/bin/sh
# modules_install.sh BUILT - what modules/install.sh refuses, and that one content has one key.
# BUILT is what the build made of it, and serves here as ISEKAI_MODULES_DIR.
set -eu
install=actors/sandbox/modules/install.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
refuses() { # refuses WORDS COMMAND...: fails, says so, leaves nothing
    words=$1
    shift
    if "$@" >"$work/said" 2>&1; then echo "not refused: $words"; exit 1; fi
    grep -q "$words" "$work/said" || { cat "$work/said"; exit 1; }
    [ ! -e "$work/out" ] && [ ! -e "$work/out.new" ] || { echo "left behind: $words"; exit 1; }
}

sh $install "$work/out" "$1"
cmp "$work/out/key" "$1/key"
cmp "$work/out/LICENCES" "$1/LICENCES"
[ -z "$(find "$work/out" ! -perm -o=r -o -type l)" ] || { echo "not readable by all"; exit 1; }

# one octet more is another content; a package of another version is not the lock's
mv "$work/out" "$work/ready"
echo >>"$work/ready/node_modules/ws/index.js"
sh $install "$work/out" "$work/ready"
! cmp -s "$work/out/key" "$1/key" || { echo "another content, the same key"; exit 1; }
rm -rf "$work/out"
sed 's/"version": "[^"]*"/"version": "0.0.1"/' "$1/node_modules/ws/package.json" \
    >"$work/ready/node_modules/ws/package.json"
refuses 'ws has version 0.0.1' sh $install "$work/out" "$work/ready"
rm -rf "$work/ready/node_modules/ws"
refuses 'not what package-lock.json names' sh $install "$work/out" "$work/ready"
refuses 'holds no node_modules' sh $install "$work/out" "$work"

# a host without npm
mkdir "$work/bin"
for program in sh dirname mkdir rm cp node; do ln -s "$(command -v $program)" "$work/bin/$program"; done
refuses 'npm is missing: ./deploy/install-packages build' env PATH="$work/bin" sh $install "$work/out"
