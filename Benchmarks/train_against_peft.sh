#!/usr/bin/env bash
# Trains the same prefix (length 10, MLP 512, batch 10) on the same E2E lines with `prefixtune train` and with PEFT + PyTorch, each at
# several precisions, alternating, and prints one table in Markdown: real tokens per second and peak memory, medians and spreads over
# the rounds, and their ratios to PEFT at its best precision. The same lines come in the same order, padding is not counted, and the
# first two steps of a run are not timed. At the end each of ours takes one step from the very prefix that PEFT began with: its loss
# stands beside PEFT's.
#
#   Benchmarks/train_against_peft.sh --binary .build/release/prefixtune --model DIR --data src1_train.txt.gz
#       [--stored FILE.gguf] [--ours "f32 bf16 int8"] [--peft "f32 bf16"] [--title NAME]
#       [--rounds 3] [--steps 12] [--lines 200] [--threads 2] [--work DIR] [--python python3]
#
# --model is a Hugging Face folder that both read, with its tokenizer. A random checkpoint of GPT-2's size will do:
# Benchmarks/rivals/make_model.py. --stored adds a row for the same model in a GGUF file, trained at --precision stored. What fails is
# left out with a message (bf16 needs a processor with AVX512_BF16). --work keeps what the runs wrote.
# The rival needs `pip install torch transformers peft`; without them the comparison is skipped with a message.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
rounds=3 steps=12 lines=200 threads=2 work="" python=python3 binary="" model="" data="" stored="" title=""
ours="f32 bf16 int8" peft="f32 bf16"

fail() { echo "error: $1" >&2; exit 2; }

while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value; see the head of $0"
    case $1 in
        --binary) binary=$2 ;;
        --model) model=$2 ;;
        --data) data=$2 ;;
        --stored) stored=$2 ;;
        --ours) ours=$2 ;;
        --peft) peft=$2 ;;
        --title) title=$2 ;;
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
[ -f "$model/model.safetensors" ] || fail "--model must name a folder with model.safetensors, not '$model'; make one with $here/rivals/make_model.py"
[ -f "$data" ] || fail "--data must name E2E's src1_train.txt, plain or gzip-compressed, not '$data'"
[ -z "$stored" ] || [ -f "$stored" ] || fail "--stored must name a GGUF file, not '$stored'"

if ! "$python" -c "import torch, transformers, peft" 2>/dev/null; then
    echo "skipped: $python has no torch, transformers and peft; install them with: pip install torch transformers peft"
    exit 0
fi

if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
rm -rf "$work"/ours-* "$work"/peft-* "$work"/start "$work"/loss-* "$work"/error.txt
# gzip -cdf passes plain files through; sed, unlike head, reads to the end, so that no pipe breaks.
gzip -cdf "$data" | sed -n "1,${lines}p" >"$work/lines.txt"

# train_ours PRECISION FOLDER OPTION…; what a run could resume from is not kept.
train_ours() {
    local from=$model
    [ "$1" != stored ] || from=$stored
    local precision=$1 output=$2
    shift 2
    "$binary" train --model "$from" --precision "$precision" --data "$work/lines.txt" --task e2e --output "$output" --method prefix \
        --prefix-length 10 --batch-size 10 --learning-rate 8e-5 --schedule linear --warmup 0 --weight-decay 0 --clip 1 \
        --loss-reduction mean --no-shuffle --seed 101 --threads "$threads" --quiet "$@" && rm -rf "$output/training-state"
}

# train_peft PRECISION FILE; the prefix that the first run at f32 begins with is kept for the comparison of losses.
train_peft() {
    local options=()
    [ "$1" != f32 ] || [ -d "$work/start" ] || options=(--save-start "$work/start")
    "$python" -W ignore "$here/rivals/peft_train.py" --model "$model" --data "$work/lines.txt" --batch 10 --prefix-length 10 \
        --projection 512 --steps "$steps" --learning-rate 8e-5 --loss-reduction mean --threads "$threads" --dtype "$1" \
        ${options[@]+"${options[@]}"} >"$2"
}

# The sentence that says why the last run failed: ours begins with it, Python ends with it.
reason() { grep -m 1 '^[Ee]rror: ' "$work/error.txt" || tail -n 1 "$work/error.txt"; }

# Ours and PEFT's in turn, so that a change of the machine's pace meets both.
read -r -a mine <<<"$ours${stored:+ stored}"
read -r -a theirs <<<"$peft"
runs=()
for index in $(seq 0 $((${#mine[@]} + ${#theirs[@]} - 1))); do
    [ "$index" -ge "${#mine[@]}" ] || runs+=("ours-${mine[$index]}")
    [ "$index" -ge "${#theirs[@]}" ] || runs+=("peft-${theirs[$index]}")
done

failed=" "
for round in $(seq 1 "$rounds"); do
    for run in "${runs[@]}"; do
        case $failed in *" $run "*) continue ;; esac
        case $run in
            ours-*) train_ours "${run#ours-}" "$work/$run-$round" --reparametrization 512 --steps "$steps" 2>"$work/error.txt" ;;
            peft-*) train_peft "${run#peft-}" "$work/$run-$round.json" 2>"$work/error.txt" ;;
        esac || {
            echo "left out: $run: $(reason)" >&2
            failed+="$run "
            rm -rf "$work/$run"-[0-9]*
        }
    done
    echo "round $round of $rounds done after $SECONDS s" >&2
done

if [ -d "$work/start" ]; then
    for precision in "${mine[@]}"; do
        case $failed in *" ours-$precision "*) continue ;; esac
        train_ours "$precision" "$work/loss-$precision" --init "adapter:$work/start" --reparametrization none --steps 1 2>"$work/error.txt" \
            || echo "no loss from PEFT's prefix at $precision: $(reason)" >&2
    done
fi
"$python" "$here/rivals/summarize_training.py" "$work" --title "${title:-$(basename "$model")}"
