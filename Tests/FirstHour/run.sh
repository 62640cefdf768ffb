#!/usr/bin/env bash
# Does what README.md says, block by block, as someone does who has just found it: the shell blocks in their order, in one session, in a
# bare Debian that has nothing but what they install. Stops at the first line that fails.
#
# Usage: Tests/FirstHour/run.sh ARCHIVE [README]
#
# ARCHIVE is what `make dist` built; also what the README downloads and what its `make` installs, as compiling takes longer than all
# the rest. A folder that Tools/install.sh filled does, too: it needs this machine's Swift, and so is tried on this machine.
# The bare Debian is made once by debootstrap, as root. Without root or debootstrap, the blocks run on this machine in an empty home
# folder, but for those that would install something in it.
#
# A comment on the line before a block says what the script does with it, unseen by readers:
#   <!-- first-hour: needs gpt2 -->    the block is not run, and listed with what it needs: models, data, Swift, hours
#   <!-- first-hour: prints -->        before a block of output: its lines are among those that the last block has printed
set -euo pipefail
cd "$(dirname "$0")/../.."

archive=$(readlink -f "${1:?usage: Tests/FirstHour/run.sh ARCHIVE [README]}")
readme=$(readlink -f "${2:-README.md}")
limit=${FIRST_HOUR_SECONDS:-300}
base=$PWD/.build/first-hour/bookworm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bare() {
    [ -f "$archive" ] && [ "$(id -u)" -eq 0 ] && unshare --mount --pid --fork true 2>/dev/null || return 1
    command -v debootstrap >/dev/null ||
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends debootstrap >/dev/null 2>&1 || return 1
    [ -e "$base/done" ] && return
    echo "== Making a bare Debian in $base"
    rm -rf "$base"
    mkdir -p "$base"
    timeout 400 debootstrap --variant=minbase bookworm "$base/root" >"$base/log" 2>&1 && touch "$base/done"
}

if bare; then
    root=$work/root
    cp -a "$base/root" "$root"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    # Nobody is there to say yes.
    echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/90first-hour"
    where=/first-hour
    start=(unshare --mount --pid --fork --kill-child bash -c "mount -t proc proc '$root/proc' && exec chroot '$root' \"\$@\"" -)
    home=/root
    path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    kind=bare
    echo "== $(basename "$readme") in a bare Debian"
else
    root=
    where=$work/first-hour
    start=()
    home=$work/home
    path=/usr/local/bin:/usr/bin:/bin
    kind=machine
    echo "== $(basename "$readme") on this machine in an empty home folder: no bare Debian without root, debootstrap and an archive"
fi

mkdir -p "$root$where/blocks" "$root$home"
cp Tests/FirstHour/session.sh "$root$where/"
awk -v folder="$root$where/blocks" -f Tests/FirstHour/blocks.awk "$readme"
if [ -d "$archive" ]; then
    name=prefixtune-$("$archive/bin/prefixtune" --version | awk 'NR == 1 { print $1 }')-linux-$(uname -m)
    cp -a "$archive" "$work/$name"
    tar -C "$work" -czf "$where/$name.tar.gz" "$name"
else
    cp "$archive" "$(dirname "$archive")"/*.deb "$root$where/" 2>/dev/null || cp "$archive" "$root$where/"
fi

code=0
env -i HOME="$home" PATH="$path" LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive \
    timeout --kill-after=10 "$limit" "${start[@]}" bash "$where/session.sh" "$where" "$kind" "$(basename "$readme")" </dev/null || code=$?
if [ "$code" -ge 124 ]; then
    [ "$code" -eq 124 ] || tail -n 20 "$root$where/log" >&2
    echo "error: the last block was not done after $limit s in all (FIRST_HOUR_SECONDS)" >&2
fi
exit "$code"
