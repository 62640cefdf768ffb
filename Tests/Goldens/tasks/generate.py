"""Writes the goldens of the task tests: pip install transformers tokenizers; python generate.py FOLDER

FOLDER holds GPT-2's vocab.json and merges.txt. The examples are made up; the layouts are those of the data sets. Each
golden has the ids of the authors' template tokenized as ONE string by the reference tokenizer, and the ids of every
text between special tokens, from which the test builds a stand-in tokenizer.
"""

import hashlib
import json
import pathlib
import sys

import tokenizers
from tokenizers import AddedToken, ByteLevelBPETokenizer

HERE = pathlib.Path(__file__).parent
END = "<|endoftext|>"

EXAMPLES = [
    # E2E: the text ends with a space of its own.
    ("name : The Quiet Otter | area : harbour | family friendly : no", "There is a bar called The Quiet Otter . "),
    ("name : Café Zoë | price : £ 20 - 25", "Café Zoë costs £ 20 - 25 . "),
    # WebNLG: the source begins with a space and the separator.
    (" | Elm_Airport : runwayLength : 1200.0 | Elm_Airport : cityServed : \"Elm, Ohio\"", "Elm Airport serves Elm."),
    # DART: no leading separator.
    ("Elm College : nickname : Owls | [TABLECONTEXT] : [title] : Colleges", "Elm College's nickname is the Owls."),
]


def main():
    folder = pathlib.Path(sys.argv[1])
    tokenizer = ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.add_special_tokens([AddedToken(END, normalized=False)])
    encode = lambda text: tokenizer.encode(text).ids
    assert encode(END) == [50256]

    rows = []
    for prompt, completion in EXAMPLES:
        whole = encode(f" {prompt} {END} {completion} {END}")
        rows.append(
            {
                "prompt": prompt,
                "completion": completion,
                "template": whole,
                "decoding_prompt": encode(f" {prompt} {END}"),
                "pieces": {text: encode(text) for text in (f" {prompt} ", f" {completion} ", prompt, completion)},
            }
        )
    # What is known of the authors' ids: a lone space (220) before each end-of-text, two after E2E's own space.
    first = rows[0]["template"]
    mark = first.index(50256)
    assert tokenizer.id_to_token(first[mark - 2]) == "Ġno" and first[mark - 1] == 220
    assert tokenizer.id_to_token(first[mark + 1]) == "ĠThere" and first[-3:] == [220, 220, 50256], first[-4:]
    assert [tokenizer.id_to_token(i) for i in rows[2]["template"][:2]] == ["Ġ", "Ġ|"]

    (HERE / "templates.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    manifest = {
        "made_with": {"tokenizers": tokenizers.__version__},
        "seed": None,
        "sha256": {"templates.json": hashlib.sha256((HERE / "templates.json").read_bytes()).hexdigest()},
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


main()
