#!/bin/sh
# reference.sh PROGRAM DIR - what isekai-schema prints is what docs/reference holds.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" all "$work"
for file in "$work"/*; do
    "$1" "$(basename "$file" | cut -d. -f1)" | cmp - "$file"
done
diff -r "$work" "$2" || {
    echo "the tables have changed: cmake --build BUILD --target reference"
    exit 1
}
