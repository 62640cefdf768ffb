"""Writes the seeds of `tokenizer` and `sentencepiece`: files made to crash a reader or to exhaust the machine, small.

    python3 Fuzzing/corpus/generate.py
"""

import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
BPE = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}


def document(name, **parts):
    value = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None,
             "decoder": None, "model": BPE, **parts}
    (HERE / "tokenizer" / f"{name}.json").write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def token(identifier, content, **more):
    return {"id": identifier, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True, **more}


def replace(found, put, kind="String"):
    return {"type": "Replace", "pattern": {kind: found}, "content": put}


def tokenizer():
    for name, pattern in [
            ("alternatives", "(?:" + "|".join([".*b"] * 50) + ")|."), ("nested", "(a+)+$"), ("atomic", "(?:(?>a*)b|a)+$"),
            ("back", "(a+)\\1+c"), ("optional", "(?:a?){50}a{50}c"), ("empty", "(?=a)|(?!b)|$")]:
        document(f"pattern-{name}", pre_tokenizer=split(pattern))
    document("growth-replace", normalizer={"type": "Sequence", "normalizers": [replace("a", "a" * 16)] * 3})
    document("growth-spelling", pre_tokenizer={
        "type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}] * 40})
    document("growth-prepend", normalizer={"type": "Prepend", "prepend": "a" * 1000}, added_tokens=[token(3, "b")])
    document("growth-decoder", decoder={"type": "Sequence", "decoders": [replace("a", "a" * 60)] * 2})
    document("growth-regex", decoder=replace("(a+)+$", "b", "Regex"))
    document("added-alike", added_tokens=[token(3 + n, "a" * 20 + f"<{n}>") for n in range(200)])
    document("added-stripping", added_tokens=[
        token(3, "x", rstrip=True), token(4, " ", lstrip=True, rstrip=True), token(5, "y", lstrip=True, single_word=True)])
    document("many-steps", pre_tokenizer={"type": "Sequence", "pretokenizers": [split("b")] * 200})
    document("literal", normalizer=replace("a" * 3000 + "b", ""))
    document("unigram-long", model={
        "type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1], ["a" * 5000, -2]]})
    document("unigram-scores", model={
        "type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 1e308], ["a", 1e308], ["aa", -1e308]]})
    document("words-long", model={
        "type": "WordPiece", "unk_token": "a", "continuing_subword_prefix": "", "max_input_chars_per_word": 2147483647,
        "vocab": {"a": 0, "a" * 5000: 1}})
    document("template", post_processor={
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x", "type_id": 0}}] * 200 + [
            {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [], "special_tokens": {"x": {"id": "x", "ids": [0] * 200, "tokens": []}}})
    document("prefix", model={**BPE, "byte_fallback": True, "continuing_subword_prefix": "a" * 17})
    document("strip", decoder={"type": "Strip", "content": "a", "start": 2147483647, "stop": 2147483647})


def number(value):
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(key, content):
    return bytes([key << 3 | 2]) + number(len(content)) + content


def piece(spelling, kind=1, score=-1.0):
    return field(1, field(1, spelling) + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind]))


def rules(replacement, size=256):
    units = [1 << 31] * size
    units[0] = 1 << 10
    units[1 ^ 0x41] = 0x41 | 1 << 8 | (1 ^ 0x41 ^ 2) << 10
    return field(3, field(2, struct.pack(f"<I{size}I", 4 * size, *units) + replacement + b"\0"))


def sentencepiece():
    base = piece(b"<unk>", 2) + piece("\u2581".encode()) + piece(b"a") + piece(b"</s>", 3)
    for name, more in [
            ("long-piece", piece(b"a" * 300_000)), ("long-symbol", piece(b"a" * 20_000, 4)),
            ("alike", b"".join(piece(b"a" * n) for n in range(2, 100))),
            ("symbols-alike", b"".join(piece(b"a" * n, 4) for n in range(2, 66))),
            ("unused-chain", b"".join(piece(b"a" * n, 5, -n) for n in range(2, 100)) + field(2, b"\x18\x02")),
            ("growing-rule", rules(b"a" * 255)), ("rule", rules(b"bb"))]:
        (HERE / "sentencepiece" / f"{name}.model").write_bytes(base + more)


tokenizer()
sentencepiece()
