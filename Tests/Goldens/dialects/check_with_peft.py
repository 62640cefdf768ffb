"""Loads what `prefixtune convert` wrote with the programs it was written for, and compares.

Run: python Tests/Goldens/dialects/check_with_peft.py <prefixtune executable>

Prefixes of random numbers are converted to each form and loaded by PEFT, torch.load(weights_only=True) and the modules of
originals.py; logits or prefixes must be equal.
"""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "gpt2")]
warnings.filterwarnings("ignore")

import peft
import torch
from golden_support import load_model, logits_of
from generate import bart, cached, llama
from originals import AuthorsBART, AuthorsPrefix, TrainableCache, rows_of
from safetensors.torch import load_file, save_file

TOOL = sys.argv[1]
SIZES = "layers=2,heads=4,head-width=8"


def convert(source, output, target, *more):
    subprocess.run([TOOL, "convert", str(source), str(output), "--to", target, "--quiet", *more], check=True)
    return output


def main(folder):
    torch.manual_seed(11)
    prefix = torch.randn(3, 128)
    torch.save(prefix, folder / "rinna.pt")

    # PEFT: logits of the adapter against the prefix put into the cache by hand.
    written = convert(folder / "rinna.pt", folder / "peft", "peft", "--model", SIZES)
    adapter = peft.PeftModel.from_pretrained(load_model("tied"), written).eval()
    ids = [3, 9, 1, 1, 40]
    with torch.no_grad():
        difference = (adapter(torch.tensor([ids])).logits[0] - logits_of(load_model("tied"), ids, prefix.double())).abs().max()
    print(f"PEFT, decoder-only: greatest difference of logits {difference.item():.1e}")
    assert difference < 1e-12

    # PEFT, encoder-decoder, of as many and of more decoder layers than encoder layers: what reaches the decoder.
    for encoder, decoder in ((2, 2), (3, 3), (2, 4)):
        source = HERE / f"peft-seq2seq-{encoder}-{decoder}"
        sizes = f"layers={decoder},heads=2,head-width=8,encoder-layers={encoder}"
        written = convert(source, folder / f"s{decoder}", "peft", "--model", sizes)
        model = bart(encoder, decoder).eval()
        adapters = [peft.PeftModel.from_pretrained(model, path).eval() for path in (source, written)]
        pasts = [rows_of(cached(adapter.get_prompt(1))[:decoder]) for adapter in adapters]
        assert torch.equal(*pasts)
        adapter = peft.PeftModel.from_pretrained(model, written).eval()
        adapter(input_ids=torch.tensor([[3, 4, 2]]), decoder_input_ids=torch.tensor([[2, 5, 6]]))
        print(f"PEFT, {encoder} encoder and {decoder} decoder layers: equal")

    # Bare tensor and cartridge, with nothing but tensors allowed.
    loaded = torch.load(convert(folder / "peft", folder / "again.pt", "rinna"), weights_only=True)
    assert torch.equal(loaded, prefix)
    path = convert(folder / "peft", folder / "cartridge.pt", "cartridge")
    torch.load(path, weights_only=True)
    keys, values, frozen = TrainableCache.from_pretrained(path)
    assert frozen == 0 and torch.equal(rows_of([torch.stack(pair) for pair in zip(keys, values)]), prefix)
    path = convert(HERE / "peft-cartridge", folder / "cartridge2.pt", "cartridge")
    keys, values, frozen = TrainableCache.from_pretrained(path)
    expected = load_file(HERE / "peft-cartridge" / "adapter_model.safetensors")["prompt_embeddings"]
    assert frozen == 2 and torch.equal(rows_of([torch.stack(pair) for pair in zip(keys, values)]), expected)
    print("torch.load(weights_only=True) and TrainableCache: equal")

    # The authors' classes.
    path = convert(folder / "peft", folder / "authors", "authors") / "pytorch_model.bin"
    module = AuthorsPrefix(3, 2, 4, 8, flat="random")
    module.load_state_dict(torch.load(path, weights_only=True))
    assert torch.equal(rows_of(module.past()), prefix)
    sizes = "layers=2,heads=2,head-width=8,encoder-layers=2"
    path = convert(HERE / "authors-bart", folder / "bart", "authors", "--model", sizes) / "pytorch_model.bin"
    before, after = AuthorsBART(3, 2, 2, 8), AuthorsBART(3, 2, 2, 8, hidden=3)
    before.load_state_dict(torch.load(HERE / "authors-bart" / "pytorch_model.bin", weights_only=True))
    after.load_state_dict(torch.load(path, weights_only=True))
    for kind, past in before.pasts().items():
        difference = (rows_of(past) - rows_of(after.pasts()[kind])).abs().max().item()
        print(f"authors' BART, {kind}: greatest difference {difference:.1e}")
        assert difference < 1e-6


if __name__ == "__main__":
    with torch.no_grad(), tempfile.TemporaryDirectory() as name:
        main(Path(name))
