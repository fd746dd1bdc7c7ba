#!/bin/sh
# layers.sh - who may include whom. Run from the repository root.
# A room may include itself and the rooms named for it; anything else fails. Forbidden rooms: those
# whose name says nothing.
set -eu
allowed() {
    case $1 in
        schemas)  echo "schemas" ;;
        bus)      echo "bus schemas" ;;
        gateway)  echo "gateway bus schemas" ;;
        cli)      echo "cli bus schemas" ;;
        actors/*) echo "$1 bus schemas" ;;
        docs)     echo "docs gateway bus schemas" ;;
        tests)    echo "tests cli gateway actors/[a-z]* bus schemas" ;;
    esac
}
failed=0
for room in schemas bus gateway cli actors/* docs tests; do
    [ -d "$room" ] || continue
    pattern=$(allowed "$room" | sed 's/ /|/g')
    if grep -rnE '^ *# *include "' --exclude-dir=node_modules --include='*.[ch]' --include='*.def' "$room" |
        grep -vE "include \"($pattern)/"; then failed=1; fi
done
for name in utils util common helpers misc; do
    found=$(find . -path './build*' -prune -o -path ./.git -prune -o \
        \( -name "$name" -o -name "$name.[ch]" \) -print | grep -v node_modules || true)
    [ -z "$found" ] || { echo "a name that says nothing: $found"; failed=1; }
done
# civetweb behind one file, and never the form parser that has unpatched holes
others=$(grep -rl 'civetweb.h' --exclude-dir=node_modules --include='*.[ch]' . | grep -vE '^\./(gateway/http_server\.c|tests/(bench|gateway|fuzz)/|build)' || true)
[ -z "$others" ] || { echo "civetweb.h outside gateway/http_server.c: $others"; failed=1; }
# libarchive behind two files
others=$(grep -rl 'include <archive' --exclude-dir=node_modules --include='*.[ch]' . | grep -vE '^\./(actors/sandbox/(un)?packer\.c|tests/sandbox/|build)' || true)
[ -z "$others" ] || { echo "libarchive outside packer.c and unpacker.c of actors/sandbox: $others"; failed=1; }
exit $failed
