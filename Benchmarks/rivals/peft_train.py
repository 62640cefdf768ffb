"""Prefix tuning with PEFT and PyTorch on E2E lines, timed: the rival of `prefixtune train`.

The model is any that PEFT gives a prefix, in a folder with its tokenizer. Prints one JSON object. Tokens are real ones (padding
not counted); the first steps are warm-up and not timed.
Example: python Benchmarks/rivals/peft_train.py --model /tmp/gpt2-random --data src1_train.txt --steps 12
"""

import argparse
import gzip
import json
import statistics
import time
from pathlib import Path

from common import e2e_example, limit_threads, load_tokenizer, padded, peak_memory_bytes

WARM_UP_STEPS = 2


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="E2E lines `source||target`, plain or gzip-compressed")
    parser.add_argument("--lines", type=int, default=0, help="use only the first lines (0: all)")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--prefix-length", type=int, default=10)
    parser.add_argument("--projection", type=int, default=512, help="hidden width of the MLP; 0: a flat prefix")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=8e-5)
    parser.add_argument("--loss-reduction", choices=("mean", "sum"), default="mean")
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32", help="of the frozen weights; what is trained stays f32")
    parser.add_argument("--save-start", type=Path, help="folder for the prefix before the first step, as PEFT saves it")
    parser.add_argument("--compile", action="store_true", help="torch.compile the model, for shapes of any length")
    options = parser.parse_args()
    if options.steps <= WARM_UP_STEPS:
        parser.error(f"--steps must be above the {WARM_UP_STEPS} warm-up steps")
    return options


def read_lines(path, count):
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as file:
        lines = [line for line in file if line.strip()]
    return lines[:count] if count else lines


def main():
    options = parse()
    limit_threads(options.threads)
    import peft
    import torch
    import transformers
    from peft import PrefixTuningConfig, get_peft_model
    from transformers import AutoModelForCausalLM, get_linear_schedule_with_warmup

    torch.manual_seed(options.seed)
    tokenizer = load_tokenizer(options.model)
    examples = [e2e_example(tokenizer, line) for line in read_lines(options.data, options.lines)]
    projection = dict(prefix_projection=True, encoder_hidden_size=options.projection) if options.projection else {}
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(options.model, dtype={"f32": torch.float32, "bf16": torch.bfloat16}[options.dtype]).eval(),
        PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=options.prefix_length, **projection))
    if options.save_start:
        model.save_pretrained(options.save_start)
    if options.compile:
        model = torch.compile(model, dynamic=True)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, options.steps)

    losses, tokens, positions, seconds = [], [], [], []
    for step in range(options.steps):
        batch = [examples[(step * options.batch + row) % len(examples)] for row in range(options.batch)]
        began = time.perf_counter()
        ids, mask, labels = padded(batch, tokenizer.eos_token_id)
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        if options.loss_reduction == "sum":
            loss = loss * (labels != -100).sum() / options.batch
        loss.backward()
        if options.clip:
            torch.nn.utils.clip_grad_norm_(trained, options.clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
        tokens.append(int(mask.sum()))
        positions.append(mask.numel())

    timed = slice(WARM_UP_STEPS, None)
    print(json.dumps({
        "tokens_per_second": sum(tokens[timed]) / sum(seconds[timed]),
        "seconds_per_step_median": statistics.median(seconds[timed]),
        "peak_memory_bytes": peak_memory_bytes(),
        "real_share_of_positions": sum(tokens) / sum(positions),
        "trainable_parameters": sum(parameter.numel() for parameter in trained),
        "tokens": tokens,
        "losses": losses,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
        "dtype": options.dtype,
        "threads": torch.get_num_threads(),
    }))


if __name__ == "__main__":
    main()
