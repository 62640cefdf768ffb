"""What the rival scripts share: threads before torch starts, peak memory, the tokenizer, the authors' template."""

import json
import os
import resource
import sys
from pathlib import Path

END_OF_TEXT = "<|endoftext|>"
END_ID = 50256


def limit_threads(threads):
    """Must run before torch is imported: OpenMP and MKL read these once."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def peak_memory_bytes():
    """Largest resident size of this process so far, in bytes.

    Linux's VmHWM, which ours reports too, where there is one: what getrusage says survives exec, so that a small process shows
    its parent's peak. (getrusage counts kibibytes on Linux, bytes on macOS.)
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def load_tokenizer(model):
    """The tokenizer of a model folder, which must name a token that ends texts."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    if tokenizer.eos_token_id is None:
        sys.exit(f"error: the tokenizer of {model} names no token that ends texts (eos_token in tokenizer_config.json)")
    return tokenizer


def load_gpt2_tokenizer(model):
    """GPT-2's byte-level BPE from the model folder; `<|endoftext|>` inside text becomes its own id."""
    tokenizer = load_tokenizer(model)
    if tokenizer.encode(END_OF_TEXT) != [END_ID]:
        sys.exit(f"error: {model} does not hold GPT-2's tokenizer ({END_OF_TEXT} is not id {END_ID})")
    return tokenizer


def e2e_example(tokenizer, line):
    """Ids and first target of one `source||target` line under the authors' template.

    The whole is ` x <EOS> y <EOS>` as one string, with its spaces (and what the tokenizer puts before every text); targets are
    all ids after the first of the two marks. The marks are looked for from the end: some models begin texts with EOS as well.
    """
    source, target = line.rstrip("\n").split("||")
    end = tokenizer.eos_token
    ids = tokenizer.encode(f" {source} {end} {target} {end}")
    marks = [index for index, token in enumerate(ids) if token == tokenizer.eos_token_id]
    return ids, marks[-2] + 1


def padded(examples, padding=END_ID):
    """Right-padded ids, attention mask and labels (-100 where there is no loss) of (ids, first target) pairs."""
    import torch

    width = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), width), padding)
    mask = torch.zeros(len(examples), width, dtype=torch.long)
    labels = torch.full((len(examples), width), -100)
    for row, (tokens, start) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
        labels[row, start : len(tokens)] = torch.tensor(tokens[start:])
    return ids, mask, labels


def read_json_lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]


def write_json_lines(path, rows):
    Path(path).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
