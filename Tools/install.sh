#!/usr/bin/env bash
# Installs a build with its resources, man pages and completions. Usage: Tools/install.sh PREFIX [PRODUCTS]
#
# PRODUCTS is the folder of the build; the release build's by default. The tool looks for its resource bundles beside itself, so both
# lie in PREFIX/libexec/prefixtune; PREFIX/bin has a link.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${1:?usage: Tools/install.sh PREFIX [PRODUCTS]}
products=${2:-$(swift build -c release --show-bin-path)}
target=$prefix/libexec/prefixtune
mkdir -p "$prefix/bin" "$target"
install -m 755 "$products/prefixtune" "$target/prefixtune"
for bundle in "$products"/prefixtune_*.resources "$products"/prefixtune_*.bundle; do
    [ -d "$bundle" ] || continue
    rm -rf "${target:?}/$(basename "$bundle")"
    cp -R "$bundle" "$target/"
done
ln -sf ../libexec/prefixtune/prefixtune "$prefix/bin/prefixtune"

if command -v python3 >/dev/null; then
    python3 Tools/manual.py "$target/prefixtune" "$prefix/share/man/man1"
else
    echo "no python3 here: installing without man pages" >&2
fi
# The parser's scripts offer nothing where it knows no values. Most of those are paths: there shells complete files, as without a script.
complete() {  # SHELL FILE EDIT
    mkdir -p "$(dirname "$prefix/share/$2")"
    "$target/prefixtune" --generate-completion-script "$1" | sed "$3" >"$prefix/share/$2"
}
complete bash bash-completion/completions/prefixtune 's/^complete -o filenames/complete -o default -o filenames/'
complete zsh zsh/site-functions/_prefixtune "s/:'\$/:_files'/"
complete fish fish/vendor_completions.d/prefixtune.fish "/^complete -c 'prefixtune' -f\$/d; s/ -r*fka ''\$/ -rF/"
echo "Installed $prefix/bin/prefixtune"
