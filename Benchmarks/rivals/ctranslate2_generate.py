"""Prefill and decoding by CTranslate2, timed. --model is a folder made by convert_models.py."""

import ctranslate2

from generation import measure, parse, prompts

options = parse(__doc__)
generator = ctranslate2.Generator(
    str(options.model), device="cpu", inter_threads=1, intra_threads=options.threads)
vocabulary = [f"<{i}>" for i in range(50257)]
tokens = [[vocabulary[i] for i in prompt] for prompt in prompts(options)]


def generate(count):
    results = generator.generate_batch(
        tokens, beam_size=options.beams, sampling_topk=1, max_length=count, min_length=count,
        include_prompt_in_result=False, max_batch_size=0)
    assert all(len(result.sequences_ids[0]) == count for result in results)


measure(options, generate, f"ctranslate2 {ctranslate2.__version__}")
