"""Contrastive search as transformers 4 did it (`_contrastive_search` and `_ranking_fast`; version 5 has it no longer), written here once
more over whole sequences: contrastive.json.

Of the k most probable tokens the one with the greatest (1 - alpha) p(v) - alpha max cos(h(v), h(x)), h the last of the decoder's hidden
states, x all tokens before it (Su et al. 2022, equation 5).
"""

import torch
from golden_support import GOLDENS, random_sequence, write_json
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, GenerationConfig

MODELS = {"gpt2/tied": 1, "architectures/opt-pre": 1, "architectures/neox-parallel": 1, "bart/scaled": 2, "t5/plain": 2}
ADAPTER = "prefix/adapter-flat"  # of gpt2/tied
PROMPTS, CANDIDATES, NEW_TOKENS = 12, 60, 14
SETTINGS = [
    dict(penalty_alpha=0.6, top_k=4), dict(penalty_alpha=0.3, top_k=7), dict(penalty_alpha=1.0, top_k=3),
    dict(penalty_alpha=0.6, top_k=4, repetition_penalty=1.4, min_new_tokens=5), dict(penalty_alpha=0.5, top_k=5, no_repeat_ngram_size=2)]


def load(path, noise, prefix):
    kind = AutoModelForCausalLM if MODELS[path] == 1 else AutoModelForSeq2SeqLM
    model = kind.from_pretrained(GOLDENS / path, dtype=torch.float64, attn_implementation="eager").eval()
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + noise * torch.randn(parameter.shape, generator=source, dtype=torch.float64))
    return PeftModel.from_pretrained(model, GOLDENS / ADAPTER).double().eval() if prefix else model


def read(model, prompt, rows):
    """Logits of the last token of each row, and the last hidden states of all."""
    rows = torch.tensor(rows)
    if model.config.is_encoder_decoder:
        output = model(input_ids=torch.tensor([prompt] * len(rows)), decoder_input_ids=rows, output_hidden_states=True)
        return output.logits[:, -1], output.decoder_hidden_states[-1]
    output = model(input_ids=rows, attention_mask=torch.ones_like(rows), output_hidden_states=True)
    return output.logits[:, -1], output.hidden_states[-1]


def generate(model, prompt, end, options):
    alpha, k = options["penalty_alpha"], options["top_k"]
    config = GenerationConfig(eos_token_id=end, max_new_tokens=NEW_TOKENS, **{
        key: value for key, value in options.items() if key not in ("penalty_alpha", "top_k")})
    config._eos_token_tensor = torch.tensor([end])
    ids = [model.config.decoder_start_token_id] if model.config.is_encoder_decoder else list(prompt)
    first = len(ids)
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    processors = base._get_logits_processor(config, input_ids_seq_length=first)
    logits, states = read(model, prompt, [ids])
    logits, context = logits[0], states[0]
    while True:
        scores = processors(torch.tensor([ids]), logits.unsqueeze(0).clone())
        probabilities, tokens = torch.softmax(scores, dim=-1)[0].topk(k)
        all_logits, states = read(model, prompt, [ids + [token] for token in tokens.tolist()])
        new = states[:, -1]
        cosines = (context / context.norm(dim=1, keepdim=True)) @ (new / new.norm(dim=1, keepdim=True)).T
        chosen = ((1 - alpha) * probabilities - alpha * cosines.max(dim=0).values).argmax().item()
        ids.append(tokens[chosen].item())
        logits, context = all_logits[chosen], torch.cat([context, new[chosen : chosen + 1]])
        if ids[-1] == end or len(ids) == first + NEW_TOKENS:
            return ids[first:]


def write_contrastive(generator):
    cases = []
    for path, prefix in [(path, False) for path in MODELS] + [("gpt2/tied", True)]:
        models = [load(path, noise, prefix) for noise in (0, 1e-6)]
        size = models[0].config.vocab_size
        end = 1 if path.startswith("t5") else 2
        prompts, answers = [], []
        with torch.no_grad():
            for _ in range(CANDIDATES):
                if len(prompts) == PROMPTS:
                    break
                prompt = random_sequence(generator, size, int(torch.randint(1, 9, (1,), generator=generator)))
                rows = [[generate(model, prompt, end, options) for options in SETTINGS] for model in models]
                if rows[0] == rows[1]:
                    prompts.append(prompt)
                    answers.append(rows[0])
        assert len(prompts) == PROMPTS, path
        for index, options in enumerate(SETTINGS):
            ids = [row[index] for row in answers]
            print(path, prefix, options, "ended", sum(row[-1] == end for row in ids), "tokens", len({x for row in ids for x in row}), flush=True)
            cases.append({
                "model": path, "prefix": prefix, "eos_token_id": end, "options": options, "prompts": prompts, "token_ids": ids})
    write_json(GOLDENS / "beam" / "contrastive.json", {"max_new_tokens": NEW_TOKENS, "adapter": ADAPTER, "cases": cases})
