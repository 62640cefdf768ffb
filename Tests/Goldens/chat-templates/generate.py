"""Chat template goldens: what transformers' apply_chat_template writes, by jinja2 in its own environment (sandboxed, trim_blocks,
lstrip_blocks, loop controls, its tojson, generation blocks).

The families' templates are our own, each with the constructs of those of a family; snippets.py has a small template for each part of
the language. Results are the text with the ranges of generation blocks in bytes, what raise_exception said, or an error.

Run: python Tests/Goldens/chat-templates/generate.py [FOLDER...]

With folders of templates of others, such as models/templates in the source of llama.cpp, or GGUF files, it writes what those make of the
conversations as checksums, so that nothing of them is kept.
"""

import datetime
import hashlib
import json
import math
import platform
import random
import re
import struct
import sys
from pathlib import Path

import jinja2
import transformers
import transformers.utils.chat_template_utils as utilities
from conversations import CONVERSATIONS, TOKENS
from snippets import ALL, VARIABLES

HERE = Path(__file__).resolve().parent
SEED, SECONDS = 20261130, 1_790_000_000


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(SECONDS, datetime.timezone.utc)


utilities.datetime = FixedTime


def render(source, conversation):
    variables = TOKENS | conversation.get("extra", {})
    # As apply_chat_template does.
    messages = [{key: value for key, value in each.items() if value is not None} for each in conversation["messages"]]
    inputs = dict(
        conversations=[messages], chat_template=source, tools=conversation.get("tools"),
        documents=conversation.get("documents"), add_generation_prompt=conversation.get("prompt", False), **variables)
    try:
        if conversation.get("continue", False):
            return {"text": utilities.render_jinja_template(continue_final_message=True, **inputs)[0][0]}
        if not re.search(r"\{\%-?\s*generation\s*-?\%\}", source):
            return {"text": utilities.render_jinja_template(**inputs)[0][0], "ranges": []}
        texts, ranges = utilities.render_jinja_template(return_assistant_tokens_mask=True, **inputs)
        bytes_before = lambda index: len(texts[0][:index].encode())
        return {"text": texts[0], "ranges": [[bytes_before(a), bytes_before(b)] for a, b in ranges[0]]}
    except jinja2.exceptions.TemplateError as error:
        return {"raised": error.message} if type(error) is jinja2.exceptions.TemplateError else {"error": str(error)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def numbers():
    """Doubles by their bits, and what Python writes for them."""
    draw = random.Random(SEED)
    values = [0.1, 1e22, 1e21, 123456789.125, 1e-5, 9.999e-5, 2.0**53, 2.0**54, 1e16, 9999999999999998.0, 1.7976931348623157e308]
    values += [struct.unpack("<d", struct.pack("<Q", draw.getrandbits(64)))[0] for _ in range(300)]
    values += [draw.uniform(-1e6, 1e6) for _ in range(50)] + [round(draw.uniform(0, 100), 2) for _ in range(50)]
    return [[str(struct.unpack("<Q", struct.pack("<d", value))[0]), repr(value)] for value in values if math.isfinite(value)]


def checksum(data):
    """FNV-1a of 64 bits, in hexadecimal."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def summary(result):
    """Of what a template made, or raised; of errors only that there was one."""
    return "error" if "error" in result else checksum(result.get("text", result.get("raised")).encode())


def sources(place):
    place = Path(place)
    if place.suffix != ".gguf":
        return [path.read_bytes() for path in sorted(place.glob("*.jinja"))]
    from gguf import GGUFReader

    field = GGUFReader(place).fields.get("tokenizer.chat_template")
    return [bytes(field.parts[-1])] if field else []


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", newline="")


def main():
    write_json("conversations.json", {"tokens": TOKENS, "seconds": SECONDS, "conversations": CONVERSATIONS})
    families = {path.stem: path.read_bytes().decode() for path in sorted((HERE / "families").glob("*.jinja"))}
    write_json("families.json", {name: [render(source, each) for each in CONVERSATIONS] for name, source in families.items()})
    empty = {"messages": [], "extra": VARIABLES}
    write_json("snippets.json", {"variables": VARIABLES, "cases": [{"template": each, **render(each, empty)} for each in ALL]})
    write_json("numbers.json", numbers())
    if len(sys.argv) > 1:
        found = {}
        for place in sys.argv[1:]:
            for source in sources(place):
                results = [render(source.decode(), each) for each in CONVERSATIONS]
                found[checksum(source)] = [summary(each) for each in results]
        write_json("others.json", dict(sorted(found.items())))
    files = sorted(path for path in HERE.rglob("*") if path.suffix in (".json", ".jinja") and path.name != "manifest.json")
    manifest = {
        "generator": "generate.py",
        "notes": {
            "families.json": "of each family, in the order of conversations.json: text, ranges in bytes of generation blocks; raised; error",
            "numbers.json": "the bits of doubles, and Python's repr",
            "others.json": "by the FNV-1a of a template: of what it makes of each conversation, or of what it raises, the FNV-1a; error. "
            "templates of llama.cpp's sources (models/templates of its Python package 0.3.36), and of SmolLM2 135M Instruct as a GGUF file",
            "snippets.json": "templates, rendered with the variables and no messages",
        },
        "seed": SEED,
        "sha256": {str(path.relative_to(HERE)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        "versions": {"jinja2": jinja2.__version__, "python": platform.python_version(), "transformers": transformers.__version__},
    }
    write_json("manifest.json", manifest)


if __name__ == "__main__":
    main()
