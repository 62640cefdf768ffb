"""What the golden generators share: the tiny GPT-2 models, losses without padding, and the manifest."""

import hashlib
import json
import platform
from contextlib import contextmanager
from pathlib import Path

import peft
import safetensors
import tokenizers
import torch
import transformers
from transformers import DynamicCache, GPT2LMHeadModel

GOLDENS = Path(__file__).resolve().parent.parent
MODELS = GOLDENS / "gpt2"
RELU_MARGIN = 1e-4

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def load_model(name, dtype=torch.float64):
    """The committed tiny model `name`, in evaluation mode, with plain (not fused) attention."""
    return GPT2LMHeadModel.from_pretrained(MODELS / name, dtype=dtype, attn_implementation="eager").eval()


def cache_of(prefix, config):
    """A key/value cache holding `prefix`, laid out as PEFT does: [T, 2L, heads, head width], row 2l = keys of layer l."""
    length, layers, heads = prefix.shape[0], config.n_layer, config.n_head
    rows = prefix.view(length, 2 * layers, heads, config.n_embd // heads).permute(1, 2, 0, 3).unsqueeze(1)
    return DynamicCache([(rows[2 * layer], rows[2 * layer + 1]) for layer in range(layers)])


def logits_of(model, ids, prefix=None):
    """Logits [length, vocabulary] of one sequence run alone; with a prefix its first position is the prefix length."""
    past = None if prefix is None else cache_of(prefix, model.config)
    return model(torch.tensor([ids]), past_key_values=past, use_cache=past is not None).logits[0]


def target_losses(logits, ids, start):
    """Cross-entropy of ids[start...] (natural logarithm), one value per target token."""
    return torch.nn.functional.cross_entropy(logits[start - 1 : -1], torch.tensor(ids[start:]), reduction="none")


@contextmanager
def no_relu_near_zero(model):
    """While this lasts, an input of a ReLU nearer to 0 than RELU_MARGIN times its row's greatest is an error: whether it is above
    or below, and with that whole rows of gradients, would be decided by the rounding of the CPU that runs a test."""
    nearest = []

    def look(module, arguments):
        sizes = arguments[0].detach().abs()
        nearest.append((sizes / sizes.amax(-1, keepdim=True)).min().item())

    modules = [module for module in model.modules() if isinstance(module, torch.nn.ReLU)]
    assert modules or "relu" not in str(model.config), "a ReLU that is not a module is not seen"
    hooks = [module.register_forward_pre_hook(look) for module in modules]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
    assert not modules or nearest, "no ReLU was run"
    assert min(nearest, default=1) >= RELU_MARGIN, f"{min(nearest)}: choose another seed"


def random_sequence(generator, vocabulary, length):
    return torch.randint(0, vocabulary, (length,), generator=generator).tolist()


def write_json(path, value, indent=None):
    text = json.dumps(value, indent=indent, separators=None if indent else (",", ":"), sort_keys=True)
    Path(path).write_text(text + "\n")


def write_manifest(area, seed, notes):
    """`manifest.json` of a goldens folder: versions, seed, meaning, and SHA-256 of every other file but the scripts."""
    area = Path(area)
    for path in area.rglob("*.safetensors"):
        path.chmod(0o644)
    files = sorted(
        path for path in area.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc") and path.name != "manifest.json")
    manifest = {
        "generator": "generate.py",
        "seed": seed,
        "notes": notes,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "peft": peft.__version__,
            "safetensors": safetensors.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "sha256": {str(path.relative_to(area)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }
    write_json(area / "manifest.json", manifest, indent=2)
    print(f"{area.name}: {len(files)} files, {sum(path.stat().st_size for path in files) / 1000:.0f} kB")
