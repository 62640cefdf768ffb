"""Writes the goldens of SentencePiece tokenizers with the slow tokenizers of transformers.

    python generate.py [folder of real models: t5/spiece.model, llama2/tokenizer.model, rinna-gpt/google_sp.model]

Needs transformers==4.46.3 (the last line of versions whose slow classes run on sentencepiece itself), sentencepiece==0.2.0
and protobuf; not the versions of ../requirements.txt. Without the folder, real-*.json are left as they are.
"""

import hashlib
import io
import json
import pathlib
import shutil
import sys
import tempfile

import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tokenizers"))
from hard_lines import HAND_MADE, RANGES, SPACES, WORDS  # noqa: E402

SEED = 20240911
LINES, BLOCK, LOOSE = 10_000, 500, 2_000

SPECIALS = [
    "<s>", "</s>", "<unk>", "<pad>", "[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "<extra_id_0>", "<extra_id_3>",
    "<extra_id_1", "<extra_id_99>", "[LEFT]", "[RIGHT]", "[WORD]", "[BOTH]", "[LEFT][RIGHT]", "<|user|>", "<0x41>", "\u2581",
    "\u2581the", " </s>", "</s> ", "[[PAD]]",
]
JAPANESE = [
    "こんにちは世界", "吾輩は猫である。", "名前はまだ無い", "東京都に住んでいます", "ﾊﾝｶｸ", "ＡＢＣ１２３", "㌔", "、", "。", "「はい」", "ガ", "か\u3099",
]
FRAGMENTS = WORDS + JAPANESE + SPECIALS + [
    "the", "The house", " north of", "bakery", ", and it's", "open", "a", "b", "é", "e\u0301", "ß", "👍🏽", "\u200d", "½", "ﬁ", "…", "x\ty", "\x00",
    "\u2047", "\ufffd", "\x1c", "\u3000", "1,200 books", "3½ m²",
]
OWN_LINES = SPECIALS + JAPANESE + [
    "吾輩は猫である。名前はまだ無い。", "東京 都に  住ん でいます", "ＡＢＣ 　１２３", "a </s> b", "a</s>b</s>", "</s>", "</s></s>", " </s> </s> ", "<s>a", "<s> a", "x<unk>y",
    "Hello <extra_id_0>.", "Hello<extra_id_0> .", "<extra_id_0> a <extra_id_1> b", "a <extra_id_0><extra_id_3> b", "[CLS]a[SEP] b[SEP]",
    "a [MASK] b", "[MASK]は猫である", "a\u2581b", "\u2581a", "\u2581\u2581a", " \u2581 a", "a  \u2581\u2581  b", "[LEFT] a", "a [LEFT]", "a [LEFT] [RIGHT] b",
    "a [BOTH] b", "\u3000[BOTH]\x1cb", "a[WORD]b", "a [WORD] b", "[WORD]", "[WORD][WORD]", "</s>[WORD]", "[WORD] </s>", "a\t[WORD]\tb", "[BOTH][WORD] [BOTH]",
    "the house north of the city centre", "The bakery behind the station sells warm bread.", "\n\n", "a\n\nb\n", "👍👍", "x👍", "<0x0A>", "\x00</s>",
    "<|user|>hello<|user|>", "<|user", "ﬁne", "㌔㌔ ㌔",
]
LOWER_RULES = {"Ａ": "A", "Ｂ": "B", "Ｃ": "C", "１": "1", "２": "2", "３": "3", "ﬁ": "fi", "㌔": "キロ", "\u3000": " ", "\t": " ", "\n": " ", "\u200d": "",
               "か\u3099": "が", "…": "...", "½": "1/2", "\u00a0": " ", "e\u0301": "é"}


class Random:
    """SplitMix64, which the Swift test has as well."""

    def __init__(self, seed):
        self.state = seed & (2**64 - 1)

    def __call__(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & (2**64 - 1)
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        return (z ^ (z >> 31)) % bound


def hard_line(index):
    draw = Random(SEED + index)
    line = ""
    for _ in range(1 + draw(14)):
        kind = draw(100)
        if kind < 65:
            line += FRAGMENTS[draw(len(FRAGMENTS))]
        elif kind < 85:
            for _ in range(1 + draw(3)):
                line += SPACES[draw(len(SPACES))] if draw(3) == 0 else " "
        else:
            low, high = RANGES[draw(len(RANGES))]
            for _ in range(1 + draw(6)):
                scalar = low + draw(high - low)
                line += chr(scalar - 0x800 if 0xD800 <= scalar < 0xE000 else scalar)
    return line


def loose_ids(index, size):
    draw = Random(SEED * 3 + index)
    # Low ids are the special ones of most models; high ones those that were added.
    return [(draw(size), draw(min(size, 8)), size - 1 - draw(min(size, 6)))[draw(3)] for _ in range(1 + draw(10))]


def fold(values):
    """FNV-1a over whole numbers."""
    digest = 0xCBF29CE484222325
    for value in values:
        digest = ((digest ^ value) * 0x100000001B3) & (2**64 - 1)
    return f"{digest:016x}"


def fold_ids(lists):
    return fold(value for ids in lists for value in (*ids, 0xFFFFFFFF))


def fold_texts(texts):
    return fold(byte for text in texts for byte in (*text.encode("utf-8"), 0xFF))


def golden(folder, name):
    tokenizer = getattr(transformers, name).from_pretrained(str(folder))

    def encode(text, special=False):
        return tokenizer(text, add_special_tokens=special)["input_ids"]

    def decode(ids, skip):
        return tokenizer.decode(ids, skip_special_tokens=skip, clean_up_tokenization_spaces=False)

    lines = [hard_line(index) for index in range(LINES)]
    ids = [encode(line) for line in lines]
    size = max(tokenizer.get_vocab().values()) + 1
    loose = [loose_ids(index, size) for index in range(LOOSE)]
    own = [encode(line) for line in SHOWN]
    # Kept in full, to see what differs; the hashes say whether anything does.
    return {
        "size": size,
        "roles": [getattr(tokenizer, role) for role in ("bos_token_id", "eos_token_id", "pad_token_id")],
        "special": sorted(set(tokenizer.all_special_ids)), "special_ids": encode("the house", True),
        "ids": own, "decoded": [decode(x, False) for x in own],
        "loose": [[decode(x, False), decode(x, True)] for x in loose[:60]],
        "line_hash": fold_texts(lines),
        "id_hashes": [fold_ids(ids[i:i + BLOCK]) for i in range(0, LINES, BLOCK)],
        "text_hashes": [fold_texts(decode(x, False) for x in ids[i:i + BLOCK]) for i in range(0, LINES, BLOCK)],
        "skipping_hash": fold_texts(decode(x, True) for x in ids),
        "loose_hash": fold_texts(decode(x, False) for x in loose), "loose_skipping_hash": fold_texts(decode(x, True) for x in loose),
    }


def write(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def train(path, rules=None, **options):
    text = (HERE.parent / "tokenizers/training.txt").read_text(encoding="utf-8").split("\n")
    text += ["吾輩は猫である。名前はまだ無い。", "東京都に住んでいます。こんにちは世界。", "「はい」と猫はいう。", "ＡＢＣと１２３はガラス"] * 6
    if rules is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as file:
            for source, target in rules.items():
                file.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
            file.flush()
            return train(path, normalization_rule_tsv=file.name, **options)
    if "normalization_rule_tsv" not in options:
        options["normalization_rule_name"] = "identity"
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, num_threads=1, minloglevel=2, character_coverage=0.995, hard_vocab_limit=False,
        **options)
    message = sentencepiece_model_pb2.ModelProto()
    message.ParseFromString(model.getvalue())
    # Names of temporary files would differ from run to run.
    message.trainer_spec.ClearField("input")
    message.normalizer_spec.ClearField("normalization_rule_tsv")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(message.SerializeToString(deterministic=True))


def token(content, **attributes):
    return {"content": content, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True} | attributes


ADDED = [
    token("[LEFT]", lstrip=True), token("[RIGHT]", rstrip=True, special=False), token("[WORD]", single_word=True, special=False),
    token("[BOTH]", lstrip=True, rstrip=True), token("  ", special=False, normalized=True),
]


def t5(folder):
    train(folder / "spiece.model", LOWER_RULES, model_type="unigram", vocab_size=420, unk_id=2, bos_id=-1, eos_id=1, pad_id=0)
    write(folder / "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer", "extra_ids": 5})
    write(folder / "special_tokens_map.json", {"eos_token": token("</s>", rstrip=True), "unk_token": "<unk>", "pad_token": "<pad>"})


def rinna(folder):
    """A model without a piece "<unk>", and with control symbols."""
    train(folder / "spiece.model", LOWER_RULES, model_type="unigram", vocab_size=430, unk_id=1, bos_id=2, eos_id=3, pad_id=0, unk_piece="[UNK]",
          pad_piece="[PAD]", control_symbols=["[CLS]", "[SEP]", "[MASK]"])
    write(folder / "tokenizer_config.json", {
        "tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "[PAD]", "extra_ids": 0,
        "additional_special_tokens": [], "sp_model_kwargs": {}, "bos_token": "<s>", "cls_token": "[CLS]", "sep_token": "[SEP]",
        "mask_token": "[MASK]", "do_lower_case": False})


def t5_new(folder):
    """Not legacy, byte fallback, user-defined symbols, listed added tokens."""
    train(folder / "spiece.model", LOWER_RULES, model_type="unigram", vocab_size=700, unk_id=2, bos_id=-1, eos_id=1, pad_id=0, byte_fallback=True,
          user_defined_symbols=["<|user|>", "  "])
    listed = {"0": token("<pad>"), "1": token("</s>"), "2": token("<unk>")}
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model")).get_piece_size()
    extra = [token(f"<extra_id_{i}>", lstrip=True, rstrip=True) for i in range(4)]
    for index, entry in enumerate(extra[::-1] + ADDED[:4]):
        listed[str(pieces + index)] = entry
    write(folder / "tokenizer_config.json", {
        "tokenizer_class": "T5Tokenizer", "extra_ids": 4, "legacy": False, "added_tokens_decoder": listed, "eos_token": "</s>", "unk_token": "<unk>",
        "pad_token": "<pad>", "additional_special_tokens": [x["content"] for x in extra] + ["[LEFT]"]})


def odd(folder):
    """BPE without fallback or dummy prefix, with tokens in added_tokens.json."""
    train(folder / "spiece.model", model_type="bpe", vocab_size=430, unk_id=0, bos_id=1, eos_id=2, add_dummy_prefix=False,
          user_defined_symbols=["<|user|>", "[PAD]"], treat_whitespace_as_suffix=False)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model")).get_piece_size()
    write(folder / "tokenizer_config.json", {
        "tokenizer_class": "T5Tokenizer", "extra_ids": 0, "pad_token": "[PAD]", "bos_token": {"__type": "AddedToken"} | token("<s>", lstrip=True),
        "additional_special_tokens": ["[CLS]", "<|user|>"]})
    write(folder / "added_tokens.json", {"[CLS]": pieces + 1, "[WORD]": pieces, "[BOTH]": pieces + 2})
    write(folder / "special_tokens_map.json", {"additional_special_tokens": ["[CLS]", "[SEP]"], "mask_token": "[MASK]"})


def llama(folder):
    """A model alone."""
    train(folder / "tokenizer.model", model_type="bpe", vocab_size=640, byte_fallback=True, remove_extra_whitespaces=False,
          allow_whitespace_only_pieces=True, split_digits=True)


def llama_new(folder):
    shutil.copy(HERE / "llama/tokenizer.model", folder / "tokenizer.model")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).get_piece_size()
    listed = {"0": token("<unk>"), "1": token("<s>"), "2": token("</s>", rstrip=True)}
    listed |= {str(pieces + index): entry for index, entry in enumerate(ADDED)}
    write(folder / "tokenizer_config.json", {
        "tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True, "add_eos_token": True, "added_tokens_decoder": listed,
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": None, "additional_special_tokens": ["[LEFT]", "<pad>"]})


SMALL = {"t5": t5, "rinna": rinna, "t5-new": t5_new, "odd": odd, "llama": llama, "llama-new": llama_new}
REAL = {
    "t5": ("t5/spiece.model", "spiece.model", {"tokenizer_class": "T5Tokenizer"}),
    "rinna": ("rinna-gpt/google_sp.model", "spiece.model", {
        "tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": [], "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}),
    "llama2": ("llama2/tokenizer.model", "tokenizer.model", {"tokenizer_class": "LlamaTokenizer", "legacy": False}),
    "mistral": ("llama2/tokenizer.model", "tokenizer.model", {"tokenizer_class": "LlamaTokenizer", "legacy": True}),
}
SHOWN = OWN_LINES + [line for line in HAND_MADE if len(line) < 60]


def class_of(folder):
    return "T5Tokenizer" if (folder / "spiece.model").exists() else "LlamaTokenizer"


def main():
    write(HERE / "lines.json", {
        "seed": SEED, "count": LINES, "block": BLOCK, "loose": LOOSE, "shown": SHOWN, "fragments": FRAGMENTS, "spaces": list(SPACES), "ranges": RANGES})
    for name, make in SMALL.items():
        (HERE / name).mkdir(exist_ok=True)
        make(HERE / name)
        write(HERE / name / "golden.json", golden(HERE / name, class_of(HERE / name)))
    if len(sys.argv) > 1:
        for name, (source, target, configuration) in REAL.items():
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                shutil.copy(pathlib.Path(sys.argv[1]) / source, folder / target)
                write(folder / "tokenizer_config.json", configuration)
                value = golden(folder, class_of(folder))
                del value["ids"], value["decoded"], value["loose"]
                write(HERE / f"real-{name}.json", {"source": source, "model": target, "configuration": configuration, "golden": value})
    files = sorted(p for p in HERE.rglob("*") if p.suffix in (".json", ".model") and p.name != "manifest.json")
    manifest = {
        "transformers": transformers.__version__, "sentencepiece": sentencepiece.__version__, "seed": SEED,
        "sha256": {str(p.relative_to(HERE)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}}
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


main()
