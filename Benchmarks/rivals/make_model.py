"""Writes a randomly initialised GPT-2 checkpoint of a published size, with GPT-2's tokenizer files.

Speed and parity do not depend on what the weights have learnt, so the benchmarks need no download.
Example: python Benchmarks/rivals/make_model.py --size gpt2 --tokenizer shared/data/gpt2-tokenizer --out /tmp/gpt2-random
"""

import argparse
import shutil
import sys
from pathlib import Path

SIZES = {
    "gpt2": dict(n_embd=768, n_layer=12, n_head=12),
    "gpt2-medium": dict(n_embd=1024, n_layer=24, n_head=16),
    "gpt2-large": dict(n_embd=1280, n_layer=36, n_head=20),
}
TOKENIZER_FILES = ("vocab.json", "merges.txt")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="gpt2")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with vocab.json and merges.txt of GPT-2")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main():
    options = parse()
    missing = [name for name in TOKENIZER_FILES if not (options.tokenizer / name).is_file()]
    if missing:
        sys.exit(f"error: {options.tokenizer} lacks {' and '.join(missing)}; give the folder of GPT-2's tokenizer files")

    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(options.seed)
    model = GPT2LMHeadModel(GPT2Config(**SIZES[options.size]))
    model.save_pretrained(options.out)
    for name in TOKENIZER_FILES:
        shutil.copyfile(options.tokenizer / name, options.out / name)
    print(f"{options.out}: {sum(parameter.numel() for parameter in model.parameters()):,} parameters, seed {options.seed}")


if __name__ == "__main__":
    main()
