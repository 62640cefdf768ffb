#!/usr/bin/env bash
# Builds the package with its tests once, refuses compiler warnings, then runs the tests in two tiers and stops after a tier that
# fails. Usage: Tools/test.sh BUILD-FOLDER
#
# Tests run in release: C targets are not optimised in debug builds, and the numbers would take an hour.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$1
# Threads that wait for each other for long starve on a busy machine (see Sources/prefixtune/Patience.swift).
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-10000}
options=(-c release -Xswiftc -enable-testing --scratch-path "$build")
# Tier 1: the leaves and the tensor operations, under a minute. Tier 2: models, training, the command line.
fast='^(TensorsTests|TokenizersTests|TextMetricsTests|ReportsTests|HubTests|ChatTemplatesTests)\.'
started=$SECONDS

mkdir -p "$build"
log=$build/build.log
echo "== Build"
swift build --build-tests "${options[@]}" 2>&1 | tee "$log"
# Dependencies lie below .build, or are named in front of what is said of them; what is left is ours, and a warning in it fails.
if warnings=$(grep -E '(^|: )warning: ' "$log" | grep -vE "/\.build/|^warning: '(swift-|async-|hummingbird)" | sort -u); then
    printf 'error: the compiler warns about this package:\n%s\n' "$warnings" >&2
    # A file that has been compiled does not warn again: touch it, so that it does.
    sed -nE 's/^([^:]+\.(swift|c|h)):[0-9]+:.*/\1/p' <<<"$warnings" | sort -u | xargs -r touch -c
    exit 1
fi
built=$((SECONDS - started))

export PREFIXTUNE_BINARY
PREFIXTUNE_BINARY=$(swift build "${options[@]}" --show-bin-path)/prefixtune
run=(swift test --skip-build --disable-xctest "${options[@]}")
echo "== Tier 1: leaves and tensor operations"
"${run[@]}" --filter "$fast"
first=$((SECONDS - started - built))
echo "== Tier 2: models, training, command line"
"${run[@]}" --skip "$fast"

second=$((SECONDS - started - built - first))
echo "== The server, from outside"
bash Tests/Serving/run.sh "$PREFIXTUNE_BINARY"

third=$((SECONDS - started - built - first - second))
echo "== Several processes"
bash Tests/Ranks/run.sh "$PREFIXTUNE_BINARY"

fourth=$((SECONDS - started - built - first - second - third))
echo "== Federated rounds"
bash Federated/tests/run.sh "$PREFIXTUNE_BINARY"

total=$((SECONDS - started))
echo "== All tests passed in $total s: build $built s, tier 1 $first s, tier 2 $second s, the server from outside $third s," \
    "several processes $fourth s, federated rounds $((total - built - first - second - third - fourth)) s"
