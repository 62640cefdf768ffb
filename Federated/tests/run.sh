#!/usr/bin/env bash
# The Flower app: its parts without a network, and beside that rounds on loopback under TLS with node keys, in an environment of its own
# (in .build, with what pyproject.toml pins). FEDERATED_ROUNDS=5 FEDERATED_LATE=1: more rounds than three, a node that is always late,
# going on. What is not there (Python 3.11, PyPI, openssl, ssh-keygen) is skipped, with a message; CI must not skip
# (FEDERATED_REQUIRED=1). Usage: Federated/tests/run.sh PREFIXTUNE
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
missing=()
command -v openssl >/dev/null || missing+=(openssl)
command -v ssh-keygen >/dev/null || missing+=(openssh-client)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ] && command -v apt-get >/dev/null; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    install=(${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq)
    { timeout 120 "${install[@]}" update || true; timeout 240 "${install[@]}" install -y --no-install-recommends "${missing[@]}" || true; } >/dev/null 2>&1
fi
command -v openssl >/dev/null && command -v ssh-keygen >/dev/null || skip "there is no openssl or no ssh-keygen here"

environment=.build/flower
requirements=$(python3 -c 'import tomllib; print("\n".join(tomllib.load(open("Federated/pyproject.toml", "rb"))["project"]["dependencies"]))')
if [ "$(cat $environment/requirements 2>/dev/null)" != "$requirements" ]; then
    rm -rf $environment
    # shellcheck disable=SC2086
    if ! { python3 -m venv $environment && timeout 240 $environment/bin/pip install --quiet $requirements; } >/dev/null 2>&1; then
        rm -rf $environment
        skip "Flower could not be installed with python3 -m venv and pip"
    fi
    printf '%s\n' "$requirements" >$environment/requirements
fi
peft=()
for python in "${PREFIXTUNE_PEFT_PYTHON:-}" python3; do
    if [ -n "$python" ] && "$python" -c 'import peft, transformers' 2>/dev/null; then peft=(--peft "$python"); break; fi
done
[ ${#peft[@]} -gt 0 ] || echo "skipped: no Python with peft and transformers (PREFIXTUNE_PEFT_PYTHON): PeftModel does not read the last adapter"

# Rounds mostly wait, for Flower's polls and for the killed node.
timeout 600 $environment/bin/python Federated/tests/units.py --binary "$binary" >$environment/units.log 2>&1 &
units=$!
failed=0
timeout 900 $environment/bin/python Federated/tests/loopback.py --binary "$binary" --rounds "${FEDERATED_ROUNDS:-3}" \
    ${peft[@]+"${peft[@]}"} ${FEDERATED_LATE:+--late} || failed=1
wait $units || failed=1
cat $environment/units.log
exit $failed
