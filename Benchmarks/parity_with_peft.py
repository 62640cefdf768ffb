"""Checks `prefixtune` against PEFT + PyTorch + transformers on one GPT-2 checkpoint; exits 1 if any check fails.

  score  a prefix that prefixtune trained loads in PEFT and gives the same log-probabilities, and the reverse (< 1e-4)
  train  20 AdamW steps from the same prefix over the same batches: every loss (1e-4 relative), final prefix (1e-3 relative to its
         norm, and to its movement)
  beam   greedy, 4 and 5 beams, without and with a prefix: the same token ids for all prompts
  cache  whether PEFT's own generate agrees with PEFT's own forward after a prefix: it does with use_cache=False; with the cache
         transformers 5.24 ignores the prefix ("ignoring deprecated past_key_values"), and then beam is checked with use_cache=False

Example: python Benchmarks/parity_with_peft.py --binary .build/release/prefixtune --model /tmp/gpt2-random --work /tmp/parity
A random checkpoint of GPT-2's size will do (Benchmarks/rivals/make_model.py). Needs: pip install torch transformers peft.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "rivals"))

from common import END_ID, limit_threads, load_gpt2_tokenizer, padded, read_json_lines, write_json_lines

LOGPROB_TOLERANCE, PREFIX_TOLERANCE, LOSS_TOLERANCE = 1e-4, 1e-3, 1e-4
STEPS, BATCH, RATE, PREFIX_LENGTH, NEW_TOKENS = 20, 4, 1e-2, 10, 20
CHECKS = ("cache", "score", "train", "beam")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True, help="the built prefixtune program")
    parser.add_argument("--model", type=Path, required=True, help="GPT-2 folder with weights and tokenizer")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is written on the way; made if missing")
    parser.add_argument("--checks", nargs="+", choices=CHECKS, default=CHECKS)
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4, 5])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    return options


# Data: ragged record/text pairs, so that no data set has to be at hand.

NAMES = ["The Vaults", "Café Adriatic", "Blue Spice", "Zizzi", "Loch Fyne", "Giraffe", "The Rice Boat", "Browns Cambridge"]
FOODS = ["Italian", "Japanese", "French", "Indian", "fast food", "Chinese"]
PLACES = ["riverside", "city centre"]
FRAMES = [
    " {name} serves {food} food in the {place} .",
    " In the {place} , {name} is a place for {food} dishes , and children are welcome .",
    " {name} : {food} .",
]


def records(count, seed):
    source = random.Random(seed)
    rows = []
    for index in range(count):
        record = dict(name=source.choice(NAMES), food=source.choice(FOODS), place=source.choice(PLACES))
        keys = source.sample(sorted(record), source.randint(1, 3))
        prompt = " | ".join(f"{key} : {record[key]}" for key in keys) + f" #{index}"
        rows.append({"prompt": prompt, "completion": source.choice(FRAMES).format(**record)})
    return rows


def encoded(tokenizer, row):
    """Ids and first target: prompt and completion tokenized apart, then the end token."""
    prompt, completion = tokenizer.encode(row["prompt"]), tokenizer.encode(row["completion"])
    return prompt + completion + [END_ID], len(prompt)


# Both programs.


def run_ours(options, *arguments):
    command = [str(options.binary), *map(str, arguments), "--threads", str(options.threads), "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"error: {' '.join(command)}\nexited with {result.returncode}: {result.stderr.strip()}")


def base_model(options):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()


def with_prefix(options, folder):
    from peft import PeftModel

    return PeftModel.from_pretrained(base_model(options), folder).eval()


def new_adapter(options):
    """A flat prefix as PEFT initialises it (N(0,1)), to be trained."""
    import torch
    from peft import PrefixTuningConfig, get_peft_model

    torch.manual_seed(options.seed)
    return get_peft_model(base_model(options), PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=PREFIX_LENGTH))


def write_random_adapter(options, folder):
    shutil.rmtree(folder, ignore_errors=True)
    new_adapter(options).save_pretrained(folder, save_embedding_layers=False)


def prefix_in(folder):
    from safetensors.torch import load_file

    return load_file(folder / "adapter_model.safetensors")["prompt_embeddings"].double()


def train_ours(options, data, output, *extra):
    shutil.rmtree(output, ignore_errors=True)
    run_ours(
        options, "train", "--model", options.model, "--data", data, "--task", "jsonl", "--output", output, "--method", "prefix",
        "--steps", STEPS, "--batch-size", BATCH, "--learning-rate", RATE, "--schedule", "constant", "--warmup", 0, "--weight-decay", 0,
        "--clip", 0, "--loss-reduction", "mean", "--no-shuffle", "--seed", options.seed, *extra)


# The checks: each returns a list of (what, measured, allowed).


def peft_logprobs(model, ids, start):
    import torch

    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0, start - 1 : -1]
    return torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(ids[start:])[:, None])[:, 0].tolist()


def check_score(options, tokenizer):
    rows = records(30, options.seed)
    data, scores = options.work / "score.jsonl", options.work / "score-out.jsonl"
    write_json_lines(data, rows)
    theirs, ours = options.work / "peft-adapter", options.work / "score-trained"
    write_random_adapter(options, theirs)
    train_ours(options, data, ours, "--prefix-length", PREFIX_LENGTH, "--reparametrization", 32)
    results = []
    for title, folder in (("score, prefix made by prefixtune", ours), ("score, prefix made by PEFT", theirs)):
        run_ours(options, "score", "--model", options.model, "--prefix", folder, "--data", data, "--output", scores)
        model, worst = with_prefix(options, folder), 0.0
        answers = [row for row in read_json_lines(scores) if "logprobs" in row]
        assert len(answers) == len(rows), f"{len(answers)} scores for {len(rows)} examples"
        for row, answer in zip(rows, answers):
            ids, start = encoded(tokenizer, row)
            assert answer["token_ids"] == ids[start:], f"token ids differ: {answer['token_ids']} and {ids[start:]}"
            expected = peft_logprobs(model, ids, start)
            assert len(answer["logprobs"]) == len(expected)
            worst = max(worst, *(abs(a - b) for a, b in zip(answer["logprobs"], expected)))
        results.append((f"{title}: largest log-probability difference", worst, LOGPROB_TOLERANCE))
    return results


def train_peft(options, start_folder, batches):
    """Losses and the final prefix of PEFT + torch.optim.AdamW."""
    import torch

    # PEFT refuses to train a prefix that it loaded, so the numbers go into a new one.
    model = new_adapter(options)
    weight = model.prompt_encoder["default"].embedding.weight
    weight.data.copy_(prefix_in(start_folder))
    optimizer = torch.optim.AdamW([weight], lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    losses = []
    for batch in batches:
        ids, mask, labels = padded(batch)
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, weight.detach().double()


def check_train(options, tokenizer):
    rows = records(STEPS * BATCH, options.seed + 1)
    data, start, output = options.work / "train.jsonl", options.work / "train-start", options.work / "train-ours"
    write_json_lines(data, rows)
    write_random_adapter(options, start)
    train_ours(options, data, output, "--reparametrization", "none", "--init", f"adapter:{start}")
    batches = [[encoded(tokenizer, row) for row in rows[step * BATCH : (step + 1) * BATCH]] for step in range(STEPS)]
    expected_losses, expected = train_peft(options, start, batches)
    losses = [row["loss"] for row in read_json_lines(output / "metrics.jsonl") if "loss" in row]
    assert len(losses) == STEPS, f"{len(losses)} losses in metrics.jsonl for {STEPS} steps"
    initial, final = prefix_in(start), prefix_in(output)
    difference, movement = (final - expected).norm().item(), (expected - initial).norm().item()
    print(f"train: PEFT's loss {expected_losses[0]:.5f} to {expected_losses[-1]:.5f}; "
          f"its prefix moved by {movement / initial.norm().item():.2%}")
    loss_error = max(abs(a - b) / abs(b) for a, b in zip(losses, expected_losses))
    return [
        ("train: final prefix, relative", difference / expected.norm().item(), PREFIX_TOLERANCE),
        # The stricter form: 20 steps move a prefix little, and an untrained one must not come near to passing.
        ("train: final prefix, relative to its movement", difference / movement, PREFIX_TOLERANCE),
        ("train: largest loss difference, relative", loss_error, LOSS_TOLERANCE),
    ]


def generated(model, ids, new_tokens, **options):
    import torch

    with torch.no_grad():
        output = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, eos_token_id=END_ID, pad_token_id=END_ID,
            max_new_tokens=new_tokens, **options)
    return output[0, ids.shape[1] :].tolist()


def by_forward(model, ids, new_tokens):
    """Greedy search by forward alone."""
    import torch

    for _ in range(new_tokens):
        with torch.no_grad():
            best = model(input_ids=ids).logits[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat([ids, best], 1)
        if best.item() == END_ID:
            break
    return ids[0, -new_tokens:].tolist() if new_tokens else []


def generate_ignores_prefix(options, tokenizer):
    """Whether generate with the cache gives something else than forward does after a prefix."""
    import torch

    adapter = options.work / "cache-adapter"
    write_random_adapter(options, adapter)
    model, answers = with_prefix(options, adapter), []
    for row in records(5, options.seed + 3):
        ids = torch.tensor([tokenizer.encode(row["prompt"])])
        expected = by_forward(model, ids, 8)
        answers.append((expected, generated(model, ids, 8), generated(model, ids, 8, use_cache=False)))
    wrong, wrong_without = sum(a != b for a, b, _ in answers), sum(a != c for a, _, c in answers)
    return wrong > 0, wrong_without


def check_cache(options, tokenizer):
    ignores, wrong_without = generate_ignores_prefix(options, tokenizer)
    options.use_cache = not ignores
    print("cache: PEFT's generate " + (
        "IGNORES the prefix here; pass use_cache=False" if ignores else "follows the prefix, as its forward does"))
    return [("cache: prompts of 5 where generate(use_cache=False) differs from forward", wrong_without, 0)]


def until_end(ids):
    return ids[: ids.index(END_ID)] if END_ID in ids else ids


def check_beam(options, tokenizer):
    import torch

    prompts, answers = options.work / "prompts.jsonl", options.work / "beam-out.jsonl"
    rows = [{"prompt": row["prompt"]} for row in records(options.prompts, options.seed + 2)]
    write_json_lines(prompts, rows)
    adapter = options.work / "beam-adapter"
    write_random_adapter(options, adapter)
    results = []
    for folder in (None, adapter):
        model = with_prefix(options, folder) if folder else base_model(options)
        for beams in options.beams:
            # Blocking repeats keeps a random model from saying one word twenty times.
            run_ours(
                options, "generate", "--model", options.model, *(["--prefix", folder] if folder else []), "--input", prompts,
                "--output", answers, "--beams", beams, "--max-new-tokens", NEW_TOKENS, "--no-repeat-ngram-size", 2)
            produced = [until_end(row["token_ids"]) for row in read_json_lines(answers)]
            assert len(produced) == len(rows), f"{len(produced)} answers for {len(rows)} prompts"
            different = 0
            for row, mine in zip(rows, produced):
                ids = torch.tensor([tokenizer.encode(row["prompt"])])
                theirs = generated(
                    model, ids, NEW_TOKENS, num_beams=beams, no_repeat_ngram_size=2,
                    use_cache=getattr(options, "use_cache", True) or not folder)
                different += until_end(theirs) != mine
            title = f"generate, {beams} beams, {'with' if folder else 'without'} prefix: prompts of {len(rows)} that differ"
            results.append((title, different, 0))
    return results


def main():
    options = parse()
    try:
        limit_threads(options.threads)
        import peft
    except ImportError as missing:
        print(f"skipped: {missing}; install the rival with: pip install torch transformers peft")
        return 0
    import torch
    import transformers

    versions = {"peft": peft.__version__, "transformers": transformers.__version__, "torch": torch.__version__}
    print("against " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    tokenizer = load_gpt2_tokenizer(options.model)
    checks = {"cache": check_cache, "score": check_score, "train": check_train, "beam": check_beam}
    results = [result for name in options.checks for result in checks[name](options, tokenizer)]
    failed = 0
    for title, measured, allowed in results:
        passed = measured <= allowed  # NaN fails
        failed += not passed
        print(f"{'ok  ' if passed else 'FAIL'} {title}: {measured:.3g} (allowed {allowed:g})")
    (options.work / "parity.json").write_text(json.dumps({
        "versions": versions,
        "checks": [{"check": title, "measured": measured, "allowed": allowed} for title, measured, allowed in results],
    }, indent=2) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
