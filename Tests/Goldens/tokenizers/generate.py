"""Writes the goldens of the Tokenizers target with Hugging Face's tokenizers and transformers.

    python generate.py [folder with GPT-2's vocab.json and merges.txt]

Without the folder, gpt2.json is left as it is. Everything else is made from this script alone.
"""

import hashlib
import json
import pathlib
import random
import sys

import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from hard_lines import hard_lines

HERE = pathlib.Path(__file__).parent
SEED = 20240607
LINES = hard_lines(300, SEED)


def training_text():
    """Sentences of our own, with enough repetition to learn merges from and some text that is not ASCII."""
    rng = random.Random(SEED)
    things = "house river garden market tower bridge station school café theatre bakery harbour museum".split()
    places = "north of the city centre|by the old harbour|near the river|in the quiet valley|behind the station".split("|")
    deeds = "serves|keeps|shows|remembers|repairs|sells|paints|collects".split("|")
    objects = "1,200 books|warm bread|blue lanterns|clocks from 1874|naïve drawings|42 boats|the children's kites".split("|")
    lines = []
    for _ in range(160):
        thing = rng.choice(things)
        lines.append(
            f"The {thing} {rng.choice(places)} {rng.choice(deeds)} {rng.choice(objects)}, and it's open until "
            f"{rng.randint(1, 12)} o'clock."
        )
        if rng.random() < 0.2:
            lines.append(f"name : {thing.title()} | area : {rng.choice(places)} | rating : {rng.randint(1, 5)}/5")
        if rng.random() < 0.1:
            lines.append("Où est la gare ? — Größe: 3½ m² … Москва и Санкт-Петербург 👍")
    return lines


def train(lines, size, specials):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def write(name, value):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def goldens(encode, decode, size, seed):
    """`encode(text, special)`, `decode(ids, skip)`: what they give for all lines, and for ids that are not text."""
    rng = random.Random(seed)
    ids = [encode(line, False) for line in LINES]
    loose = [[rng.randrange(size) for _ in range(rng.randint(1, 12))] for _ in range(40)]
    return {
        "ids": ids,
        # Only what differs is stored: where the special tokens come in, and where decoding does not give the line.
        "special_ids": encode("a b", True),
        "decoded": {str(i): decode(x, False) for i, x in enumerate(ids) if decode(x, False) != LINES[i]},
        "skipping": {
            str(i): decode(x, True) for i, x in enumerate(ids) if decode(x, True) != decode(x, False)
        },
        "loose": [{"ids": x, "text": decode(x, False)} for x in loose],
    }


def json_variant(name, tokenizer, seed, edit=None, configuration=None):
    document = json.loads(tokenizer.to_str())
    if edit:
        edit(document)
    write(f"{name}/tokenizer.json", document)
    if configuration:
        write(f"{name}/tokenizer_config.json", configuration)
    loaded = Tokenizer.from_file(str(HERE / name / "tokenizer.json"))
    write(f"{name}/golden.json", goldens(
        lambda text, special: loaded.encode(text, add_special_tokens=special).ids,
        lambda ids, skip: loaded.decode(ids, skip_special_tokens=skip), loaded.get_vocab_size(), seed))


def plain(lines):
    tokenizer = train(lines, 600, ["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_tokens([
        AddedToken("[LEFT]", lstrip=True, normalized=False), AddedToken("[RIGHT]", rstrip=True, normalized=False),
        AddedToken("[WORD]", single_word=True, normalized=False), AddedToken("[NORM]", normalized=True),
        AddedToken("[NORM] [", normalized=True)])
    json_variant("plain", tokenizer, 1, configuration={"eos_token": "<|endoftext|>"})


def roberta(lines):
    tokenizer = train(lines, 320, ["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, True)

    def old_spelling(document):
        document["model"]["merges"] = [" ".join(merge) for merge in document["model"]["merges"]]

    json_variant("roberta", tokenizer, 2, old_spelling, {"eos_token": "</s>", "bos_token": "<s>", "pad_token": "<pad>"})


def template(lines):
    """Also whole pieces as words, words before merges, and bytes without a token of their own."""
    tokenizer = train(lines, 330, ["<unk>", "</s>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="</s> $A </s> <unk>", special_tokens=[("</s>", 1), ("<unk>", 0)])])

    def edit(document):
        model = document["model"]
        model.update(unk_token="<unk>", fuse_unk=True, ignore_merges=True)
        for character in "#~Ā\u0142":
            # Freed ids go to whole words that no merge makes.
            model["vocab"]["Ġ" + character + "word" if character != "~" else "aaa"] = model["vocab"].pop(character)

    json_variant("template", tokenizer, 3, edit)


def slow(lines):
    """vocab.json and merges.txt with OPT's configuration."""
    tokenizer = train(lines, 320, ["<s>", "<pad>", "</s>", "<unk>"])
    model = json.loads(tokenizer.to_str())["model"]
    write("slow/vocab.json", model["vocab"])
    merges = "".join(f"{left} {right}\n" for left, right in model["merges"])
    (HERE / "slow/merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")
    token = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": True}
    write("slow/special_tokens_map.json", {
        "bos_token": {"content": "</s>", **token}, "eos_token": {"content": "</s>", **token},
        "unk_token": {"content": "</s>", **token}, "pad_token": {"content": "<pad>", **token}})
    write("slow/tokenizer_config.json", {
        "tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_prefix_space": False, "errors": "replace",
        "bos_token": {"__type": "AddedToken", "content": "</s>", **token}})
    loaded = transformers.GPT2Tokenizer.from_pretrained(str(HERE / "slow"))
    write("slow/golden.json", goldens(*transformers_pair(loaded), len(loaded), 4))


def transformers_pair(tokenizer):
    return (
        lambda text, special: tokenizer(text, add_special_tokens=special)["input_ids"],
        lambda ids, skip: tokenizer.decode(ids, skip_special_tokens=skip, clean_up_tokenization_spaces=False))


def gpt2(folder):
    tokenizer = transformers.GPT2TokenizerFast.from_pretrained(folder)
    write("gpt2.json", goldens(*transformers_pair(tokenizer), len(tokenizer), 5))


def unicode_digest():
    """FNV-1a over the number of words in "a?a", "1?a", "!?a" and " ?a", for each code point in place of "?"."""
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digest = 0xCBF29CE484222325
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        for partner in ("a", "1", "!", " "):
            count = len(splitter.pre_tokenize_str(partner + chr(c) + "a"))
            digest = ((digest ^ count) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return digest


def normal_forms():
    """FNV-1a over the UTF-8 of a text around each code point in each normal form, and over each one's lower case."""
    forms = {n: getattr(normalizers, n)() for n in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase")}
    digests = dict.fromkeys(forms, 0xCBF29CE484222325)
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        for name, form in forms.items():
            x = chr(c)
            text = form.normalize_str(x if name == "Lowercase" else "a" + x + "\u0301\u0323" + x + "\u1161")
            for byte in text.encode():
                digests[name] = ((digests[name] ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return {name: f"{digest:016x}" for name, digest in digests.items()}


def main():
    lines = training_text()
    write("lines.json", LINES)
    (HERE / "training.txt").write_text("\n".join(lines), encoding="utf-8")
    plain(lines)
    roberta(lines)
    template(lines)
    slow(lines)
    if len(sys.argv) > 1:
        gpt2(sys.argv[1])
    write("unicode.json", {"fnv1a": str(unicode_digest()), **normal_forms()})
    files = sorted(p for p in HERE.rglob("*")
                   if p.suffix in (".json", ".txt") and p.name != "manifest.json" and "families" not in p.parts)
    manifest = {
        "tokenizers": tokenizers.__version__, "transformers": transformers.__version__, "seed": SEED,
        "sha256": {str(p.relative_to(HERE)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}}
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


main()
