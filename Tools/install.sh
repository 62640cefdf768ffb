#!/usr/bin/env bash
# Installs the release build. Usage: Tools/install.sh PREFIX
#
# The tool looks for its resource bundles beside itself, so both lie in PREFIX/libexec/prefixtune; PREFIX/bin has a link.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${1:?usage: Tools/install.sh PREFIX}
products=$(swift build -c release --show-bin-path)
target=$prefix/libexec/prefixtune
mkdir -p "$prefix/bin" "$target"
install -m 755 "$products/prefixtune" "$target/prefixtune"
for bundle in "$products"/prefixtune_*.resources "$products"/prefixtune_*.bundle; do
    [ -d "$bundle" ] || continue
    rm -rf "${target:?}/$(basename "$bundle")"
    cp -R "$bundle" "$target/"
done
ln -sf ../libexec/prefixtune/prefixtune "$prefix/bin/prefixtune"
echo "Installed $prefix/bin/prefixtune"
