"""Writes the Unicode tables of Sources/Tokenizers/Tables: which code points Hugging Face's tokenizers take for letters, numbers,
white space and so on, their lower case, and the normal forms. Every code point is put to the library itself, so that its
Unicode versions (it has several) are the ones described, not those of this Python or of a Swift toolchain.

    python unicode_tables.py    # a minute
"""

import pathlib
import textwrap
import unicodedata

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

SOURCES = pathlib.Path(__file__).parent.parent.parent.parent / "Sources" / "Tokenizers" / "Tables"

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


def flags_where(holds):
    flags = bytearray(0x110000)
    for c in scalars():
        flags[c] = holds(chr(c))
    return flags


def bert(**options):
    usual = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**usual, **options})


def base36(n):
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return digits[n] if n < 36 else base36(n // 36) + digits[n % 36]


def runs(flags):
    """Run lengths, alternately outside and inside the set, in base 36."""
    out, inside, start = [], False, 0
    for c in range(0x110000):
        if bool(flags[c]) != inside:
            out.append(base36(c - start))
            start, inside = c, not inside
    if inside:
        out.append(base36(0x110000 - start))
    return out


def lower_case():
    """Per run: gap to the run's first code point, number of code points, step, distance to the lower case (zigzag)."""
    lower = normalizers.Lowercase()
    pairs = []
    for c in scalars():
        mapped = lower.normalize_str(chr(c))
        if mapped != chr(c):
            if len(mapped) > 1:
                assert c == 0x130 and mapped == "i\u0307"  # the one that grows, written out in Swift
                continue
            pairs.append((c, ord(mapped) - c))
    grouped = []
    for c, distance in pairs:
        if grouped and grouped[-1][3] == distance:
            start, count, step, _ = grouped[-1]
            last = start + (count - 1) * step
            if c - last <= 2 and (count == 1 or c - last == step):
                grouped[-1] = (start, count + 1, c - last, distance)
                continue
        grouped.append((c, 1, 1, distance))
    out, end = [], 0
    for start, count, step, distance in grouped:
        out += [start - end, count, step, 2 * distance if distance >= 0 else -2 * distance - 1]
        end = start
    return [base36(n) for n in out]


def is_hangul(c):
    return 0xAC00 <= c < 0xD7A4


def decompositions(form, without=None):
    """Per code point that the form takes apart: gap to it, number of code points, and these. Hangul syllables, which
    are computed, are left out."""
    form, without = form(), without() if without else None
    out, last = [], 0
    for c in scalars():
        parts = form.normalize_str(chr(c))
        if parts == chr(c) or is_hangul(c) or (without and without.normalize_str(chr(c)) == parts):
            continue
        out += [c - last, len(parts)] + [ord(p) for p in parts]
        last = c
    return [base36(n) for n in out]


def combining_classes():
    """Per run of one class: gap to its first code point, number of code points, class; found by how marks are sorted."""
    form = normalizers.NFD()

    def is_sorted(a, b):
        return form.normalize_str("a" + a + b) == "a" + a + b

    # One mark of each class that the library knows to have one: it moves in front of or behind one of class 1.
    known = {}
    for c in scalars():
        k = unicodedata.combining(chr(c))
        if k == 1 or k > 1 and form.normalize_str(chr(c)) == chr(c) and not is_sorted(chr(c), "\u0334"):
            known.setdefault(k, chr(c))
    ranks = sorted(known)
    found = {}
    for c in scalars():
        x = chr(c)
        if is_hangul(c) or form.normalize_str(x) != x or is_sorted(known[ranks[-1]], x) and is_sorted(x, known[ranks[0]]):
            continue
        # The one class whose marks stay in front of x as well as behind it.
        exact = [k for k in ranks if is_sorted(known[k], x) and is_sorted(x, known[k])]
        assert len(exact) == 1, (hex(c), exact)
        found[c] = exact[0]
    out, end, run = [], 0, None
    for c in sorted(found):
        if run and run[0] + run[1] == c and run[2] == found[c]:
            run[1] += 1
        else:
            if run:
                out += [run[0] - end] + run[1:]
                end = run[0]
            run = [c, 1, found[c]]
    out += [run[0] - end] + run[1:]
    return [base36(n) for n in out]


def compositions():
    """Per pair that becomes one code point: that code point's gap, first, second."""
    form = normalizers.NFC()
    out, last = [], 0
    for c in scalars():
        parts = unicodedata.decomposition(chr(c)).split()
        if len(parts) != 2 or parts[0].startswith("<") or is_hangul(c):
            continue
        first, second = (int(p, 16) for p in parts)
        if form.normalize_str(chr(first) + chr(second)) == chr(c):
            out += [c - last, first, second]
            last = c
    return [base36(n) for n in out]


def write(name, extension, tables):
    with open(SOURCES / name, "w", encoding="utf-8") as out:
        print("// Written by Tests/Goldens/tokenizers/unicode_tables.py; do not edit.", file=out)
        print(f"// Source: every code point put to Hugging Face tokenizers {tokenizers.__version__}.\n", file=out)
        print(f"extension {extension} {{", file=out)
        for index, (table, words, meaning) in enumerate(tables):
            print(f"    /// {meaning}", file=out)
            print(f'    static let {table} = """', file=out)
            lines = textwrap.wrap(" ".join(words), 108)
            for i, line in enumerate(lines):
                print(f"        {line}" + (" \\" if i + 1 < len(lines) else ""), file=out)
            print('        """' + ("\n" if index + 1 < len(tables) else ""), file=out)
        print("}", file=out)


def main():
    classes = word_classes()
    spaces = [c == SPACE for c in classes]
    assert spaces == [bool(f) for f in stripped_spaces()]
    digits, punctuation = pre_tokenizers.Digits(), pre_tokenizers.Punctuation()
    separated = pre_tokenizers.WhitespaceSplit()
    assert spaces == [bool(f) for f in flags_where(lambda x: len(separated.pre_tokenize_str("a" + x + "a")) == 2)]
    marks = normalizers.StripAccents()
    nonspacing, controls = bert(strip_accents=True), bert(clean_text=True)
    listed = ": lengths of the runs of code points outside and inside the set, in turn, in base 36."
    write("CharacterClassTable.swift", "CharacterClasses", [
        (name, runs(flags), meaning + listed) for name, flags, meaning in (
            ("letterRuns", [c == LETTER for c in classes], r"`\p{L}`"),
            ("numberRuns", [c == NUMBER for c in classes], r"`\p{N}`"),
            ("spaceRuns", spaces, r"`\s`"),
            ("wordRuns", word_characters(), r"`\w`"),
            ("numericRuns", flags_where(lambda x: len(digits.pre_tokenize_str("a" + x)) == 2), "What `Digits` cuts at"),
            ("punctuationRuns", flags_where(lambda x: len(punctuation.pre_tokenize_str("a" + x)) == 2),
             "What `Punctuation` cuts at"),
            ("markRuns", flags_where(lambda x: not marks.normalize_str(x)), "What `StripAccents` removes"),
            ("nonspacingRuns", flags_where(lambda x: not nonspacing.normalize_str(x)),
             "What `BertNormalizer` removes as accents"),
            ("controlRuns", flags_where(lambda x: not controls.normalize_str(x)),
             "What `BertNormalizer` removes as control characters"),
        )])
    write("LetterCaseTable.swift", "LetterCase", [
        ("lowerRuns", lower_case(), "Per run, in base 36: distance to its first code point from the last run's, number of code "
         "points, step,\n    /// and distance to the lower case, doubled, less one where it is negative.")])
    gap = "in base 36: distance from the last entry's code point, "
    write("CanonicalTable.swift", "NormalForm", [
        ("combiningRuns", combining_classes(), "Per run, in base 36: distance to its first code point from the last run's, "
         "number of code points,\n    /// canonical combining class."),
        ("compositions", compositions(), f"Per composed code point, {gap}and the two that\n    /// become it."),
        ("canonicalDecompositions", decompositions(normalizers.NFD),
         f"Per code point that NFD takes apart, {gap}number of parts,\n    /// and the parts."),
    ])
    write("CompatibilityTable.swift", "NormalForm", [
        ("compatibilityDecompositions", decompositions(normalizers.NFKD, normalizers.NFD),
         f"Per code point that NFKD takes apart otherwise than NFD,\n    /// {gap}number of parts, and the parts.")])


main()
