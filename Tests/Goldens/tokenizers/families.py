"""Writes families/: small tokenizers of every kind of tokenizer.json, made with Hugging Face's tokenizers, and digests of
what they give for 10,000 hard lines.

    python families.py [folder of real tokenizers]

The lines are not stored: this script and the Swift tests make them alike, from families/fragments.json and a generator of
random numbers. With the folder (which holds gpt2-tokenizer/ and other-tokenizers/gpt-neox/), also real.json, digests of the
vocabularies there; without it, that file is left as it is. Needs sentencepiece, for its compiled normalisation rules.
"""

import base64
import hashlib
import io
import json
import pathlib
import sys
import tempfile
import unicodedata

import sentencepiece
import tokenizers
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

from hard_lines import HAND_MADE, RANGES, SPACES, SPECIALS, WORDS

HERE = pathlib.Path(__file__).parent
OUT = HERE / "families"
COUNT, BLOCK, SEED = 10_000, 100, 20240608
MASK = (1 << 64) - 1
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")
QWEN = LLAMA.replace("{1,3}", "")

CONTRACTIONS = [
    quote + letters for quote in "'\u2019" for letters in
    "s S t T re RE Re rE ve VE vE m M ll LL Ll lL d D ſ l r v K x".split()] + ["'", "''"]
CLUSTERS = [
    "👍🏽", "👨‍👩‍👧‍👦", "🇯🇵", "🇩🇪🇫", "❤️", "1️⃣", "e\u0301", "\u0301\u0300", "\u200d", "\r\n", "\n\n", " \n ", "½", "٣", "ｅ\u0301", "ﬁ", "㈱",
    "ｶﾞ", "각", "ᄀ\u1161\u11a8", "क्षि", "ก\u0e33", "a\u0323\u0301", "a\u0301\u0323", "ḍ\u0307", "\u1e9b\u0323", "Å", "Ω", "…", "™", "ǆ", "İ", "ſ", "Σ",
    "ß", "ŉ", "ﷺ", "\u0344", "\u0f73", "가\u11a8", "\u0958", "\ufb1d", "\U0001d160", "\u2adc", "<0x41>", "<0xE2>", "▁", "▁▁", "``", "''", "##", "</w>", "<unk>",
    "[UNK]", "<extra_id_0>", "<extra_id_1>", "Ġ", "Ċ", " do not", " n't", " .", " ,", " ' ", "don't", "--", "==", "#!", "{}", "..."]


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % n


FRAGMENTS = {
    "seed": SEED, "count": COUNT, "block": BLOCK, "lines": HAND_MADE, "words": WORDS, "spaces": list(SPACES),
    "specials": SPECIALS, "contractions": CONTRACTIONS, "clusters": CLUSTERS,
    "ranges": [[low, high] for low, high in RANGES if high <= 0xD800 or low >= 0xE000]}


def make_lines(f):
    rng = Random(f["seed"])

    def one(name):
        return f[name][rng.below(len(f[name]))]

    lines = list(f["lines"])
    while len(lines) < f["count"]:
        line = ""
        for _ in range(1 + rng.below(14)):
            kind = rng.below(100)
            if kind < 35:
                line += one("words")
            elif kind < 48:
                line += "".join(one("spaces") for _ in range(1 + rng.below(4)))
            elif kind < 58:
                line += " " * (1 + rng.below(6))
            elif kind < 63:
                line += one("specials")
            elif kind < 68:
                line += one("contractions")
            elif kind < 76:
                line += one("clusters")
            elif kind < 80:
                line += "".join(chr(0x30 + rng.below(10)) for _ in range(1 + rng.below(9)))
            elif kind < 82:
                line += one("clusters") * (1 + rng.below(60))
            else:
                low, high = one("ranges")
                line += "".join(chr(low + rng.below(high - low)) for _ in range(1 + rng.below(8)))
        lines.append(line)
    return lines


LINES = make_lines(FRAGMENTS)


def fnv1a(digest, data):
    for byte in data:
        digest = ((digest ^ byte) * 0x100000001B3) & MASK
    return digest


def digests(encode, decode):
    """Per block of lines: FNV-1a of ids (4 bytes each, little-endian, and four of 255 after each line), of the text of
    them, and of the text without special tokens (UTF-8, and one 255 after each line)."""
    out = []
    for start in range(0, len(LINES), BLOCK):
        ids_digest = text_digest = skip_digest = 0xCBF29CE484222325
        for line in LINES[start:start + BLOCK]:
            ids = encode(line)
            ids_digest = fnv1a(ids_digest, b"".join(i.to_bytes(4, "little") for i in ids) + b"\xff\xff\xff\xff")
            text_digest = fnv1a(text_digest, decode(ids, False).encode() + b"\xff")
            skip_digest = fnv1a(skip_digest, decode(ids, True).encode() + b"\xff")
        out.append([f"{d:016x}" for d in (ids_digest, text_digest, skip_digest)])
    return out


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def golden(tokenizer):
    def encode(text, special=False):
        return tokenizer.encode(text, add_special_tokens=special).ids

    def decode(ids, skip):
        # The decoders that look at the last token fail where there is none.
        return tokenizer.decode(ids, skip_special_tokens=skip) if ids else ""

    return {"special_ids": encode("a b", True), "blocks": digests(encode, decode)}


def family(name, tokenizer, edit=None):
    document = json.loads(tokenizer.to_str())
    if edit:
        edit(document)
    write(OUT / name / "tokenizer.json", document)
    write(OUT / name / "golden.json", golden(Tokenizer.from_file(str(OUT / name / "tokenizer.json"))))
    print(name, flush=True)


def train_bytes(lines, size, specials, normalizer=None, splits=(), use_regex=True, prefix=False):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    last = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=use_regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, last]) if splits else last
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def isolated(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_families(lines):
    gpt2 = train_bytes(lines, 400, ["<|endoftext|>"])
    gpt2.post_processor = processors.ByteLevel(trim_offsets=False)
    family("gpt2", gpt2)

    opt = train_bytes(lines, 380, ["<s>", "<pad>", "</s>", "<unk>"])
    opt.post_processor = processors.TemplateProcessing(
        single="</s> $A", pair="</s> $A </s> $B", special_tokens=[("</s>", 2)])
    family("opt", opt)

    bart = train_bytes(lines, 380, ["<s>", "<pad>", "</s>", "<unk>"], prefix=True)
    bart.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    bart.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, True)
    family("bart", bart)

    neox = train_bytes(lines, 380, ["<|endoftext|>", "<|padding|>"], normalizer=normalizers.NFC())
    neox.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)])
    family("neox", neox)

    llama = train_bytes(lines, 400, ["<|endoftext|>"], splits=[isolated(LLAMA)], use_regex=False)
    llama.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])])

    def whole_words(document):
        document["model"]["ignore_merges"] = True
        size = len(document["model"]["vocab"])
        # Words that no merge makes.
        for index, word in enumerate(["Ġrestaurant", "ĠTokenizer", "Ġlazy", "'LL", "ĊĊ", "123"]):
            document["model"]["vocab"].setdefault(word, size + index)

    family("llama3", llama, whole_words)
    family("qwen2", train_bytes(
        lines, 380, ["<|endoftext|>"], normalizer=normalizers.NFC(), splits=[isolated(QWEN)], use_regex=False))
    family("starcoder", train_bytes(
        lines, 380, ["<|endoftext|>"], splits=[pre_tokenizers.Digits(individual_digits=True)]))
    # Patterns that are not written by hand in Swift.
    family("deepseek", train_bytes(
        lines, 380, ["<|endoftext|>"], normalizer=normalizers.Sequence([]), use_regex=False, splits=[
            isolated(r"[\r\n]"), isolated(r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳ]+"), isolated(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"),
            isolated(r"\s+$"), isolated(r"[一-龥ࠀ-一가-퟿]+"), pre_tokenizers.Digits(individual_digits=True)]))
    # The normaliser in place of the pre-tokenizer, and a pre-tokenizer after the spelling.
    spelled = train_bytes(lines, 380, ["<|endoftext|>"])
    spelled.normalizer = normalizers.ByteLevel()
    spelled.pre_tokenizer = pre_tokenizers.Split("Ġ", "merged_with_next")
    family("spelled", spelled)


def train_characters(lines, size, specials, suffix=None, prefix=None, before=lambda t: None, **options):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", **options))
    before(tokenizer)
    affixes = {k: v for k, v in (("end_of_word_suffix", suffix), ("continuing_subword_prefix", prefix)) if v}
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, show_progress=False, limit_alphabet=90, **affixes))
    return tokenizer


BYTES = [f"<0x{b:02X}>" for b in range(256)]


def remove_bytes_from_added(document):
    document["added_tokens"] = [t for t in document["added_tokens"] if not t["content"].startswith("<0x")]


def sentencepiece_families(lines):
    specials = ["<unk>", "<s>", "</s>", *BYTES]

    def legacy(t):
        t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        # While training only, so that no token goes over the end of a word.
        t.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")

    llama = train_characters(lines, 480, specials, before=legacy, byte_fallback=True, fuse_unk=True)
    llama.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    llama.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])

    def without_pre_tokenizer(document):
        remove_bytes_from_added(document)
        document["pre_tokenizer"] = None

    family("llama2", llama, without_pre_tokenizer)

    def new(document):
        without_pre_tokenizer(document)
        document["normalizer"] = None
        document["pre_tokenizer"] = {
            "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
        document["added_tokens"].append({
            "id": len(document["model"]["vocab"]), "content": "[NORM]", "single_word": False, "lstrip": True,
            "rstrip": False, "normalized": True, "special": False})

    family("llama2-first", llama, new)

    def gemma(document):
        remove_bytes_from_added(document)
        document["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        document["pre_tokenizer"] = {
            "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
        document["decoder"]["decoders"] = document["decoder"]["decoders"][:3]
        document["model"]["fuse_unk"] = False
        # Some bytes have no token: characters with them are unknown.
        for byte in range(0xC0, 0xE2):
            token = f"<0x{byte:02X}>"
            document["model"]["vocab"][f"<gone {byte}>"] = document["model"]["vocab"].pop(token)

    family("gemma", llama, gemma)


def character_families(lines):
    def bert_like(t):
        t.normalizer = normalizers.BertNormalizer(lowercase=True)
        t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    gpt1 = train_characters(lines, 380, ["<unk>"], suffix="</w>", before=bert_like)
    gpt1.decoder = decoders.BPEDecoder("</w>")
    family("gpt1", gpt1)

    prefixed = train_characters(lines, 380, ["<unk>"], prefix="##", before=bert_like, fuse_unk=True)
    prefixed.decoder = decoders.WordPiece("##", cleanup=False)
    family("continuing", prefixed)

    bert = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=40))
    bert_like(bert)
    bert.train_from_iterator(lines, trainers.WordPieceTrainer(
        vocab_size=420, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    bert.decoder = decoders.WordPiece("##", cleanup=True)
    bert.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    family("bert", bert)

    cased = Tokenizer.from_str(bert.to_str())
    cased.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    cased.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits()])
    family("bert-cased", cased)

    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.normalizer = normalizers.Sequence([
        normalizers.Nmt(), normalizers.Strip(), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(),
        normalizers.Replace(Regex(r"[aeiou]{2,}"), "ou"), normalizers.Replace("", "")])
    words.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.CharDelimiterSplit("o"),
        pre_tokenizers.Split(Regex(r"[xyz]+"), "removed", invert=False),
        pre_tokenizers.Split(Regex(r"n"), "merged_with_next"), pre_tokenizers.Split("t", "merged_with_previous"),
        pre_tokenizers.Split(Regex(r"r+|s"), "contiguous", invert=True)])
    words.train_from_iterator(lines + WORDS, trainers.WordLevelTrainer(
        vocab_size=500, special_tokens=["[UNK]"], show_progress=False))
    words.decoder = None
    family("words", words)


def charsmap(lines):
    """SentencePiece's compiled form of some rules of NFKC and of its own, over our own choice of characters."""
    rules = {}
    for low, high in ((0xA0, 0x100), (0x2000, 0x2070), (0x2100, 0x2190), (0x3300, 0x3340), (0xFB00, 0xFB20), (0xFF01, 0xFF9F)):
        for c in range(low, high):
            if unicodedata.normalize("NFKC", chr(c)) != chr(c):
                rules[chr(c)] = unicodedata.normalize("NFKC", chr(c))
    for base in "aeiouAEIOUcnｅか":
        for mark in "\u0300\u0301\u0302\u0303\u0308\u0323\u0327\u3099":
            composed = unicodedata.normalize("NFKC", base + mark)
            if len(composed) == 1:
                rules[base + mark] = composed
    for c in "\t\n\r\u0085\u1680\u200b\u2028\ufeff\ufffd":
        rules[c] = " "
    for c in "\x00\x01\x07\x1f\x7f\u00ad":
        rules[c] = ""
    rules.pop("\x00")
    rules["\u1100\u1161"] = "가"
    rules["🇯"] = "J"
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as table:
        for source, target in sorted(rules.items()):
            table.write(" ".join(f"{ord(c):04X}" for c in source) + "\t" + " ".join(f"{ord(c):04X}" for c in target) + "\n")
        table.flush()
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, vocab_size=120, normalization_rule_tsv=table.name,
            hard_vocab_limit=False, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap


def unigram_families(lines):
    rules = charsmap(lines)
    precompiled = normalizers.Precompiled(rules)

    def train(normalizer, pre_tokenizer, specials, size=400):
        t = Tokenizer(models.Unigram())
        t.normalizer = normalizer
        t.pre_tokenizer = pre_tokenizer
        t.train_from_iterator(lines, trainers.UnigramTrainer(
            vocab_size=size, special_tokens=specials, unk_token="<unk>", show_progress=False))
        t.decoder = decoders.Metaspace()
        return t

    split = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    t5 = train(precompiled, split, ["<pad>", "</s>", "<unk>"])
    t5.add_special_tokens([AddedToken(f"<extra_id_{n}>", normalized=False) for n in reversed(range(4))])
    t5.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    family("t5", t5)

    xlm = Tokenizer.from_str(t5.to_str())
    xlm.normalizer = normalizers.Sequence([precompiled, normalizers.Strip(left=False, right=True), normalizers.Replace(
        Regex(" {2,}"), "▁")])
    xlm.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    xlm.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=True)])
    family("xlm", xlm)

    albert = train(normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(),
        normalizers.Lowercase(), precompiled]), pre_tokenizers.Metaspace(), ["<pad>", "<unk>", "[CLS]", "[SEP]"])
    albert.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    family("albert", albert)

    def with_bytes(document):
        document["model"]["vocab"] += [[token, -12.5] for token in BYTES]
        document["model"]["byte_fallback"] = True
        document["normalizer"] = {"type": "NFKC"}
        document["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": False, "prepend_scheme": "never"}
        document["decoder"] = {"type": "Sequence", "decoders": [
            {"type": "ByteFallback"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}]}
        start = len(document["model"]["vocab"])
        for index, token in enumerate(document["added_tokens"][3:]):
            token["id"] = start + index

    family("unigram-bytes", t5, with_bytes)


def real(folder):
    folder = pathlib.Path(folder)
    gpt2 = transformers.GPT2TokenizerFast.from_pretrained(folder / "gpt2-tokenizer")
    neox = Tokenizer.from_file(str(folder / "other-tokenizers" / "gpt-neox" / "20B_tokenizer.json"))
    write(OUT / "real.json", {"gpt2": golden(gpt2.backend_tokenizer), "neox": golden(neox)})


def main():
    write(OUT / "fragments.json", FRAGMENTS)
    write(OUT / "lines.json", {"fnv1a": f"{fnv1a(0xCBF29CE484222325, b''.join(x.encode() + bytes([255]) for x in LINES)):016x}"})
    lines = (HERE / "training.txt").read_text(encoding="utf-8").split("\n")
    byte_families(lines)
    sentencepiece_families(lines)
    character_families(lines)
    unigram_families(lines)
    if len(sys.argv) > 1:
        real(sys.argv[1])
    files = sorted(p for p in OUT.rglob("*.json") if p.name != "manifest.json")
    write(OUT / "manifest.json", {
        "tokenizers": tokenizers.__version__, "transformers": transformers.__version__,
        "sentencepiece": sentencepiece.__version__, "seed": SEED,
        "sha256": {str(p.relative_to(OUT)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}})


if __name__ == "__main__":
    main()
