"""Writes the goldens of templates and tables: python generate.py (the standard library alone).

templates.json: what `str.format` makes of templates, once the escapes that this package knows stand for their characters.
tables.json: what the module `csv` reads in hard tables, with commas (its dialect excel) and with tabs (excel-tab).
"""

import csv
import hashlib
import io
import json
import pathlib
import platform

HERE = pathlib.Path(__file__).parent

VALUES = {
    "question": "How far is the moon?", "context": "", "Ä b": "Zoë\n", "raw": "braces {question} {{}} \\n", "n": 12,
    "e\u0301": "decomposed", "😀": "a face",
}

TEMPLATES = [
    "{question}",
    r"Question: {question}\nAnswer:",
    r"{context}\n\n{question}\t{question}\\n",
    r"{{{question}}} {{question}} }}{{ {{{{",
    "{Ä b}{e\u0301}|{😀}",
    r"\\{question}\\\n",
    "{question}\u0301 e\u0301 a real\nline and a tab\t.",
    r"{n} + {n} = ",
    r"{raw}{question}",
]

TABLES = [
    "a,b\n1,2\n",
    "a,b\r\n1,2\r\n3,4",
    'a,b\r\n"x, y","say ""no"""\r\n"two\r\nlines",""""\r\n',
    'a,b\n"x"y,z"z\n"",\n,""\n',
    'a,"b c",d\n"\n\n",\t , "q"\n',
    '"a","b"\n"one\rtwo",Café Zoë 😀\n',
    "b,a\n{question},{}\n",
    "a\tb\n1,2\t3\n",
    'a\tb\n"tab\there"\t"line\nhere"\n',
]


def template(text):
    resolved, rest = "", text
    while rest:
        pair = {r"\n": "\n", r"\t": "\t", r"\\": "\\"}.get(rest[:2])
        resolved, rest = (resolved + pair, rest[2:]) if pair else (resolved + rest[0], rest[1:])

    return {"template": text, "prompt": resolved.format(**VALUES)}


def table(text):
    dialect = "excel-tab" if "\t" in text.split("\n")[0] else "excel"
    rows = list(csv.DictReader(io.StringIO(text, newline=""), dialect=dialect))
    return {"text": text, "separator": csv.get_dialect(dialect).delimiter, "rows": rows}


def main():
    files = {
        "templates.json": {"values": VALUES, "cases": [template(text) for text in TEMPLATES]},
        "tables.json": [table(text) for text in TABLES],
    }
    for name, contents in files.items():
        (HERE / name).write_text(json.dumps(contents, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    manifest = {
        "made_with": {"python": platform.python_version()},
        "seed": None,
        "sha256": {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in files},
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


main()
