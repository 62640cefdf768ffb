"""Writes what transformers makes of a tokenizer.json beside a tokenizer_config.json that says otherwise.

    python generate.py

The tokenizers are those of ../tokenizers/families; each case changes one of them, puts a configuration beside it, loads
both with AutoTokenizer and records the ids of a few texts.
"""

import hashlib
import json
import os
import pathlib
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import tokenizers
import transformers
from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).parent
FAMILIES = HERE.parent / "tokenizers" / "families"
TEXTS = ["Hello world", " Hello", "a<x>b", "a <x> b", "  <x>  ", "a<x> <x>b", "the house"]


def document(family, prefix=None, token=None):
    value = json.loads((FAMILIES / family / "tokenizer.json").read_text(encoding="utf-8"))
    if prefix is not None:
        value["pre_tokenizer"]["add_prefix_space"] = prefix
    if token is not None:
        value["added_tokens"].append({"id": len(value["model"]["vocab"]), "content": "<x>", **token})
    return value


def ids(value, configuration, model_type):
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration), encoding="utf-8")
    if model_type:
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}), encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    result = [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
    shutil.rmtree(folder)
    return result


def main():
    cases = []

    def add(family, configuration, model_type=None, prefix=None, token=None):
        found = ids(document(family, prefix, token), configuration, model_type)
        cases.append({
            "family": family, "configuration": json.dumps(configuration), "model_type": model_type, "prefix": prefix,
            "token": token and json.dumps(token), "ids": found})

    classes = [
        ("GPT2Tokenizer", "gpt2"), ("GPT2TokenizerFast", "opt"), ("RobertaTokenizer", "roberta"), ("BartTokenizer", "bart"),
        ("GPTNeoXTokenizerFast", "gpt_neox"), ("PreTrainedTokenizerFast", "gpt2"), ("LlamaTokenizer", "llama"),
        (None, None), (None, "gpt2"), (None, "opt"), (None, "bart"), (None, "llama")]
    for name, model_type in classes:
        for stored in (False, True):
            for stated in (None, False, True):
                configuration = {} if name is None else {"tokenizer_class": name}
                if stated is not None:
                    configuration["add_prefix_space"] = stated
                add("gpt2", configuration, model_type, prefix=stored)
    for name, model_type in [("LlamaTokenizer", "llama"), ("LlamaTokenizerFast", None), (None, "llama"),
                             ("PreTrainedTokenizerFast", "llama")]:
        for stated in (None, False, True):
            configuration = {} if name is None else {"tokenizer_class": name}
            if stated is not None:
                configuration["add_prefix_space"] = stated
            add("llama2-first", configuration, model_type)

    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    for name in ["GPT2Tokenizer", "PreTrainedTokenizerFast", None]:
        size = len(document("gpt2")["model"]["vocab"])
        for key in plain:
            for stored, stated in [(False, True), (True, False)]:
                configuration = {} if name is None else {"tokenizer_class": name}
                configuration["added_tokens_decoder"] = {str(size): {"content": "<x>", **plain, key: stated}}
                add("gpt2", configuration, token={**plain, key: stored})

    path = HERE / "cases.json"
    path.write_text(
        json.dumps({"texts": TEXTS, "cases": cases}, separators=(",", ":")) + "\n", encoding="utf-8")
    manifest = {
        "transformers": transformers.__version__, "tokenizers": tokenizers.__version__,
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}}
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


main()
