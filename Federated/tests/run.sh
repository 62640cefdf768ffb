#!/usr/bin/env bash
# The Flower app: its parts without a network, then rounds on loopback under TLS with node keys, in an environment of its own. In about
# 100 s on two cores; FEDERATED_ROUNDS=5 for more rounds than three. What is not there (Python 3.11, PyPI, openssl, ssh-keygen) is
# skipped, with a message; CI must not skip (FEDERATED_REQUIRED=1). Usage: Federated/tests/run.sh PREFIXTUNE
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=$(realpath -s "${1:?usage: Federated/tests/run.sh PREFIXTUNE}")
required=${FEDERATED_REQUIRED:-0}
skip() {
    [ "$required" = 0 ] || { echo "error: $1" >&2; exit 1; }
    echo "skipped: $1"
    exit 0
}
export FLWR_TELEMETRY_ENABLED=0 FLWR_DISABLE_UPDATE_CHECK=1
[ "$(uname -s)" = Linux ] || skip "federated rounds are tested on Linux"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || skip "there is no Python 3.11 here"
environment=.build/flower
# The requirements are those of the app, so that what is tested is what is pinned.
requirements=$(python3 -c 'import tomllib; print("\n".join(tomllib.load(open("Federated/pyproject.toml", "rb"))["project"]["dependencies"]))')
if [ "$(cat $environment/requirements 2>/dev/null)" != "$requirements" ]; then
    rm -rf $environment
    if ! { python3 -m venv $environment && timeout 240 $environment/bin/pip install --quiet $requirements; } >/dev/null 2>&1; then
        rm -rf $environment
        skip "Flower could not be installed with python3 -m venv and pip"
    fi
    printf '%s\n' "$requirements" >$environment/requirements
fi
timeout 120 $environment/bin/python Federated/tests/units.py --binary "$binary"
if ! command -v openssl >/dev/null || ! command -v ssh-keygen >/dev/null; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    if command -v apt-get >/dev/null && ${as_root[@]+"${as_root[@]}"} true 2>/dev/null; then
        install=(${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq)
        { timeout 120 "${install[@]}" update || true; timeout 240 "${install[@]}" install -y --no-install-recommends openssl openssh-client || true; } >/dev/null 2>&1
    fi
fi
command -v openssl >/dev/null && command -v ssh-keygen >/dev/null || skip "there is no openssl or no ssh-keygen here"
peft=()
for python in "${PREFIXTUNE_PEFT_PYTHON:-}" python3; do
    if [ -n "$python" ] && "$python" -c 'import peft, transformers' 2>/dev/null; then peft=(--peft "$python"); break; fi
done
[ ${#peft[@]} -gt 0 ] || echo "skipped: no Python with peft and transformers (PREFIXTUNE_PEFT_PYTHON), the adapter is not read by PeftModel"
timeout 420 $environment/bin/python Federated/tests/loopback.py --binary "$binary" --rounds "${FEDERATED_ROUNDS:-3}" ${peft[@]+"${peft[@]}"}
