#!/usr/bin/env bash
# One training on several processes under Open MPI and MPICH, which it installs where it may (Debian, as root). What is not there is
# skipped, with a message; CI must not skip (RANKS_REQUIRED=1). Usage: Tests/Ranks/run.sh PREFIXTUNE
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=$(readlink -f "${1:?usage: Tests/Ranks/run.sh PREFIXTUNE}")
required=${RANKS_REQUIRED:-0}
skip() {
    [ "$required" = 0 ] || { echo "error: $1" >&2; exit 1; }
    echo "skipped: $1"
    exit 0
}
[ "$(uname -s)" = Linux ] || skip "ranks are tested on Linux"
command -v python3 >/dev/null || skip "there is no python3 here"
if ! command -v mpirun.openmpi >/dev/null || ! command -v mpirun.mpich >/dev/null; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    if command -v apt-get >/dev/null && ${as_root[@]+"${as_root[@]}"} true 2>/dev/null; then
        install=(${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq)
        { timeout 120 "${install[@]}" update || true; timeout 240 "${install[@]}" install -y --no-install-recommends openmpi-bin mpich || true; } >/dev/null 2>&1
    fi
fi
if ! command -v mpirun.openmpi >/dev/null && ! command -v mpirun.mpich >/dev/null; then
    skip "there is no MPI here (Debian: apt-get install openmpi-bin mpich)"
fi
if [ "$required" = 1 ]; then
    command -v mpirun.openmpi >/dev/null && command -v mpirun.mpich >/dev/null || skip "one of openmpi-bin and mpich could not be installed"
fi
timeout 600 python3 Tests/Ranks/ranks.py --binary "$binary" --kills 1
# A link that breaks, in network namespaces; says that it is skipped where there are none.
timeout 200 python3 Tests/Ranks/link.py --binary "$binary"
