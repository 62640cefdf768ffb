"""What the generating rivals share: options, prompts of random tokens, and the timing of prefill and decoding.

A prompt's first token comes with the prefill; decoding is the time of all others: t(n tokens) - t(1 token), over n - 1.
"""

import argparse
import json
import random
import statistics
import time
from pathlib import Path

from common import peak_memory_bytes

VOCABULARY = 50256  # without the end of text


def parse(description, **extra):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--prompt-length", type=int, default=64)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    for name, options in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), **options)
    return parser.parse_args()


def prompts(options):
    source = random.Random(1)
    return [[source.randrange(VOCABULARY) for _ in range(options.prompt_length)] for _ in range(options.batch)]


def measure(options, generate, version):
    """Calls generate(new_tokens), which must make exactly so many for every prompt; prints tokens per second."""
    generate(2)
    prefill, decode = [], []
    for _ in range(options.rounds):
        began = time.perf_counter()
        generate(1)
        first = time.perf_counter() - began
        began = time.perf_counter()
        generate(options.new_tokens)
        rest = time.perf_counter() - began - first
        prefill.append(options.batch * options.prompt_length / first)
        decode.append(options.batch * (options.new_tokens - 1) / max(rest, 1e-9))
    print(json.dumps({
        "prefill": prefill, "decode": decode, "prefill_median": statistics.median(prefill),
        "decode_median": statistics.median(decode), "peak_memory_bytes": peak_memory_bytes(), "version": version}))
