#!/usr/bin/env bash
# Prints the commit that is checked out, as `prefixtune --version` says it: 4789c2a, or 4789c2a-dirty where files differ from it.
# Prints nothing where this is no clone, such as an unpacked archive.
cd "$(dirname "$0")/.." || exit
[ -e .git ] && git describe --always --dirty --exclude '*' --abbrev=7 2>/dev/null
exit 0
