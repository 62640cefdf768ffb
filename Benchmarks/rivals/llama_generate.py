"""Prefill and greedy decoding by llama.cpp, timed. --model is a GGUF file made by convert_models.py; one prompt at a time."""

import json
import statistics
import time

import llama_cpp
import numpy

from common import peak_memory_bytes
from generation import parse, prompts

options = parse(__doc__, flash_attention=dict(action="store_true"))
llama = llama_cpp.Llama(
    str(options.model), n_ctx=options.prompt_length + options.new_tokens + 8, n_batch=1024, n_ubatch=1024,
    n_threads=options.threads, n_threads_batch=options.threads, logits_all=False, verbose=False,
    flash_attn=options.flash_attention)
prompt = prompts(options)[0]
prefill, decode = [], []
for turn in range(options.rounds + 1):
    llama.reset()
    began = time.perf_counter()
    llama.eval(prompt)
    first = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(options.new_tokens - 1):
        scores = numpy.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(llama.ctx, -1), (llama.n_vocab(),))
        llama.eval([int(scores.argmax())])
    rest = time.perf_counter() - began
    if turn:
        prefill.append(options.prompt_length / first)
        decode.append((options.new_tokens - 1) / rest)
print(json.dumps({
    "prefill": prefill, "decode": decode, "prefill_median": statistics.median(prefill),
    "decode_median": statistics.median(decode), "peak_memory_bytes": peak_memory_bytes(),
    "version": f"llama-cpp-python {llama_cpp.__version__}"}))
