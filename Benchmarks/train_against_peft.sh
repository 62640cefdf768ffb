#!/usr/bin/env bash
# Trains the same prefix (length 10, MLP 512, batch 10, f32) on the same E2E lines with `prefixtune train` and with PEFT + PyTorch,
# alternating, and prints medians, spreads and ratios of real tokens per second and of peak memory.
#
#   Benchmarks/train_against_peft.sh --binary .build/release/prefixtune --model DIR --data src1_train.txt.gz
#       [--rounds 3] [--steps 12] [--lines 200] [--threads 2] [--work DIR] [--python python3]
#
# A random checkpoint of GPT-2's size will do: Benchmarks/rivals/make_model.py. The rival needs `pip install torch transformers peft`;
# without them the comparison is skipped with a message.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
rounds=3 steps=12 lines=200 threads=2 work="" python=python3 binary="" model="" data=""

fail() { echo "error: $1" >&2; exit 2; }

while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value; see the head of $0"
    case $1 in
        --binary) binary=$2 ;;
        --model) model=$2 ;;
        --data) data=$2 ;;
        --rounds) rounds=$2 ;;
        --steps) steps=$2 ;;
        --lines) lines=$2 ;;
        --threads) threads=$2 ;;
        --work) work=$2 ;;
        --python) python=$2 ;;
        *) fail "unknown option $1; see the head of $0" ;;
    esac
    shift 2
done
[ -x "$binary" ] || fail "--binary must name the built prefixtune program, not '$binary'; build it with: swift build -c release"
[ -f "$model/model.safetensors" ] || fail "--model must name a GPT-2 folder, not '$model'; make one with $here/rivals/make_model.py"
[ -f "$data" ] || fail "--data must name E2E's src1_train.txt, plain or gzip-compressed, not '$data'"

if ! "$python" -c "import torch, transformers, peft" 2>/dev/null; then
    echo "skipped: $python has no torch, transformers and peft; install them with: pip install torch transformers peft"
    exit 0
fi

if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
rm -rf "$work"/ours-* "$work"/peft-*.json
# gzip -cdf passes plain files through; sed, unlike head, reads to the end, so that no pipe breaks.
gzip -cdf "$data" | sed -n "1,${lines}p" >"$work/lines.txt"

for round in $(seq 1 "$rounds"); do
    "$binary" train --model "$model" --data "$work/lines.txt" --task e2e --output "$work/ours-$round" --method prefix \
        --prefix-length 10 --reparametrization 512 --batch-size 10 --steps "$steps" --learning-rate 8e-5 --schedule linear \
        --warmup 0 --weight-decay 0 --clip 1 --loss-reduction mean --no-shuffle --seed 101 --threads "$threads" --quiet
    "$python" -W ignore "$here/rivals/peft_train.py" --model "$model" --data "$work/lines.txt" --batch 10 --prefix-length 10 \
        --projection 512 --steps "$steps" --learning-rate 8e-5 --loss-reduction mean --threads "$threads" >"$work/peft-$round.json"
    echo "round $round of $rounds done" >&2
done
"$python" "$here/rivals/summarize_training.py" "$work"
