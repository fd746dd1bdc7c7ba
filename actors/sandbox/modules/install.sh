#!/bin/sh
# install.sh OUT [READY] - put the modules of package-lock.json into OUT, for every app to import.
#
# npm fetches them and checks the lock's integrity; or READY holds the node_modules that
# `npm ci --ignore-scripts --omit=dev` made from this lock on another machine, whose files are
# taken as they are. What no program reads (types, source maps, sources of style sheets, tests) is
# left out. OUT then holds
#
#   node_modules/       readable by everybody
#   package-lock.json   names and versions
#   LICENCES            name, version and licence of each
#   key                 names the content: a new one for every other octet
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1 ready=${2:-}
work=$out.new
umask 022
fail() {
    rm -rf "$work"
    printf 'modules: %s\n' "$@" >&2
    exit 1
}

command -v node >/dev/null || fail 'node is missing: ./deploy/install-packages run build'
rm -rf "$work"
mkdir -p "$work"
cp "$here/package.json" "$here/package-lock.json" "$work"
if [ -n "$ready" ]; then
    [ -d "$ready/node_modules" ] || fail "ISEKAI_MODULES_DIR: '$ready' holds no node_modules"
    cp -R "$ready/node_modules" "$work/node_modules"
else
    command -v npm >/dev/null || fail 'npm is missing: ./deploy/install-packages build' \
        'or give -DISEKAI_MODULES_DIR=DIR, where npm ci has been run with the files of actors/sandbox/modules'
    (cd "$work" && npm ci --ignore-scripts --omit=dev --no-audit --no-fund --no-update-notifier \
        --loglevel=error >&2) ||
        fail 'npm could not fetch the packages of actors/sandbox/modules/package-lock.json; see above.' \
            'Without a way to the npm registry give -DISEKAI_MODULES_DIR=DIR, where npm ci has been run' \
            'with these files on another machine.'
fi

cd "$work"
rm -rf node_modules/.bin node_modules/.package-lock.json
find node_modules -type l -delete
find node_modules -type d \( -name test -o -name tests -o -name scss \) -prune -exec rm -rf {} +
find node_modules -type f ! -iname 'licen[cs]e*' \( -name '*.map' -o -name '*.ts' -o -name '*.cts' \
    -o -name '*.mts' -o -name '*.flow' -o -iname '*.md' -o -name '.*' -o -name '*.yml' \) -delete
# Of the style sheets the small form is enough, and in each colour the usual one.
css=node_modules/@picocss/pico/css
find $css -name '*.css' ! -name '*.min.css' ! -name pico.css -delete
find $css \( -name 'pico.classless.*.min.css' -o -name 'pico.conditional.*' \
    -o -name 'pico.fluid.classless.*.min.css' \) -delete
find node_modules -type d -empty -delete
node "$here/check.js" . >LICENCES || fail 'what is there is not what package-lock.json names'
chmod -R u=rwX,go=rX .
find node_modules -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1 >key
rm -f package.json
rm -rf "$out"
mv "$work" "$out"
