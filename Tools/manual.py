#!/usr/bin/env python3
"""Writes the man pages of the tool, prefixtune.1 and one for each subcommand, from what its argument parser says of itself.

Usage: manual.py TOOL FOLDER

swift-argument-parser comes with a generator of its own; it drops every letter that is not ASCII and runs the lines of examples
together, and needs a build.
"""

import datetime
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap

ENVIRONMENT = [
    ("PREFIXTUNE_MODEL", "The model of commands without --model, where no prefix or adapter records its own."),
    ("PREFIXTUNE_THREADS", "Threads of tensor work where --threads does not say; all cores by default."),
    ("HF_HOME, HF_HUB_CACHE", "Where models and adapters from the hub lie: the folders of the Python tools."),
    ("HF_TOKEN", "The token for private models, and for push."),
    ("HF_ENDPOINT", "Another hub."),
    ("HF_HUB_OFFLINE", "1: no network; what is in the cache is used."),
    ("PREFIXTUNE_METEOR_DATA", "The folder of METEOR's word lists and paraphrases, from the unpacked meteor-1.5.jar."),
    ("WNSEARCHDIR", "The folder of WordNet, for METEOR's synonyms."),
]
EXIT = [
    ("0", "Success."),
    ("1", "The work failed; one sentence on standard error says why."),
    ("2", "The command line cannot be understood."),
    ("128 + N", "Signal N ended it, after what is done was saved: 130 after Ctrl-C, 143 after SIGTERM, 129 after a closed terminal."),
]


def escape(text):
    """Text of a line: no letter of it is a command of roff, and what will be typed stays as it is."""
    for plain, roff in ("\\", r"\e"), ("-", r"\-"), ("'", r"\(aq"), ("`", r"\(ga"), ("^", r"\(ha"), ("~", r"\(ti"), ('"', r"\(dq"):
        text = text.replace(plain, roff)
    return r"\&" + text if text.startswith(".") else text


def wrapped(text):
    return [escape(line) for line in textwrap.wrap(text, 72, break_long_words=False, break_on_hyphens=False)]


def prose(text):
    """Paragraphs; lines that begin with two blanks are kept as they are."""
    lines = []
    for example, block in itertools.groupby(text.split("\n"), lambda line: line.startswith("  ")):
        if example:
            lines += [".PP", ".RS 4", ".EX"] + [escape(line[2:]) for line in block] + [".EE", ".RE"]
        else:
            for line in filter(None, block):
                lines += [".PP"] + wrapped(line)
    # The heading begins a paragraph.
    return lines[1:]


def sections(discussion):
    """The text, then what follows each line of capitals, such as EXAMPLES."""
    parts = re.split(r"^([A-Z][A-Z ]+)\n", discussion.strip() + "\n", flags=re.M)
    return parts[0].strip(), [(parts[i], parts[i + 1].strip("\n")) for i in range(1, len(parts), 2)]


def spelled(name):
    dashes = "--" if name["kind"] == "long" else "-"
    return rf"\fB{escape(dashes + name['name'])}\fR"


def value(argument):
    return rf"\fI{escape(argument['valueName'])}\fR" + (r" .\|.\|." if argument["isRepeating"] else "")


def item(argument):
    """One option: its names, what it is, its values and its default."""
    names = [spelled(n) for n in argument.get("names", [])]
    head = ", ".join(names) + (" " + value(argument) if argument["kind"] == "option" else "")
    if argument["kind"] == "positional":
        head = value(argument)
    text = [argument.get("abstract", "").strip(), argument.get("discussion", "").strip()]
    facts = []
    if argument.get("allValues"):
        facts.append("values: " + ", ".join(argument["allValues"]))
    if argument.get("defaultValue"):
        facts.append("default: " + argument["defaultValue"])
    if facts:
        text.append(f"({'; '.join(facts)})")
    return [".TP", head] + [line for t in text for part in t.split("\n") for line in wrapped(part)]


def synopsis(name, arguments, has_subcommands):
    if has_subcommands:
        return [rf"\fB{escape(name)}\fR \fIcommand\fR [\fIoption\fR .\|.\|.]"]
    words = [rf"\fB{escape(name)}\fR"]
    for a in arguments:
        word = value(a)
        if a["kind"] == "option":
            word = f"{spelled(a['preferredName'])} {word}"
        if a["kind"] == "flag" or a["isOptional"]:
            continue
        words.append(word)
    return [" ".join(words + [r"[\fIoption\fR .\|.\|.]"])]


def page(command, parents, version, date):
    names = parents + [command["commandName"]]
    file, typed = "-".join(names), " ".join(names)
    arguments = [a for a in command.get("arguments", []) if a["shouldDisplay"]]
    children = [c for c in command.get("subcommands", []) if c["shouldDisplay"] and c["commandName"] != "help"]
    text, more = sections(command.get("discussion", ""))
    lines = [r'.\" Made from prefixtune by Tools/manual.py.', f'.TH {file.upper()} 1 {date} "prefixtune {version}" "User Commands"']
    lines += [".SH NAME", escape(file) + r" \- " + escape(command.get("abstract", "").rstrip("."))]
    lines += [".SH SYNOPSIS"] + synopsis(typed, arguments, children)
    if text:
        lines += [".SH DESCRIPTION"] + prose(text)
    if children:
        lines += [".SH COMMANDS"]
        for child in children:
            lines += [".TP", rf"\fB{child['commandName']}\fR", *wrapped(child.get("abstract", ""))]
    titles = []
    for a in arguments:
        title = a.get("sectionTitle") or ("Arguments" if a["kind"] == "positional" else "Options")
        if title not in titles:
            titles.append(title)
    for title in sorted(titles, key=lambda t: (t != "Arguments", t != "Options")):
        lines.append(f'.SH "{escape(title.upper())}"')
        for a in arguments:
            if (a.get("sectionTitle") or ("Arguments" if a["kind"] == "positional" else "Options")) == title:
                lines += item(a)
    for title, body in more:
        lines += [f'.SH "{escape(title)}"'] + prose(body)
    if not parents:
        lines.append('.SH "EXIT STATUS"')
        for code, meaning in EXIT:
            lines += [".TP", rf"\fB{escape(code)}\fR", *wrapped(meaning)]
        lines.append(".SH ENVIRONMENT")
        for variable, meaning in ENVIRONMENT:
            lines += [".TP", rf"\fB{escape(variable)}\fR", *wrapped(meaning)]
    others = [f"{file}-{c['commandName']}" for c in children] if children else ["-".join(parents)]
    lines += [".SH \"SEE ALSO\""] + [rf"\fB{escape(o)}\fR(1)" + ("," if o != others[-1] else "") for o in others]
    yield f"{file}.1", "\n".join(lines) + "\n"
    for child in children:
        yield from page(child, names, version, date)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    tool, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    said = lambda option: subprocess.run([tool, option], check=True, capture_output=True, text=True).stdout
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", os.stat(tool).st_mtime))
    date = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).date().isoformat()
    root = json.loads(said("--experimental-dump-help"))["command"]
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("prefixtune*.1"):
        old.unlink()
    for name, text in page(root, [], said("--version").split()[0], date):
        (folder / name).write_text(text, encoding="utf-8")


main()
