#!/usr/bin/env bash
# Asks a server as others' programs do, in at most three minutes: OpenAI's Python client in an environment of its own, then clients that
# go, are many, are slow, and how it ends. What is not there (Python, PyPI) is skipped, with a message. Usage: Tests/Serving/run.sh PREFIXTUNE
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=$(readlink -f "${1:?usage: Tests/Serving/run.sh PREFIXTUNE}")
client=.build/openai
if ! command -v python3 >/dev/null; then
    echo "skipped: there is no python3 here"
    exit 0
fi
if [ ! -x $client/bin/python ] || ! $client/bin/python -c 'import openai' 2>/dev/null; then
    rm -rf $client
    if ! { python3 -m venv $client && timeout 60 $client/bin/pip install --quiet 'openai>=3,<4'; } >/dev/null 2>&1; then
        echo "skipped: the package openai could not be installed with python3 -m venv and pip"
        rm -rf $client
    fi
fi
if [ -x $client/bin/python ]; then timeout 90 $client/bin/python Tests/Serving/openai_client.py --binary "$binary"; fi
if [ "$(uname -s)" = Linux ]; then
    timeout 90 python3 Tests/Serving/stress.py --binary "$binary" --disconnects 3000 --streams 100 --slow 20
    timeout 90 python3 Tests/Serving/endings.py --binary "$binary"
fi
