"""What transformers answers with stop strings and several sequences per prompt, and the raw logits behind its tokens.

Run by generate.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gpt2"))

import torch
from golden_support import random_sequence, write_json
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
PROMPTS, CANDIDATES, NEW_TOKENS, BEST = 16, 60, 14, 3
LAST = 63  # Spelled ".": a stop string of letters cannot begin in the prompt, where transformers would find it, too.


def tokenizer(end):
    """64 tokens of letters, such that texts cross the borders of tokens; `end` is the only special one."""
    letters = "abcd"
    pieces = list("abcdefgh") + [a + b for a in letters for b in letters] + ["Ġ" + a for a in letters]
    pieces += [a + b + c for a in letters for b in letters for c in letters]
    pieces = pieces[:LAST] + ["."]
    pieces[end] = "<end>"
    bare = Tokenizer(models.BPE(vocab={piece: index for index, piece in enumerate(pieces)}, merges=[]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=bare, eos_token="<end>")


def settings():
    yield dict(num_beams=4, num_return_sequences=4)
    yield dict(num_beams=5, num_return_sequences=3, length_penalty=0.6, early_stopping=True)
    yield dict(num_beams=4, num_return_sequences=2, no_repeat_ngram_size=2, length_penalty=2.0)
    yield dict(num_beams=4, num_return_sequences=3, prefix=True)
    yield dict(num_beams=1, repetition_penalty=1.4, prefix=True)
    yield dict(num_beams=1, bad_words_ids=[[60], [36, 36]])
    for stops in (["ab"], ["bb", "cad", "d a"]):
        yield dict(num_beams=1, stop_strings=stops)
        yield dict(num_beams=1, stop_strings=stops, min_new_tokens=6)
        yield dict(num_beams=4, stop_strings=stops)
        yield dict(num_beams=4, stop_strings=stops, num_return_sequences=4, early_stopping=True)


def answers(model, prompt, options, end, words):
    """Per answer: ids, score, and for each id the log-probability by the raw logits with the best alternatives."""
    beams = options.get("num_beams", 1)
    output = model.generate(
        input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), do_sample=False,
        max_new_tokens=NEW_TOKENS, eos_token_id=end, pad_token_id=end, return_dict_in_generate=True, output_scores=True,
        output_logits=True, tokenizer=words if "stop_strings" in options else None, **options)
    rows = []
    for index, sequence in enumerate(output.sequences):
        ids = sequence[len(prompt) :].tolist()
        parents = [0] * len(ids)
        if beams > 1:
            parents = [parent for parent in output.beam_indices[index].tolist() if parent >= 0]
            ids = ids[: len(parents)]
        row = dict(token_ids=ids, score=output.sequences_scores[index].item() if beams > 1 else None, logprobs=[], best=[])
        for step, (token, parent) in enumerate(zip(ids, parents)):
            values = torch.log_softmax(output.logits[step][parent].double(), dim=-1)
            best = values.topk(BEST + 1)
            assert (best.values[:-1] - best.values[1:]).min() > 0
            row["logprobs"].append(values[token].item())
            row["best"].append([[i, v] for i, v in zip(best.indices.tolist(), best.values.tolist())][:BEST])
        rows.append(row)
    return rows


def rounded(value):
    """Seven significant digits: float32 runs are compared, at 2e-5."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {key: rounded(item) for key, item in value.items()} if isinstance(value, dict) else value


def write_answers(generator, variants, vocabulary, end):
    words = tokenizer(end)
    (HERE / "tokenizer").mkdir(exist_ok=True)
    words.backend_tokenizer.save(str(HERE / "tokenizer" / "tokenizer.json"), pretty=False)
    write_json(HERE / "tokenizer" / "tokenizer_config.json", {"eos_token": "<end>", "tokenizer_class": "PreTrainedTokenizerFast"})
    grid, prompts, kept = list(settings()), [], []
    for _ in range(CANDIDATES):
        if len(prompts) == PROMPTS:
            break
        length = int(torch.randint(1, 9, (1,), generator=generator))
        prompt = random_sequence(generator, vocabulary, length) + [LAST]
        row = []
        for options in grid:
            arguments = {key: value for key, value in options.items() if key != "prefix"}
            results = [answers(pair[1 if options.get("prefix") else 0], prompt, arguments, end, words) for pair in variants]
            said = [[(a["token_ids"], [[i for i, _ in best] for best in a["best"]]) for a in result] for result in results]
            if any(other != said[0] for other in said):
                break
            row.append(results[0])
        if len(row) == len(grid):
            prompts.append(prompt)
            kept.append(row)
    assert len(prompts) == PROMPTS, f"only {len(prompts)} prompts are stable"
    cases = []
    for index, options in enumerate(grid):
        found = [row[index] for row in kept]
        cases.append({"options": options, "answers": found})
        flat = [answer["token_ids"] for answers in found for answer in answers]
        stopped = sum(any(stop in words.decode(ids) for stop in options.get("stop_strings", [])) for ids in flat)
        print(options, f"{len(flat)} answers, ended {sum(ids[-1] == end for ids in flat)}, stopped {stopped}")
    write_json(HERE / "answers.json", rounded({"max_new_tokens": NEW_TOKENS, "eos_token_id": end, "prompts": prompts, "cases": cases}))
