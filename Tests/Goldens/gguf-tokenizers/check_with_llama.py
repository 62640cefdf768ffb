"""Compares llama.cpp with the goldens of generate.py, line by line: the same values as a GGUF file, the same hard lines.

    python check_with_llama.py llama_tokenize [real models and text, as for generate.py]

`llama_tokenize` is built from llama_tokenize.cpp. Prints how many lines differ, the first of them, and the ids at which llama.cpp
ends a generation. Version 0.5.0 differs only where its patterns approximate those of the models' tokenizer.json (tekken and gpt-4o:
marks and capitals beyond ASCII; deepseek-coder: white space within U+0800 to U+4E00), and, on a handful of lines of real
vocabularies of bytes, where its tables of Unicode are of another version: code points without an assignment stand alone there.
"""

import pathlib
import struct
import subprocess
import sys
import tempfile

import generate
from gguf import GGUFWriter


def write_gguf(path, v, pre):
    writer = GGUFWriter(path, "llama")
    writer.add_tokenizer_model(v["model"])
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(v["tokens"])
    writer.add_token_types(v["types"])
    if v["model"] == "gpt2":
        writer.add_token_merges(v["merges"])
    else:
        writer.add_token_scores(v["scores"])
        writer.add_add_space_prefix(v["add_space_prefix"])
        writer.add_unk_token_id(v["unk"])
    writer.add_bos_token_id(v["bos"])
    writer.add_eos_token_id(v["eos"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def llama_ids(program, path, lines):
    texts = b"".join(struct.pack("<I", len(t)) + t for t in (line.encode() for line in lines))
    out = subprocess.run([program, str(path)], input=texts, capture_output=True, check=True).stdout
    found, position = [], 0
    while position < len(out):
        count = struct.unpack_from("<I", out, position)[0]
        found.append(list(struct.unpack_from(f"<{count}i", out, position + 4)))
        position += 4 + 4 * count
    return found[0], found[1:]


def compare(name, program, path, tokenizer, lines):
    ends, found = llama_ids(program, path, lines)
    expected = [tokenizer.encode(line, add_special_tokens=False).ids for line in lines]
    wrong = [i for i in range(len(lines)) if found[i] != expected[i]]
    print(f"{name}: {len(wrong)} of {len(lines)} lines differ; ends {ends}", flush=True)
    for i in wrong[:2]:
        print("   ", ascii(lines[i][:120]), "\n    llama.cpp", found[i][:30], "\n    expected ", expected[i][:30])
    return wrong


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "vocabulary.gguf"
        v = generate.byte_vocabulary() | {"add_bos": True, "add_eos": False}
        for pre in generate.PATTERNS:
            write_gguf(path, v, pre)
            compare(pre, program, path, generate.byte_tokenizer(v, pre), generate.LINES)
        for blank in (True, False):
            v = generate.piece_vocabulary([]) | {"add_bos": True, "add_eos": True, "add_space_prefix": blank}
            write_gguf(path, v, "default")
            compare(f"pieces, prefix {blank}", program, path, generate.piece_tokenizer(v), generate.LINES)
    if len(sys.argv) > 3:
        lines = generate.LINES + generate.text_lines(sys.argv[3], 10_000)
        for file in ("smollm2-135m-instruct-q4_1.gguf", "gemma-3-270m-q4_k_m.gguf"):
            path = pathlib.Path(sys.argv[2]) / file
            v = generate.read_gguf(path)
            tokenizer = generate.byte_tokenizer(v, v["pre"]) if v["model"] == "gpt2" else generate.piece_tokenizer(v)
            compare(file, program, path, tokenizer, lines)


if __name__ == "__main__":
    main()
