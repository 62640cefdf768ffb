"""Generation goldens: transformers' greedy and beam search, without and with a PEFT prefix, the samplers' distributions, and
several answers, stop strings and log-probabilities (answers.py).

Run: python Tests/Goldens/beam/generate.py   (after the generators of gpt2 and prefix)
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gpt2"))

import torch
from answers import write_answers
from contrastive import write_contrastive
from families import write_families
from golden_support import GOLDENS, load_model, random_sequence, write_json, write_manifest
from peft import PeftModel
from transformers import GenerationConfig

HERE = Path(__file__).resolve().parent
SEED = 20210803
MODEL, ADAPTER = "tied", "adapter-flat"
CANDIDATES, PROMPTS, NEW_TOKENS = 90, 50, 20
END = 50  # An id that this model chooses often: beams end at many lengths.
FORBIDDEN = [60, 36]  # Two ids that it likes.


def settings():
    """Every combination of beams, length penalty and early stopping, then the token filters, then the prefix."""
    for beams in (4, 5):
        for penalty in (1.0, 0.6, 2.0):
            for early in (False, True, "never"):
                yield dict(num_beams=beams, length_penalty=penalty, early_stopping=early)
    yield dict(num_beams=4, length_penalty=0.0, early_stopping="never")
    yield dict(num_beams=4, length_penalty=-1.0, early_stopping=False)
    for beams in (1, 4, 5):
        yield dict(num_beams=beams, no_repeat_ngram_size=3)
        yield dict(num_beams=beams, no_repeat_ngram_size=2, suppress_tokens=FORBIDDEN)
        yield dict(num_beams=beams, bad_words_ids=[[FORBIDDEN[0]], [FORBIDDEN[1], FORBIDDEN[1]]])
        yield dict(num_beams=beams, repetition_penalty=1.4, min_new_tokens=4)
    for beams in (1, 4, 5):
        yield dict(num_beams=beams, prefix=True)
    yield dict(num_beams=1)
    yield dict(num_beams=5, prefix=True, early_stopping=True, length_penalty=0.6, no_repeat_ngram_size=3)


def generate(model, prompt, options):
    """Generated ids, the end token included, and the sequence score (none for greedy), of one prompt run alone."""
    output = model.generate(
        input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), do_sample=False,
        max_new_tokens=NEW_TOKENS, eos_token_id=END, pad_token_id=END, return_dict_in_generate=True, output_scores=True, **options)
    ids = output.sequences[0, len(prompt) :].tolist()
    if END in ids:
        ids = ids[: ids.index(END) + 1]
    score = output.sequences_scores[0].item() if options.get("num_beams", 1) > 1 else None
    return ids, score


def variants():
    """The model in float64, in float32, and in float64 with weights off by a few float32 roundings."""
    def pair(dtype, noise):
        base = load_model(MODEL, dtype)
        if noise:
            source = torch.Generator().manual_seed(SEED)
            with torch.no_grad():
                for parameter in base.parameters():
                    parameter.mul_(1 + noise * torch.randn(parameter.shape, generator=source, dtype=dtype))
        wrapped = load_model(MODEL, dtype)
        wrapped.load_state_dict(base.state_dict())
        return base, PeftModel.from_pretrained(wrapped, GOLDENS / "prefix" / ADAPTER).eval()
    return [pair(torch.float64, 0), pair(torch.float32, 0), pair(torch.float64, 1e-6)]


def write_beams(generator):
    """Keeps the prompts whose every answer is the same for all variants: no near-tie decides anything."""
    vocabulary = load_model(MODEL).config.vocab_size
    models, grid = variants(), list(settings())
    prompts, answers, fragile = [], [], 0
    for _ in range(CANDIDATES):
        if len(prompts) == PROMPTS:
            break
        length = int(torch.randint(1, 13, (1,), generator=generator))
        prompt = random_sequence(generator, vocabulary, length)
        row = []
        for options in grid:
            arguments = {key: value for key, value in options.items() if key != "prefix"}
            chosen = [pair[1 if options.get("prefix") else 0] for pair in models]
            results = [generate(model, prompt, arguments) for model in chosen]
            if any(ids != results[0][0] for ids, _ in results):
                break
            row.append(results[0])
        if len(row) < len(grid):
            fragile += 1
            continue
        prompts.append(prompt)
        answers.append(row)
    assert len(prompts) == PROMPTS, f"only {len(prompts)} prompts are stable"
    cases = []
    for index, options in enumerate(grid):
        ids = [row[index][0] for row in answers]
        scores = [row[index][1] for row in answers]
        cases.append({"options": options, "token_ids": ids, "scores": None if scores[0] is None else scores})
        lengths = [len(row) for row in ids]
        print(options, f"lengths {min(lengths)}...{max(lengths)}, ended {sum(row[-1] == END for row in ids)}")
    write_json(HERE / "beams.json", {
        "model": MODEL, "adapter": ADAPTER, "max_new_tokens": NEW_TOKENS, "eos_token_id": END, "prompts": prompts, "cases": cases})
    print(f"{fragile} prompts left out as fragile")


def sampler_settings():
    yield dict(temperature=0.7)
    yield dict(temperature=1.8)
    yield dict(top_k=5)
    yield dict(top_k=1)
    yield dict(top_p=0.9)
    yield dict(top_p=0.2)
    yield dict(min_p=0.1)
    yield dict(repetition_penalty=1.3)
    yield dict(repetition_penalty=0.8, top_k=0)
    yield dict(no_repeat_ngram_size=2, temperature=0.5)
    yield dict(temperature=0.7, top_k=20, top_p=0.8)
    yield dict(temperature=1.5, top_p=0.95, min_p=0.05)
    yield dict(repetition_penalty=1.2, temperature=0.8, top_k=30, top_p=0.9, min_p=0.02)


def write_samplers(generator):
    """The distribution that transformers draws from, its own processors in its own order, in float64."""
    model, vocabulary = load_model(MODEL), 61
    vectors = [(2.5 * torch.randn(vocabulary, generator=generator)).tolist() for _ in range(5)]
    histories = [random_sequence(generator, vocabulary, length) for length in (6, 1, 15, 9, 30)]
    histories[3] = [7, 8, 9, 7, 8, 9, 7, 8, 9, 7]
    cases = []
    for options in sampler_settings():
        config = GenerationConfig(do_sample=True, **{"top_k": 0, **options})
        config._eos_token_tensor = None
        processors = model._get_logits_processor(config, input_ids_seq_length=1)
        distributions = []
        for vector, history in zip(vectors, histories):
            scores = processors(torch.tensor([history]), torch.tensor([vector], dtype=torch.float64))
            distributions.append(torch.softmax(scores, dim=-1)[0].tolist())
        cases.append({"options": options, "processors": [type(item).__name__ for item in processors], "probabilities": distributions})
        print([type(item).__name__ for item in processors], [sum(p > 0 for p in row) for row in distributions])
    write_json(HERE / "samplers.json", {"logits": vectors, "histories": histories, "cases": rounded(cases)})


def rounded(value):
    """Ten significant digits: enough for a tolerance of 1e-6, a third smaller."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {key: rounded(item) for key, item in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    source = torch.Generator().manual_seed(SEED)
    write_beams(source)
    write_samplers(source)
    write_answers(torch.Generator().manual_seed(SEED + 1), variants(), 64, END)
    write_families(torch.Generator().manual_seed(SEED + 2))
    write_contrastive(torch.Generator().manual_seed(SEED + 3))
    write_manifest(HERE, SEED, {
        "beams.json": "transformers generate (with PEFT's generate where options.prefix) on ../gpt2/tied, ../prefix/adapter-flat; one prompt "
                      "at a time, defaults for options not named (length_penalty 1.0, early_stopping false); token_ids: generated ids with "
                      "the end token, without padding; scores: sequences_scores of float64 runs; num_beams 1 is greedy. Only prompts whose "
                      "answers do not depend on float32 rounding are kept",
        "answers.json": "the same for num_return_sequences and stop_strings (over tokenizer/, which is made for this); answers: for each "
                        "prompt every sequence with its score; logprobs: log-softmax of the raw logits (output_logits) of each token; best: "
                        "the three most probable ids of each step and theirs",
        "contrastive.json": "contrastive search of the models named, where options.prefix after the adapter: see contrastive.py",
        "families.json": "greedy and beam search of T5 and BLOOM, in the same way; of T5, token_ids do not have the decoder's start",
        "samplers.json": "softmax after transformers' logits processors, top_k 0 (off) unless named; histories: ids that count for "
                         "repetition_penalty and no_repeat_ngram_size",
    })
