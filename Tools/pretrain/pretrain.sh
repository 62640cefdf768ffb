#!/usr/bin/env bash
# Makes the embedded base model again: generated text, public text where there is some, one run of `prefixtune pretrain`.
# Usage: Tools/pretrain/pretrain.sh OUTPUT-FOLDER [WIKIPEDIA-TEXT.gz…]
#
# The committed model was trained with one thread (the machine's other core was in use) in the time that training-log.jsonl
# beside this script states, with the first four shards of a 2015 English Wikipedia extract (plain text, documents separated
# by blank lines; CC BY-SA 3.0) as background text.
set -euo pipefail
output=${1:?usage: Tools/pretrain/pretrain.sh OUTPUT-FOLDER [WIKIPEDIA-TEXT.gz…]}
shift
here=$(cd "$(dirname "$0")/../.." && pwd)
tool=$here/.build/release/prefixtune
[ -x "$tool" ] || { echo "error: $tool is missing; run 'make build' first" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$tool" synthesize --megabytes 150 --seed 1 --output "$work/synthetic.jsonl"
background=()
[ $# -eq 0 ] || background=(--background "$@")
"$tool" pretrain --text "$work/synthetic.jsonl" ${background[@]+"${background[@]}"} --megatokens 45 --seed 1 \
    --threads "${THREADS:-1}" --output "$output"
