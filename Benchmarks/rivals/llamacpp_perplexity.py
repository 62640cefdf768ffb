"""Perplexity by llama.cpp of the very tokens that `prefixtune score` scored.

  prefixtune score --model FILE.gguf --data texts.jsonl --task jsonl --output ours.jsonl
  LLAMA_CPP_LIB_PATH=…/build/bin python Benchmarks/rivals/llamacpp_perplexity.py --bindings …/llama_cpp --data texts.jsonl \\
      --scores ours.jsonl FILE.gguf [FILE.gguf ...]

`--bindings` is the folder `llama_cpp` of llama-cpp-python (0.3.36), of which the declarations alone are used; the library is built from the
same source: cmake -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_UI=OFF. The prompt is tokenised by llama.cpp; the completion's tokens are taken from the
scores. Keys and values are held in 32 bits.
"""

import argparse
import ctypes
import importlib.util
import json
import math
import sys
import types
from pathlib import Path

import numpy as np


def bindings(folder):
    """The declarations, without the package around them, which wants more packages."""
    package = types.ModuleType("llama_cpp")
    package.__path__ = [str(folder)]
    sys.modules["llama_cpp"] = package
    return importlib.import_module("llama_cpp.llama_cpp")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bindings", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("models", nargs="+")
    return parser.parse_args()


class Model:
    def __init__(self, C, path, threads):
        self.C = C
        self.quiet = C.llama_log_callback(lambda level, text, data: None)
        C.llama_log_set(self.quiet, None)
        C.llama_backend_init()
        self.model = C.llama_model_load_from_file(path.encode(), C.llama_model_default_params())
        settings = C.llama_context_default_params()
        settings.n_ctx, settings.n_batch, settings.n_ubatch = 2048, 2048, 512
        settings.n_threads = settings.n_threads_batch = threads
        settings.type_k = settings.type_v = 0
        self.context = C.llama_init_from_model(self.model, settings)
        self.vocabulary = C.llama_model_get_vocab(self.model)
        self.size = C.llama_vocab_n_tokens(self.vocabulary)

    def tokens(self, text):
        data = text.encode()
        buffer = (self.C.llama_token * (len(data) + 8))()
        return list(buffer[: self.C.llama_tokenize(self.vocabulary, data, len(data), buffer, len(buffer), True, True)])

    def losses(self, tokens, start):
        """−log p of tokens[start...]."""
        C = self.C
        C.llama_memory_clear(C.llama_get_memory(self.context), True)
        batch = C.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, i >= start - 1
            batch.seq_id[i][0] = 0
        assert C.llama_decode(self.context, batch) == 0
        C.llama_batch_free(batch)
        for i in range(start, len(tokens)):
            row = np.ctypeslib.as_array(C.llama_get_logits_ith(self.context, i - 1), (self.size,)).astype(np.float64)
            top = row.max()
            yield top + math.log(np.exp(row - top).sum()) - row[tokens[i]]


def main():
    options = parse()
    C = bindings(options.bindings)
    rows = [json.loads(line) for line in options.data.open()]
    scores = [json.loads(line) for line in options.scores.open()]
    ours = [value for score in scores for value in score["logprobs"]]
    print(f"ours: {math.exp(-sum(ours) / len(ours)):.4f} over {len(ours)} tokens")
    for path in options.models:
        model, losses = Model(C, path, options.threads), []
        for row, score in zip(rows, scores, strict=True):
            prompt = model.tokens(row["prompt"])
            losses += model.losses(prompt + score["token_ids"], len(prompt))
        assert len(losses) == len(ours)
        print(f"{Path(path).name}: {math.exp(sum(losses) / len(losses)):.4f}", flush=True)


if __name__ == "__main__":
    main()
