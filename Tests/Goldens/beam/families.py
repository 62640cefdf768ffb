"""transformers' greedy and beam search on ../t5/plain, ../t5/gated and ../architectures/bloom-tied: families.json."""

from collections import Counter

import torch
from golden_support import GOLDENS, random_sequence, write_json
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, GenerationConfig

MODELS = {"t5/plain": AutoModelForSeq2SeqLM, "t5/gated": AutoModelForSeq2SeqLM, "architectures/bloom-tied": AutoModelForCausalLM}
PROMPTS, CANDIDATES, NEW_TOKENS = 50, 300, 16
SETTINGS = [dict(num_beams=1), dict(num_beams=4), dict(num_beams=5), dict(num_beams=4, length_penalty=0.6, early_stopping=True)]


def load(path, noise):
    model = MODELS[path].from_pretrained(GOLDENS / path, dtype=torch.float64, attn_implementation="eager").eval()
    model.generation_config = GenerationConfig()
    if hasattr(model.config, "num_decoder_layers"):  # Caches are made for as many layers as the encoder has, but for this name.
        model.config.decoder_layers = model.config.num_decoder_layers
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + noise * torch.randn(parameter.shape, generator=source, dtype=torch.float64))
    return model


def generate(model, prompt, end, options):
    start = {"decoder_start_token_id": model.config.decoder_start_token_id} if model.config.is_encoder_decoder else {}
    ids = model.generate(
        input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), do_sample=False,
        max_new_tokens=NEW_TOKENS, eos_token_id=end, pad_token_id=end, **start, **options)[0].tolist()
    ids = ids[1:] if start else ids[len(prompt) :]
    return ids[: ids.index(end) + 1] if end in ids else ids


def write_families(generator):
    cases = []
    for path in MODELS:
        models = [load(path, noise) for noise in (0, 1e-6)]
        size = models[0].config.vocab_size
        # An id that ends some answers and not others, at many lengths.
        counts = Counter()
        for _ in range(30):
            counts.update(set(generate(models[0], random_sequence(generator, size, 6), -1, dict(num_beams=4))))
        end = min(counts, key=lambda token: (abs(counts[token] - 18), token))
        prompts, answers = [], []
        for _ in range(CANDIDATES):
            if len(prompts) == PROMPTS:
                break
            prompt = random_sequence(generator, size, int(torch.randint(1, 13, (1,), generator=generator)))
            rows = [[generate(model, prompt, end, options) for options in SETTINGS] for model in models]
            if rows[0] == rows[1]:
                prompts.append(prompt)
                answers.append(rows[0])
        assert len(prompts) == PROMPTS, path
        for index, options in enumerate(SETTINGS):
            ids = [row[index] for row in answers]
            print(path, end, options, "ended", sum(row[-1] == end for row in ids), "lengths", sorted({len(row) for row in ids}))
            cases.append({"model": path, "eos_token_id": end, "options": options, "prompts": prompts, "token_ids": ids})
    write_json(GOLDENS / "beam" / "families.json", {"max_new_tokens": NEW_TOKENS, "cases": cases})
