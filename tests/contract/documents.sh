#!/bin/sh
# documents.sh [PAGE ...] - what the pages name in backticks is there.
#
# A word like `path/file.ext` must be a file of the tree, and `function()` must stand in the sources as a
# word before a parenthesis, outside of comments. A `test_name()` must stand in the file of tests/ that the
# page names last before it, and each row of a table of promises must name such a file. Without arguments:
# docs/ARCHITECTURE.md, docs/SECURITY.md and README.md.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- docs/ARCHITECTURE.md docs/SECURITY.md README.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find schemas bus gateway actors cli docs tests cmake \
    \( -name node_modules -o -name templates \) -prune -o -type f \
    \( -name '*.[ch]' -o -name '*.def' -o -name '*.py' -o -name '*.cmake' \) -exec cat {} + |
    grep -vE '^ *(/?\*|# )' | grep -oE '[A-Za-z_][A-Za-z0-9_]*[(]' | tr -d '(' |
    sort -u >"$work/there"

# A span may not be broken over lines, or it would be passed over here.
! grep -nE '^([^`]*`[^`]*`)*[^`]*`[^`]*$' "$@" || { echo "a name is broken over lines"; exit 1; }
grep -hoE '`[^`]+`' "$@" | tr -d '`' | sort -u >"$work/words"
grep -E '^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+\.[A-Za-z]+$' "$work/words" >"$work/files" || true
grep -E '^[A-Za-z_][A-Za-z0-9_]*[(][)]$' "$work/words" | tr -d '()' | sort >"$work/functions" || true

while IFS= read -r file; do
    [ -f "$file" ] || echo "no such file: $file"
done <"$work/files" >"$work/gone"
grep -vxF -f "$work/there" "$work/functions" | sed 's/^/no such function: /' >>"$work/gone" || true

grep -hoE '`[^`]+`' "$@" | tr -d '`()' | awk '/^tests\// {file = $0} /^test_[a-z0-9_]+$/ {print file, $0}' |
    while read -r file name; do
        grep -qE "\\b$name\\(" "$file" || echo "no such test: $file $name"
    done >>"$work/gone"
awk '/^\| promise / {inside = 1; next} !/^\|/ {inside = 0}
    inside && !/^\|-/ && !/`tests\/[^`]+`/ {print "a promise without a test: " $0}' "$@" >>"$work/gone"
cat "$work/gone"
echo "$(grep -c . "$work/files") files and $(grep -c . "$work/functions") functions are named"
[ -s "$work/files" ] && [ -s "$work/functions" ] && [ ! -s "$work/gone" ]
