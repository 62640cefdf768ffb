#!/usr/bin/env python3
"""Pretrains GPT-2-shaped models for `prefixtune` on one NVIDIA GPU, in minutes; writes them as Hugging Face folders.

  --model gpt2-small  12 layers of 768, 12 heads, 1,024 positions, 124 million numbers; GPT-2's own tokenizer
                      (--tokenizer: a folder with its vocab.json and merges.txt); 25% of the rows are generated text
  --model mid         8 layers of 320, 8 heads, 512 positions, 12.7 million numbers; a byte-level BPE of 8,192 entries
                      learnt from the training text where --tokenizer is left out; 50% of the rows are generated text
  --text       .txt or .txt.gz, documents separated by blank lines: here a 2015 extract of English Wikipedia
               (CC BY-SA 3.0, 141 MB) and the CIA World Factbook (0.5 MB); --held-out is the same, only measured
  --generated  JSON lines with "text", as `prefixtune synthesize` writes them: here 110 MB per file, of seed 11 for
               gpt2-small and of seeds 11, 12 and 13 for mid
Settings: AdamW (0.9, 0.95), weight decay 0.1 on matrices, gradients clipped to norm 1, 32,768 tokens a step, packed rows
of documents that end in <|endoftext|>; the rate rises for 3% of --seconds and falls along a cosine to zero at their end;
products in bfloat16, weights in float32, saved as float16. The steps that fit into the time differ from run to run.
Reached with these settings, by this script before it was tidied, on one NVIDIA H200 with torch 2.11 (nats per token):
  model       --seconds  preparing  steps   tokens   tokens/s   loss on held-out prose   on held-out generated text
  gpt2-small  335        53 s       5,140   168 M    501,000    3.792 (perplexity 44.4)  1.522
  mid         140        43 s       11,260  369 M    2,632,000  3.292 (perplexity 26.9)  1.491
"""
import argparse
import gzip
import json
import math
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import ByteLevelBPETokenizer

END = "<|endoftext|>"
MODELS = {
    "gpt2-small": dict(layers=12, width=768, heads=12, positions=1024, rows=32, generated=8, rate=1e-3),
    "mid": dict(layers=8, width=320, heads=8, positions=512, rows=64, generated=32, rate=2e-3),
}


def documents(path, index, count):
    """Every `count`-th document of a file, from `index` on."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
        text = file.read()
    if ".jsonl" in path:
        return (json.loads(line)["text"] for line in text.splitlines()[index::count])
    return (block.strip("\n") for block in text.split("\n\n")[index::count] if block.strip())


def load_tokenizer(folder):
    tokenizer = ByteLevelBPETokenizer(f"{folder}/vocab.json", f"{folder}/merges.txt")
    tokenizer.add_special_tokens([END])
    return tokenizer


def encode_share(job):
    paths, folder, index, count = job
    tokenizer = load_tokenizer(folder)
    ids = (tokenizer.encode(text + END).ids for path in paths for text in documents(path, index, count))
    return np.concatenate([np.zeros(0, np.uint16)] + [np.array(document, np.uint16) for document in ids])


def cut(ids, starts, length):
    return ids[starts[:, None] + torch.arange(length + 1, device=ids.device)].long()


def batches(ids, length, count, generator):
    """Rows without end, each epoch in a new order and cut at a new offset; the text stays on the device."""
    while True:
        offset = int(torch.randint(length, (1,), generator=generator))
        order = torch.randperm((len(ids) - offset - 1) // length, generator=generator) * length + offset
        for starts in order.to(ids.device).split(count):
            if len(starts) == count:
                yield cut(ids, starts, length)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.ln_1, self.ln_2 = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleDict(dict(c_attn=nn.Linear(width, 3 * width), c_proj=nn.Linear(width, width)))
        self.mlp = nn.ModuleDict(dict(c_fc=nn.Linear(width, 4 * width), c_proj=nn.Linear(4 * width, width)))

    def forward(self, x):
        batch, length, width = x.shape
        qkv = self.attn["c_attn"](self.ln_1(x)).view(batch, length, 3, self.heads, -1)
        y = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4).unbind(0), is_causal=True)
        x = x + self.attn["c_proj"](y.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    """GPT-2 under Hugging Face's names, initialised as GPT-2; the vocabulary is padded to a multiple of 64 for speed."""

    def __init__(self, vocabulary, layers, width, heads, positions, **_):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(-(-vocabulary // 64) * 64, width), nn.Embedding(positions, width)
        self.h, self.ln_f = nn.ModuleList(Block(width, heads) for _ in range(layers)), nn.LayerNorm(width)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if "c_proj" in name else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, rows):
        x = self.wte(rows[:, :-1]) + self.wpe.weight
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), rows[:, 1:].flatten())


def save(model, shape, tokenizer, folder):
    size, end = tokenizer.get_vocab_size(), tokenizer.token_to_id(END)
    weights = {"transformer." + name: value for name, value in model.state_dict().items()}
    weights["transformer.wte.weight"] = weights["transformer.wte.weight"][:size]
    for name, value in weights.items():  # GPT-2 keeps the matrices of its blocks as inputs × outputs
        value = value.T if ".h." in name and value.dim() == 2 else value
        weights[name] = value.to(torch.float16).cpu().contiguous()
    config = dict(
        model_type="gpt2", architectures=["GPT2LMHeadModel"], activation_function="gelu_new", vocab_size=size,
        n_layer=shape["layers"], n_embd=shape["width"], n_head=shape["heads"], n_positions=shape["positions"],
        n_inner=None, layer_norm_epsilon=1e-5, tie_word_embeddings=True, bos_token_id=end, eos_token_id=end)
    names = dict(tokenizer_class="GPT2Tokenizer", bos_token=END, eos_token=END, unk_token=END)
    save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})
    for name, document in ("config.json", config), ("tokenizer_config.json", names):
        Path(folder, name).write_text(json.dumps(document, indent=2) + "\n")
    tokenizer.save_model(folder)
    tokenizer.save(f"{folder}/tokenizer.json")


def train(options):
    shape, device, begun = MODELS[options.model], options.device, time.time()
    length, count, made = shape["positions"], shape["rows"], shape["generated"]
    tokenizer, shares = load_tokenizer(options.tokenizer), os.cpu_count()
    with multiprocessing.Pool(shares) as pool:
        parts = [pool.map(encode_share, [(paths, options.tokenizer, index, shares) for index in range(shares)])
                 for paths in (options.text, options.generated, options.held_out)]
    prose, generated, held = (torch.from_numpy(np.concatenate(part).astype(np.int32)).to(device) for part in parts)
    held, generated = {"proseHeldOut": held, "generatedHeldOut": generated[:128 * 512 + 1]}, generated[128 * 512:]
    order = torch.manual_seed(1)
    sources = batches(prose, length, count - made, order), batches(generated, length, made, order)
    model = GPT2(tokenizer.get_vocab_size(), **shape).to(device)
    compiled = torch.compile(model, disable=device == "cpu")

    def loss_of(rows):
        with torch.autocast(device, dtype=torch.bfloat16):
            return compiled(rows)

    def gradient():
        loss = loss_of(torch.cat([next(source) for source in sources]))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        return loss.detach()

    def measure(ids):
        starts = torch.arange((len(ids) - 1) // length // count * count, device=device) * length  # whole batches
        return float(np.mean([loss_of(cut(ids, part, length)).item() for part in starts.split(count)]))

    gradient().item()  # compiles
    model.zero_grad()
    print(dict(prepared=time.time() - begun, prose=len(prose), generated=len(generated)), flush=True)

    matrices, vectors = ([p for p in model.parameters() if (p.dim() == 2) == chosen] for chosen in (True, False))
    optimizer = torch.optim.AdamW([dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0.0)],
                                  lr=shape["rate"], betas=(0.9, 0.95), fused=True)
    begun, steps, saved, elapsed = time.time(), 0, 0.0, 0.0
    while elapsed < options.seconds:
        loss, steps, done = gradient(), steps + 1, elapsed / options.seconds
        for group in optimizer.param_groups:
            group["lr"] = shape["rate"] * min(1.0, done / 0.03 + 1e-3) * (1 + math.cos(math.pi * done)) / 2
        optimizer.step()
        optimizer.zero_grad()
        if steps % 20 == 0:
            loss, elapsed = loss.item(), time.time() - begun  # waits for the device, so that the clock is right
            if elapsed >= min(saved + 60, options.seconds):
                saved, losses = elapsed, {name: measure(ids) for name, ids in held.items()}
                save(model, shape, tokenizer, options.output)
                print(dict(step=steps, tokens=steps * count * length, seconds=elapsed, loss=loss, **losses), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, required=True)
    for name in "--text", "--generated", "--held-out":
        parser.add_argument(name, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--tokenizer", metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=150, help="time of training; preparing comes on top")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--output", required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    os.makedirs(arguments.output, exist_ok=True)
    if not arguments.tokenizer:
        sample = (text for path in arguments.text + arguments.generated for text in documents(path, 0, 4))
        learnt, arguments.tokenizer = ByteLevelBPETokenizer(), arguments.output
        learnt.train_from_iterator(sample, vocab_size=8192, special_tokens=[END], show_progress=False)
        learnt.save_model(arguments.output)
    train(arguments)
