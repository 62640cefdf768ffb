"""Tiny random BERT and RoBERTa models: hidden states of transformers, tokens of its Python tokenizers, scores of bert_score; float64.

    pip install torch==2.13.0 'transformers==4.57.6' bert_score==0.3.13
    python Tests/Goldens/bertscore/generate.py FOLDER

FOLDER holds the real data sets; of those the vocabularies are made, and scores are written. bert_score asks RoBERTa's tokenizer for a
blank before the text, which the tokenizers of transformers 5 pass over without a word: hence version 4, as in its published scores.
"""

import hashlib
import json
import math
import platform
import shutil
import sys
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import torch
import transformers
from bert_score import score, utils
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, BertModel, BertTokenizer, RobertaConfig, RobertaForMaskedLM)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "metrics"))

from real_outputs import real_references, system_outputs

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
transformers.logging.set_verbosity_error()

SEED = 20200424
REAL_SEED = 20210801  # That of the other metrics: MetricGoldens.systemOutputs repeats it.
REAL = 100  # Instances of each data set.
SIZES = dict(hidden_size=24, num_hidden_layers=3, attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0)
BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]

TEXTS = [
    "The Mill is a pub .", "the mill is a pub.", "Alimentum serves Italian food near the river, £20-25!", "Café Zürich, naïve",
    "It's 98 miles; isn't it?", "a [SEP] b [CLS]", "x <mask> y </s> z", "世界 and 안녕", "Xylophonequartzjugs", "",
    " \t\u00a0 ", "\x1c The Mill \u2003", "THE MILL IS A PUB"]

LONG = " ".join(f"word {number} is in the text ." for number in range(60))
EDGES = [
    ("The Mill is a pub .", ["The Mill is a pub ."]),
    ("The Mill is a pub .", ["There is a pub called The Mill .", "The Mill , a pub , serves food .", "A pub ."]),
    ("A cheap restaurant near the river", ["An expensive hotel in the city centre", "A cheap restaurant near the river ."]),
    ("  Café Zürich, naïve\t", ["cafe zurich, naive", "Café"]),
    ("", ["The Mill is a pub ."]), ("The Mill is a pub .", ["", "The Mill ."]), ("\u2003", [" "]),
    ("a", ["b"]), ("pub pub pub", ["pub"]), ("a [SEP] b", ["a </s> b", "a b"]), ("<s> The Mill", ["[CLS] The Mill"]),
    ("x <mask> y [MASK]", ["x y"]),
    (LONG, [LONG[200:]]), ("The Mill is a pub .", [LONG, "The pub"]), ("世界 is 98", ["世界 was 89"]), ("[SEP]", ["</s>", "the"]),
    ("The Mill is a pub .", ["The Mill is a pub .", "The Mill is a pub ."]),
]


def random_weights(model, generator):
    """Biases of norms that give all tokens a direction in common: similarities are then above 0, as in real models, but for few."""
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            norm = "LayerNorm" in key
            weight = key.endswith("weight")
            if norm:
                parameter.copy_(1 + 0.2 * noise if weight else 0.3 * noise)
            else:
                parameter.copy_((0.5 if "word_embeddings" in key else 0.15 if weight else 0.05) * noise)


def word_pieces(texts, size, lowercase):
    """Characters, the most frequent words and the most frequent ends of words: a trainer's choice among equals differs from run to run."""
    normalizer, cutter = normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer()
    words = Counter(word for text in texts for word, _ in cutter.pre_tokenize_str(normalizer.normalize_str(text)))
    ends, characters = Counter(), Counter()
    for word, count in words.items():
        characters.update({character: word.count(character) * count for character in word})
        ends.update({f"##{word[-length:]}": count for length in (2, 3, 4) if length < len(word)})

    def most(counts, number):
        return [token for token, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:number]]

    common = sorted(most(characters, 70))
    rest = size - len(BERT_SPECIALS) - 2 * len(common)
    tokens = BERT_SPECIALS + common + [f"##{character}" for character in common] + most(words, rest - rest // 4) + most(ends, rest // 4)
    return list(dict.fromkeys(tokens))


def write_bert(texts, generator):
    """An uncased model without heads: `tokenizer.json`, keys without a prefix."""
    folder = fresh("bert")
    vocabulary = word_pieces(texts, 380, lowercase=True)
    tokenizer = Tokenizer(models.WordPiece({token: index for index, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.add_special_tokens(BERT_SPECIALS)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    write_json(folder / "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 80, "tokenizer_class": "BertTokenizer"})
    model = BertModel(BertConfig(
        vocab_size=tokenizer.get_vocab_size(), num_attention_heads=3, intermediate_size=40, max_position_embeddings=80, **SIZES))
    random_weights(model, generator)
    model.save_pretrained(folder)
    return model, vocabulary


def write_bert_old(texts, generator):
    """A cased model of masked language modelling as the first files were: `vocab.txt`, `pytorch_model.bin`, gamma and beta, a buffer
    of positions; a wide epsilon and another GELU, so that neither goes unnoticed."""
    folder = fresh("bert-old")
    vocabulary = word_pieces(texts, 300, lowercase=False)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary))
    write_json(folder / "tokenizer_config.json", {"do_lower_case": False, "model_max_length": 512})
    model = BertForMaskedLM(BertConfig(
        vocab_size=len(vocabulary), num_attention_heads=4, intermediate_size=28, max_position_embeddings=60, hidden_act="gelu_new",
        layer_norm_eps=0.05, type_vocab_size=3, tie_word_embeddings=False, **SIZES))
    random_weights(model, generator)
    model.config.to_json_file(folder / "config.json")
    state = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value.clone()
        for key, value in model.state_dict().items()}
    state["bert.embeddings.position_ids"] = torch.arange(60).unsqueeze(0)
    state["bert.pooler.dense.weight"], state["bert.pooler.dense.bias"] = torch.zeros(24, 24), torch.zeros(24)
    torch.save(state, folder / "pytorch_model.bin")
    return model.bert


def write_roberta(texts, generator):
    """A model of masked language modelling: `vocab.json` and `merges.txt`, keys that begin with `roberta.`, positions from 2."""
    folder = fresh("roberta")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=400, special_tokens=ROBERTA_SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.model.save(str(folder))
    # Fewer than the model has positions for.
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}
    write_json(folder / "tokenizer_config.json", {"mask_token": mask, "model_max_length": 70, "tokenizer_class": "RobertaTokenizer"})
    model = RobertaForMaskedLM(RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), num_attention_heads=2, intermediate_size=32, max_position_embeddings=82,
        type_vocab_size=1, layer_norm_eps=1e-5, **SIZES))
    random_weights(model, generator)
    model.save_pretrained(folder)
    return model.roberta


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def write_hidden_states(name, model, tokenizer, texts, generator):
    """Tokens of texts, and the hidden states of all layers for some of them and for random tokens."""
    model = model.double().eval()
    size = model.config.vocab_size
    tokens = [tokenizer.encode(text) for text in texts[:4]]
    tokens += [torch.randint(0, size, (length,), generator=generator).tolist() for length in (2, 31, 1, 43)]
    # Padding within a text: RoBERTa's does not count as a position.
    tokens += [tokens[0][:3] + [model.config.pad_token_id] * 2 + tokens[0][3:]]
    tensors = {}
    for index, ids in enumerate(tokens):
        with torch.no_grad():
            states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        for layer, state in enumerate(states):
            tensors[f"layer.{layer}.{index}"] = state[0].float().contiguous()
    save_file(tensors, HERE / name / "golden.safetensors")
    # What bert_score makes of texts, but for empty ones, which it does not tokenize.
    encoded = [utils.sent_encode(tokenizer, text) for text in texts + [LONG]]
    write_json(HERE / name / "cases.json", {"tokens": tokens, "texts": texts + [LONG], "text_tokens": encoded})


def score_of(folder, predictions, references, layer, idf, baseline=None, batch=1):
    """Precision, recall and F1 of each instance, None for what is no number. A batch of 1 has no padding: a similarity below 0 then
    stays what it is, where the 0 of padding is greater."""
    found = score(
        predictions, references, model_type=str(folder), num_layers=layer, idf=idf, nthreads=0, batch_size=batch, device="cpu", lang="en",
        rescale_with_baseline=baseline is not None, baseline_path=baseline)
    return [[None if math.isnan(value) else round(value, 10) for value in part.tolist()] for part in found]


def double_model(*arguments):
    return original_get_model(*arguments).double()


original_get_model, utils.get_model = utils.get_model, double_model
sys.modules["bert_score.score"].get_model = double_model


def greatest(first, second):
    return max(abs(a - b) for one, other in zip(first, second) for a, b in zip(one, other) if a is not None and b is not None)


def write_scores(folders, data):
    baseline = HERE / "baseline.csv"
    baseline.write_text("LAYER,P,R,F\n" + "".join(
        f"{layer},{0.31 + layer / 17:.8f},{0.3 + layer / 16:.8f},{0.29 + layer / 15:.8f}\n" for layer in range(4)))
    predictions, references = [text for text, _ in EDGES], [group for _, group in EDGES]
    cases, padded = [], 0
    for name, folder in folders.items():
        for layer, idf, rescaled in [(0, False, False), (1, False, True), (2, False, False), (3, False, False), (1, True, False), (3, True, True)]:
            options = dict(layer=layer, idf=idf, baseline=str(baseline) if rescaled else None)
            cases.append({
                "model": name, "layer": layer, "idf": idf, "rescaled": rescaled,
                "scores": score_of(folder, predictions, references, **options)})
            padded = max(padded, greatest(cases[-1]["scores"], score_of(folder, predictions, references, batch=64, **options)))
    write_json(HERE / "edges.json", {"predictions": predictions, "references": references, "cases": cases})
    print(f"edges: a batch of 64 differs by {padded}")
    real = []
    for name, groups in real_references(data).items():
        predictions, references = (part[:REAL] for part in system_outputs(groups, REAL_SEED))
        for model, layer, idf, rescaled in [("bert", 2, False, False), ("roberta", 3, True, False)]:
            options = dict(layer=layer, idf=idf, baseline=None)
            scores = score_of(folders[model], predictions, references, **options)
            again = score_of(folders[model], predictions, references, batch=64, **options)
            print(name, model, f"a batch of 64 differs by {greatest(scores, again)}; means", [sum(part) / len(part) for part in scores])
            real.append({
                "data": name, "model": model, "layer": layer, "idf": idf, "rescaled": rescaled,
                "scores": [[round(value, 8) for value in part] for part in scores]})
    write_json(HERE / "real.json", {"instances": REAL, "cases": real})


def write_json(path, value):
    Path(path).write_text(json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n")


def main(data):
    generator = torch.Generator().manual_seed(SEED)
    texts = [text for groups in real_references(data).values() for group in groups[:400] for text in group]
    with tempfile.TemporaryDirectory() as temporary:
        folders = {name: Path(temporary) / name for name in ("bert", "bert-old", "roberta")}
        bert, vocabulary = write_bert(texts, generator)
        networks = {"bert": bert, "bert-old": write_bert_old(texts, generator), "roberta": write_roberta(texts, generator)}
        for name, folder in folders.items():
            shutil.copytree(HERE / name, folder)
        # The tokenizer in Python, which bert_score asks for, reads no tokenizer.json.
        (folders["bert"] / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary))
        for name, network in networks.items():
            tokenizer = AutoTokenizer.from_pretrained(folders[name], use_fast=False)
            write_hidden_states(name, network, tokenizer, TEXTS, generator)
        write_scores({name: folders[name] for name in ("bert", "roberta")}, data)
    write_manifest()


def write_manifest():
    files = sorted(
        path for path in HERE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc") and path.name != "manifest.json")
    for path in files:
        path.chmod(0o644)
    packages = ("torch", "transformers", "tokenizers", "safetensors", "bert_score")
    (HERE / "manifest.json").write_text(json.dumps({
        "generator": "generate.py", "seed": SEED,
        "notes": {
            "*/cases.json": "token sequences of golden.safetensors; texts, and the tokens that bert_score makes of them",
            "*/golden.safetensors": "layer.l.i: hidden states after l blocks of sequence i alone, computed in float64",
            "edges.json": "[P, R, F1] of bert_score by instance, of hard texts; null where it gives NaN",
            "real.json": "the same of outputs made from the first test references of E2E and WebNLG (../metrics/real_outputs.py)",
            "baseline.csv": "a made-up file of baselines"},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "sha256": {str(path.relative_to(HERE)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }, indent=2, sort_keys=True) + "\n")
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1])
