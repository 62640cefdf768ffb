"""Generation with transformers (and PEFT for a prefix), timed: the rival of `prefixtune generate`.

Reads JSON lines with `prompt`, writes JSON lines with `prompt`, `text`, `token_ids` (the end token left out), prints one JSON object.
Example: python Benchmarks/rivals/hf_generate.py --model /tmp/gpt2-random --input prompts.jsonl --output out.jsonl --beams 5
"""

import argparse
import json
import time
from pathlib import Path

from common import END_ID, limit_threads, load_gpt2_tokenizer, peak_memory_bytes, read_json_lines, write_json_lines


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--prefix", type=Path, help="adapter folder in PEFT's layout")
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1, help="prompts at a time (padded left)")
    parser.add_argument("--max-new-tokens", type=int, default=32)
    parser.add_argument("--length-penalty", type=float, default=1.0)
    parser.add_argument("--no-repeat-ngram-size", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def load(options):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    if options.prefix:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, options.prefix).eval()
    return model


def padded_left(rows):
    import torch

    width = max(map(len, rows))
    ids = torch.tensor([[END_ID] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def until_end(ids):
    return ids[: ids.index(END_ID)] if END_ID in ids else ids


def main():
    options = parse()
    limit_threads(options.threads)
    import torch

    tokenizer, model = load_gpt2_tokenizer(options.model), load(options)
    prompts = [row["prompt"] for row in read_json_lines(options.input)]
    encoded = [tokenizer.encode(prompt) or [END_ID] for prompt in prompts]
    rows, began = [], time.perf_counter()
    with torch.no_grad():
        for start in range(0, len(encoded), options.batch):
            ids, mask = padded_left(encoded[start : start + options.batch])
            # The length-penalty flag belongs to beam search; transformers warns about it elsewhere.
            beam = dict(length_penalty=options.length_penalty) if options.beams > 1 else {}
            output = model.generate(
                input_ids=ids, attention_mask=mask, do_sample=False, num_beams=options.beams, eos_token_id=END_ID, pad_token_id=END_ID,
                max_new_tokens=options.max_new_tokens, no_repeat_ngram_size=options.no_repeat_ngram_size, **beam)
            for prompt, row in zip(prompts[start:], output[:, ids.shape[1] :].tolist()):
                kept = until_end(row)
                rows.append({"prompt": prompt, "text": tokenizer.decode(kept), "token_ids": kept})
    seconds = time.perf_counter() - began
    if options.output:
        write_json_lines(options.output, rows)
    print(json.dumps({
        "new_tokens_per_second": sum(len(row["token_ids"]) for row in rows) / seconds,
        "seconds": seconds,
        "peak_memory_bytes": peak_memory_bytes(),
        "prompts": len(rows),
    }))


if __name__ == "__main__":
    main()
