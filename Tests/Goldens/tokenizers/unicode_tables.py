"""Writes CharacterClassTable.swift: which code points Hugging Face's tokenizers take for letters, numbers, white space
and word characters. Every code point is put to the library itself, so that its Unicode version and its regular
expression engines are the ones described, not those of this Python or of a Swift toolchain.

    python unicode_tables.py > ../../../Sources/Tokenizers/CharacterClassTable.swift
"""

import textwrap

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

OTHER, LETTER, NUMBER, SPACE = 0, 1, 2, 3


def scalars():
    return (c for c in range(0x110000) if not 0xD800 <= c < 0xE000)


def word_classes():
    """Class of each code point under GPT-2's pattern, found by asking what it joins with."""
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    classes = bytearray(0x110000)
    for c in scalars():
        for partner, found in (("a", LETTER), ("1", NUMBER), ("!", OTHER)):
            if len(splitter.pre_tokenize_str(partner + chr(c))) == 1:
                classes[c] = found
                break
        else:
            classes[c] = SPACE
    return classes


def word_characters():
    """1 where a code point counts as part of a word beside an added token with `single_word`."""
    tokenizer = Tokenizer(models.BPE(vocab={}, merges=[]))
    tokenizer.add_tokens([AddedToken("[X]", single_word=True, normalized=False)])
    flags = bytearray(0x110000)
    for c in scalars():
        flags[c] = len(tokenizer.encode("[X]" + chr(c)).ids) == 0
    return flags


def stripped_spaces():
    """1 where a code point is swallowed by an added token with `rstrip`."""
    tokenizer = Tokenizer(models.BPE(vocab={}, merges=[]))
    tokenizer.add_tokens([AddedToken("[X]", rstrip=True, normalized=False)])
    flags = bytearray(0x110000)
    for c in scalars():
        flags[c] = tokenizer.encode("[X]" + chr(c)).offsets[0][1] == 4
    return flags


def runs(flags):
    """Run lengths, alternately outside and inside the set, in base 36."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"

    def base36(n):
        return digits[n] if n < 36 else base36(n // 36) + digits[n % 36]

    out, inside, start = [], False, 0
    for c in range(0x110000):
        if bool(flags[c]) != inside:
            out.append(base36(c - start))
            start, inside = c, not inside
    if inside:
        out.append(base36(0x110000 - start))
    return " ".join(out)


def main():
    classes = word_classes()
    spaces = [c == SPACE for c in classes]
    assert spaces == [bool(f) for f in stripped_spaces()]
    print("// Written by Tests/Goldens/tokenizers/unicode_tables.py; do not edit.")
    print(f"// Source: every code point put to Hugging Face tokenizers {tokenizers.__version__}.\n")
    print("extension CharacterClasses {")
    for name, flags, meaning in (
        ("letterRuns", [c == LETTER for c in classes], r"`\p{L}`"),
        ("numberRuns", [c == NUMBER for c in classes], r"`\p{N}`"),
        ("spaceRuns", spaces, r"`\s`"),
        ("wordRuns", word_characters(), r"`\w`"),
    ):
        print(f"    /// {meaning}: lengths of the runs of code points outside and inside the set, in turn, in base 36.")
        print(f'    static let {name} = """')
        lines = textwrap.wrap(runs(flags), 108)
        for i, line in enumerate(lines):
            print(f"        {line}" + (" \\" if i + 1 < len(lines) else ""))
        print('        """\n' if name != "wordRuns" else '        """')
    print("}")


main()
