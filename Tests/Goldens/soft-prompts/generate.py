"""PEFT's prompt tuning and P-tuning of encoder-decoder models: folders as PEFT writes them, logits, losses and greedy answers by its
forward, and gradients of what it trains; float64, on the tiny models of ../bart and ../t5.

Run: python Tests/Goldens/soft-prompts/generate.py   (after those two)
"""

import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "gpt2"))

import torch
from golden_support import write_json, write_manifest
from peft import PromptEncoderConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForSeq2SeqLM, GenerationConfig

SEED = 20240229
LENGTH, ANSWER = 3, 8
# BART with a factor on its embeddings, which prompts do not get; BART without; T5 of both kinds.
MODELS = ("bart/scaled", "bart/uneven", "t5/plain", "t5/gated")
KINDS = {
    "prompt-tuning": lambda: PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=LENGTH),
    "p-tuning": lambda: PromptEncoderConfig(
        task_type="SEQ_2_SEQ_LM", num_virtual_tokens=LENGTH, encoder_reparameterization_type="MLP", encoder_hidden_size=10),
}


def load(path, dtype=torch.float64):
    model = AutoModelForSeq2SeqLM.from_pretrained(HERE.parent / path, dtype=dtype, attn_implementation="eager").eval()
    model.generation_config = GenerationConfig()
    return model


def trained(adapter):
    return {
        name.replace(".default", "").removeprefix("prompt_encoder."): parameter
        for name, parameter in adapter.named_parameters() if parameter.requires_grad}


def logits_of(model, source, ids):
    return model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([ids])).logits[0]


def write(path, kind, generator, tensors):
    name = f"{path.replace('/', '-')}-{kind}"
    cases = json.loads((HERE.parent / path / "cases.json").read_text())
    adapter = get_peft_model(load(path), KINDS[kind]()).double()
    start = adapter.config.decoder_start_token_id
    parameters = trained(adapter)
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    pairs = list(zip(cases["sources"], cases["targets"]))
    logits = [logits_of(adapter, source, [start] + target[:-1]) for source, target in pairs]
    plain = logits_of(load(path), pairs[0][0], [start] + pairs[0][1][:-1])
    assert (plain - logits[0]).abs().max() > 1e-2, name
    losses = [torch.nn.functional.cross_entropy(rows, torch.tensor(target), reduction="none") for rows, (_, target) in zip(logits, pairs)]
    torch.cat(losses).sum().backward()
    for key, parameter in parameters.items():
        # As many rows again are trained by nothing: those of a decoder, which no forward reads.
        rows = LENGTH if key == "embedding.weight" else parameter.shape[0]
        assert key != "embedding.weight" or (parameter.shape[0] == 2 * LENGTH and not parameter.grad[LENGTH:].any()), name
        tensors[f"{name}.value.{key}"] = parameter.detach()[:rows].clone()
        tensors[f"{name}.grad.{key}"] = parameter.grad[:rows].clone()
    for index, rows in enumerate(logits):
        tensors[f"{name}.logits.{index}"] = rows.detach().clone()
    answers = []
    with torch.no_grad():
        for source, _ in pairs:
            ids, margin = [start], 1.0
            for _ in range(ANSWER):
                best = logits_of(adapter, source, ids)[-1].topk(2)
                margin = min(margin, (best.values[0] - best.values[1]).item())
                ids.append(best.indices[0].item())
            assert margin > 1e-4, (name, margin)
            answers.append(ids[1:])
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    adapter.float().save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = path
    write_json(folder / "adapter_config.json", config, indent=2)
    print(name, sorted(parameters), [rows.tolist()[:2] for rows in losses][:1])
    return name, {"model": path, "kind": kind, "losses": [rows.tolist() for rows in losses], "answers": answers}


if __name__ == "__main__":
    torch.manual_seed(SEED)
    source, tensors, cases = torch.Generator().manual_seed(SEED), {}, {}
    for path in MODELS:
        for kind in KINDS:
            name, case = write(path, kind, source, tensors)
            cases[name] = case
    save_file({key: value.contiguous() for key, value in tensors.items()}, HERE / "golden.safetensors")
    write_json(HERE / "cases.json", cases)
    write_manifest(HERE, SEED, {
        "folders": "as PEFT writes them, for the model of the name in front: twice as many rows as positions, of which forward reads the first "
                   "half, before the encoder's text",
        "cases.json": "losses of the targets of the model's own cases.json, each pair alone; answers: the most probable tokens, one by one, "
                      "end tokens being tokens like others",
        "golden.safetensors": "logits; values and gradients (of the sum of all losses) of what PEFT trains, without the rows that no forward "
                              "reads"})
