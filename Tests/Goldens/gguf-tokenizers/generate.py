"""Writes small vocabularies as GGUF files have them, and what Hugging Face's tokenizers give for the 10,000 hard lines of
../tokenizers/families with a tokenizer built from the same values.

    python generate.py [folder with smollm2-135m-instruct-q4_1.gguf and gemma-3-270m-q4_k_m.gguf, folder of plain text]

With the folders also real.json: digests of the same lines, and some lines with their ids, for the two files; without, that file
is left as it is. Needs gguf==0.19.0 for them, and sentencepiece. See check_with_llama.py for what llama.cpp gives.
"""

import gzip
import io
import json
import pathlib
import re
import sys

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tokenizers"))
sys.path.insert(0, str(HERE.parent / "gpt2"))
from families import GPT2, LINES, LLAMA, QWEN, fnv1a  # noqa: E402
from hard_lines import WORDS  # noqa: E402
from golden_support import write_json, write_manifest  # noqa: E402

BLOCK = 500
SEED = 0
MARK = "\u2581"
CONTROL, USER = 3, 4
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "[MASK]"]
USERS = ["<extra_id_0>", "    ", "\n\n", "don't", "\u3000", "<extra_id_0><extra_id_1>"]
START, LARGE, SMALL = r"[^\r\n\p{L}\p{N}]?", r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
END = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
TEKKEN = rf"{START}{LARGE}*{SMALL}+|{START}{LARGE}+{SMALL}*|\p{{N}}|{END}"
GPT4O = rf"{START}{LARGE}*{SMALL}+{CONTRACTION}|{START}{LARGE}+{SMALL}*{CONTRACTION}|\p{{N}}{{1,3}}|{END}"
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
            r"\s*[\r\n]+|\s+(?!\S)|\s+")
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
DIGITS = pre_tokenizers.Digits(individual_digits=True)
THREE = "[0-9][0-9][0-9]"

# The patterns of the models' tokenizer.json; "default" and "falcon" are llama.cpp's.
PATTERNS = {
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", THREE], "gpt-2": [GPT2], "smollm": [DIGITS, GPT2], "llama-bpe": [LLAMA],
    "dbrx": [LLAMA], "qwen2": [QWEN], "qwen35": [QWEN35], "tekken": [TEKKEN], "gpt-4o": [GPT4O],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", DIGITS],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, THREE], "bloom": [BLOOM], "viking": [BLOOM, DIGITS],
}
IGNORING_MERGES = {"llama-bpe", "tekken"}


def byte_vocabulary():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    text = (HERE.parent / "tokenizers/training.txt").read_text(encoding="utf-8").split("\n")
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    learnt = sorted(model["vocab"], key=model["vocab"].get)
    tokens = SPECIALS + learnt[:300] + USERS + learnt[300:]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    # A word that no merges lead to, for those who take words as they are.
    tokens.append(next("Ġ" + w for w in WORDS if w.isascii() and w.isalpha() and len(w) > 5 and "Ġ" + w not in tokens))
    types = [CONTROL if t in SPECIALS else USER if t in USERS else 1 for t in tokens]
    return {"model": "gpt2", "tokens": tokens, "types": types, "merges": merges, "bos": 1, "eos": 2, "pad": 0}


def piece_vocabulary(drops):
    text = (HERE.parent / "tokenizers/training.txt").read_text(encoding="utf-8").split("\n")
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=out, model_type="bpe", vocab_size=800, byte_fallback=True, character_coverage=0.995,
        normalization_rule_name="identity", remove_extra_whitespaces=False, user_defined_symbols=[t for t in USERS if t != "    "],
        control_symbols=["<|im_end|>", "[MASK]"], num_threads=1, minloglevel=2)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(out.getvalue())
    # As llama.cpp's converter writes them: blanks for marks in tokens of users, who mean the text as it is.
    tokens = [p.piece.replace(MARK, " ") if p.type == USER else p.piece for p in model.pieces]
    kept = [i for i, t in enumerate(tokens) if t not in drops]
    return {"model": "llama", "tokens": [tokens[i] for i in kept], "types": [model.pieces[i].type for i in kept],
            "scores": [model.pieces[i].score for i in kept], "bos": 1, "eos": 2, "unk": 0}


def add_tokens(tokenizer, v):
    for token, type in zip(v["tokens"], v["types"]):
        if type in (2, CONTROL):
            tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)])
        elif type == USER:
            tokenizer.add_tokens([AddedToken(token, special=False, normalized=False)])
    before, after = ([v["tokens"][v[role]]] if adds else [] for role, adds in (("bos", v["add_bos"]), ("eos", v["add_eos"])))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=before + ["$A"] + after, special_tokens=[(t, v["tokens"].index(t)) for t in before + after])
    return tokenizer


def byte_tokenizer(v, pre):
    vocab = {t: i for i, t in enumerate(v["tokens"])}
    merges = [tuple(m.split(" ")) for m in v["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=pre in IGNORING_MERGES))
    steps = [step if not isinstance(step, str) else pre_tokenizers.Split(Regex(step), "isolated") for step in PATTERNS[pre]]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return add_tokens(tokenizer, v)


def piece_tokenizer(v):
    vocab = {t: i for i, t in enumerate(v["tokens"])}
    merges = []
    for token, i in vocab.items():
        if v["types"][i] in (1, USER):
            for j in range(1, len(token)):
                if token[:j] in vocab and token[j:] in vocab:
                    merges.append((-v["scores"][i], vocab[token[:j]], vocab[token[j:]], token[:j], token[j:]))
    merges.sort()
    tokenizer = Tokenizer(models.BPE(
        vocab=vocab, merges=[m[3:] for m in merges], byte_fallback=True, fuse_unk=True, unk_token=v["tokens"][v["unk"]]))
    replace = normalizers.Replace(" ", MARK)
    blank = v["add_space_prefix"]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), replace]) if blank else replace
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()] + [decoders.Strip(" ", 1, 0)] * blank)
    return add_tokens(tokenizer, v)


def golden(tokenizer):
    blocks = []
    for start in range(0, len(LINES), BLOCK):
        found = [0xCBF29CE484222325] * 3
        for line in LINES[start:start + BLOCK]:
            ids = tokenizer.encode(line, add_special_tokens=False).ids
            parts = [b"".join(i.to_bytes(4, "little") for i in ids) + b"\xff" * 4]
            parts += [tokenizer.decode(ids, skip_special_tokens=skip).encode() + b"\xff" for skip in (False, True)]
            found = [fnv1a(digest, part) for digest, part in zip(found, parts)]
        blocks.append([f"{digest:016x}" for digest in found])
    return {"special_ids": tokenizer.encode("a b").ids, "blocks": blocks}


def unigram_model(name):
    """The model of a folder of ../sentencepiece, without symbols of users: the converter knows them in added_tokens.json only."""
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((HERE.parent / "sentencepiece" / name / "spiece.model").read_bytes())
    kept = [piece for piece in model.pieces if piece.type != USER]
    del model.pieces[:]
    model.pieces.extend(kept)
    return model


def unigram_vocabulary(model, added, filling):
    """As llama.cpp's conversion/t5.py writes it: what fills the table up is never used."""
    spm = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    kind = lambda i: 2 if spm.IsUnknown(i) else CONTROL if spm.IsControl(i) else 5 if spm.IsUnused(i) else 6 if spm.IsByte(i) else 1  # noqa: E731
    size = spm.vocab_size()
    tokens = [spm.IdToPiece(i) for i in range(size)] + added + [f"[PAD{size + len(added) + i}]" for i in range(filling)]
    rules = model.normalizer_spec
    return {"model": "t5", "tokens": tokens, "types": [kind(i) for i in range(size)] + [USER] * len(added) + [5] * filling,
            "scores": [spm.GetScore(i) for i in range(size)] + [-1000.0] * len(added) + [-10000.0] * filling,
            "bos": None, "eos": 1, "unk": 2, "pad": 0, "add_bos": None, "add_eos": None, "add_space_prefix": rules.add_dummy_prefix,
            "remove_extra_whitespaces": rules.remove_extra_whitespaces, "precompiled_charsmap": list(rules.precompiled_charsmap)}


def unigram_ties(spm, texts):
    """Whether the best pieces of a text are not the only ones: versions of the library differ in which of them they take."""
    for text in texts:
        best = [sum(spm.GetScore(i) for i in ids) for ids in spm.nbest_encode(text, nbest_size=2)]
        if len(best) == 2 and abs(best[0] - best[1]) < 1e-3:
            return True
    return False


def unigram_golden(model, v):
    """Digests of the ids of each block: the library's, of the stretches of text between special tokens, without the lines with ties."""
    spm = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    apart = {t: i for i, (t, kind) in enumerate(zip(v["tokens"], v["types"])) if kind in (2, CONTROL, USER)}
    pattern = re.compile("(" + "|".join(re.escape(t) for t in sorted(apart, key=len, reverse=True)) + ")")
    ties = [i for i, line in enumerate(LINES) if unigram_ties(spm, [part for part in pattern.split(line) if part and part not in apart])]
    digests = []
    for start in range(0, len(LINES), BLOCK):
        digest = 0xCBF29CE484222325
        for line in (LINES[i] for i in range(start, start + BLOCK) if i not in ties):
            ids = [i for part in pattern.split(line) if part for i in ([apart[part]] if part in apart else spm.encode(part))]
            digest = fnv1a(digest, b"".join(i.to_bytes(4, "little") for i in ids) + b"\xff" * 4)
        digests.append(f"{digest:016x}")
    return {"ties": ties, "blocks": digests}


def read_gguf(path):
    from gguf import GGUFReader

    fields = {k: f.contents() for k, f in GGUFReader(path).fields.items() if k.startswith("tokenizer.")}
    get = lambda key, default=None: fields.get("tokenizer.ggml." + key, default)  # noqa: E731
    return {"model": get("model"), "pre": get("pre"), "tokens": get("tokens"), "types": get("token_type"), "merges": get("merges"),
            "scores": get("scores"), "bos": get("bos_token_id"), "eos": get("eos_token_id"), "unk": get("unknown_token_id"),
            "add_bos": get("add_bos_token", get("model") == "llama"), "add_eos": get("add_eos_token", False),
            "add_space_prefix": get("add_space_prefix", True)}


def text_lines(folder, count):
    """Lines from all over the plain text of a folder, the same each time."""
    paths = sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix in (".txt", ".csv", ".jsonl", ".gz"))
    lines = []
    for path in paths:
        opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
        with opened as file:
            own = [line.rstrip("\n") for line, _ in zip(file, range(20_000))]
        own = [line for line in own if line]
        lines += own[:: max(1, len(own) // 100)]
    return lines[:: max(1, len(lines) // count)][:count]


def real(models_folder, text_folder):
    result = {}
    lines = [line[:120] for line in text_lines(text_folder, 100)] + [line[:120] for line in LINES[400:10_000:96]]
    for name, file in (("smollm2", "smollm2-135m-instruct-q4_1.gguf"), ("gemma3", "gemma-3-270m-q4_k_m.gguf")):
        v = read_gguf(pathlib.Path(models_folder) / file)
        tokenizer = byte_tokenizer(v, v["pre"]) if v["model"] == "gpt2" else piece_tokenizer(v)
        result[name] = golden(tokenizer) | {"ids": [tokenizer.encode(line, add_special_tokens=False).ids for line in lines]}
    return {"lines": lines, **result}


def main():
    v = byte_vocabulary() | {"add_bos": True, "add_eos": False}
    write_json(HERE / "bytes.json", v)
    expected = {pre: golden(byte_tokenizer(v, pre)) for pre in PATTERNS}
    pieces = piece_vocabulary([]) | {"add_bos": True, "add_eos": True, "add_space_prefix": True}
    write_json(HERE / "pieces.json", pieces)
    expected["pieces"] = golden(piece_tokenizer(pieces))
    expected["pieces-without-prefix"] = golden(piece_tokenizer(pieces | {"add_space_prefix": False, "add_eos": False}))
    # Some bytes have no token: characters with them are unknown.
    partial = piece_vocabulary(["<0xE3>", "<0x81>", "<0xF0>"]) | {"add_bos": False, "add_eos": False, "add_space_prefix": True}
    write_json(HERE / "partial.json", partial)
    expected["partial"] = golden(piece_tokenizer(partial))
    write_json(HERE / "expected.json", expected)
    digests = {}
    for name, source, added, filling in (("unigram", "t5", ["<extra_id_1>", "<extra_id_0>"], 5), ("unigram-bytes", "t5-new", [], 0)):
        model = unigram_model(source)
        v = unigram_vocabulary(model, added, filling)
        write_json(HERE / f"{name}.json", v)
        digests[name] = unigram_golden(model, v)
    write_json(HERE / "unigram-expected.json", digests)
    if len(sys.argv) > 2:
        write_json(HERE / "real.json", real(sys.argv[1], sys.argv[2]))
    write_manifest(HERE, SEED, "vocabularies as in GGUF files, digests per block of 500 hard lines by Hugging Face's tokenizers")


if __name__ == "__main__":
    main()
