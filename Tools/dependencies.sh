#!/usr/bin/env bash
# Checks for Swift and for the C libraries; installs the libraries where apt-get can, asking for nothing. Does nothing, and
# needs no network, where all is there. Usage: Tools/dependencies.sh [dist], with what `make dist` needs beyond that.
set -euo pipefail

fail() {
    printf 'error: %s\n' "$@" >&2
    exit 1
}

needed=6.2
if ! command -v swift >/dev/null; then
    if [ -n "${SUDO_USER:-}" ]; then
        fail "no Swift toolchain on root's PATH, which is not yours. Run: make build && sudo env \"PATH=\$PATH\" make install" \
            "or, without sudo: make install PREFIX=\$HOME/.local"
    fi
    fail "no Swift toolchain on PATH. Install Swift $needed or newer from https://www.swift.org/install, then run make again."
fi
# Read whole: closing the pipe early would end the compiler with a signal.
version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p')
version=${version%%$'\n'*}
if [ -z "$version" ]; then
    fail "cannot tell the version of $(command -v swift): 'swift --version' prints none. Swift $needed or newer is needed."
fi
if [ "${version%.*}" -lt "${needed%.*}" ] ||
    { [ "${version%.*}" -eq "${needed%.*}" ] && [ "${version#*.}" -lt "${needed#*.}" ]; }; then
    fail "Swift $version is too old ($(command -v swift)). Install Swift $needed or newer from https://www.swift.org/install."
fi

# Whether a header is in one of the places where compilers look.
has_header() {
    local folder
    IFS=: read -r -a folders <<<"${CPATH:-}"
    for folder in /usr/include /usr/local/include ${folders[@]+"${folders[@]}"}; do
        [ -n "$folder" ] && [ -e "$folder/$1" ] && return 0
    done
    return 1
}

missing=()
has_header dnnl.h || missing+=(libdnnl-dev)
has_header oniguruma.h || missing+=(libonig-dev)
has_header sentencepiece_processor.h || missing+=(libsentencepiece-dev)
case $(uname -s) in
Darwin) ;;  # zlib and CryptoKit come with macOS
*)
    has_header zlib.h || missing+=(zlib1g-dev)
    has_header openssl/evp.h || missing+=(libssl-dev)
    ;;
esac
if [ "${1:-}" = dist ]; then
    # Foundation's static library wants libcurl by name when it is linked.
    has_header curl/curl.h || has_header "$(uname -m)-linux-gnu/curl/curl.h" || missing+=(libcurl4-openssl-dev)
    command -v dpkg-shlibdeps >/dev/null || missing+=(dpkg-dev)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(uname -s)" = Darwin ]; then
    fail "missing here: ${missing[*]} (Debian's names). Run: brew install onednn oniguruma sentencepiece"
elif ! command -v apt-get >/dev/null; then
    fail "missing here: the development files of ${missing[*]}" \
        "(Debian's names; elsewhere oneDNN, zlib, OpenSSL, Oniguruma and sentencepiece);" \
        "install them with your package manager, such as: brew install onednn zlib openssl oniguruma sentencepiece"
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "run as root: apt-get install ${missing[*]}"
    as_root=(sudo -n)
fi
echo "Installing ${missing[*]}"
install=(${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq)
"${install[@]}" update </dev/null ||
    echo "apt-get update failed; trying with the package lists that are here" >&2
"${install[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null ||
    fail "could not install ${missing[*]}; run yourself: sudo apt-get install ${missing[*]}"
