"""Lines of text that tokenizers get wrong."""

import random

SPECIALS = ["<|endoftext|>", "<s>", "</s>", "<pad>", "<mask>", "[LEFT]", "[RIGHT]", "[WORD]", "[NORM]"]

SPACES = " \t\n\r\v\f\u0085\u00a0\u1680\u2000\u2003\u2009\u2028\u2029\u202f\u205f\u3000\u200b\ufeff\u180e"

HAND_MADE = [
    "", " ", "  ", "\n", "\r\n", "\t", "a", " a", "a ", " a ", "  a", "a  ", "a  b", "a   b", "a \n b", "a\n\nb",
    "a\r\n\r\n b", "x\u00a0y", "x \u00a0y", "x\u00a0 y", "\u3000\u3000x", "end \u2003", "\u0085", "a\u0085\u0085b",
    "It's we're they've I'm she'll he'd can't", "IT'S WE'RE", "'s't're've'm'll'd", "''s", "!'s", " 's", "'", "''",
    "' s", "'r", "'re", "'v", "'l", "'ll", "'lll", "'ſ", "rock'n'roll", "don\u2019t", "'s's's", "x'", "x' ",
    "Hello, world!", "Alimentum | area : city centre | family friendly : no", "1234567890", "3.14159", "1,000,000",
    "a1b2c3", "x² + y³ = z⁴", "½ ¾ Ⅷ ⅻ ①②③", "٠١٢٣٤٥٦٧٨٩", "०१२३४५", "一二三四", "𝟘𝟙𝟚", "𝒜𝓁𝓅𝒽𝒶", "𐒠𐒡",
    "é", "e\u0301", "e\u0301e\u0301", "\u0301", " \u0301", "a\u0300\u0301\u0302\u0303b", "Å\u212bA\u030a", "ﬁﬂ", "ǅǈ",
    "नमस्ते दुनिया", "สวัสดีชาวโลก", "こんにちは世界", "안녕하세요", "\u1112\u1161\u11ab", "مرحبا بالعالم", "שָׁלוֹם",
    "Привет, мир! Ёлка", "Γειά σου Κόσμε", "Tiếng Việt", "ḍ̇ ẓ̌", "ÿþÿ", "\u00ad\u00ad soft\u00adhyphen",
    "👍", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "❤️", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "a👍b 👍 c",
    "\x00", "a\x00b", "\x01\x02\x1f\x7f", "\x1b[31mred\x1b[0m", "\ufffd", "\ufffe\uffff", "\ue000\uf8ff", "\U0010ffff",
    "\U0001fffe\U000f0000", "\u200b\u200c\u200d\u2060\ufeff", "\u202eabc\u202c", "\u180e", "\u061c",
    "\u088f", "\u0c5c", "\ua7ce", "\U00010940", "\U0001df00", "\U00031350\U000323af", "\u1c89\u1c8a", "\U00010d4a",
    "<|endoftext|>", "a<|endoftext|>b", "a <|endoftext|> b", "<|endoftext|><|endoftext|>", "<|endoftext|", "|endoftext|>",
    "< |endoftext|>", "<<|endoftext|>>", "<|endoftext|>'s", " <|endoftext|>", "<|endoftext|> ", "<|EndOfText|>",
    "<s>x</s>", "</s></s>", "a <mask> b", "a  <mask>  b", "\u3000<mask>\u3000", "<mask><mask>", " <mask> <mask> ",
    "a [LEFT] b", "a  [LEFT]  b", "a [RIGHT] b", "a\n[RIGHT]\n\nb", "[RIGHT] [LEFT]", "[RIGHT]  [LEFT]", "[RIGHT] [RIGHT]",
    "[WORD]", "a[WORD]", "[WORD]a", "a [WORD] b", "a_[WORD]", "[WORD]\u0301", "é[WORD]", "[WORD]1", "-[WORD]-",
    "[WORD][WORD]", "\u200d[WORD]", "[NORM]", "x[NORM]y", " [NORM] [LEFT]", "[RIGHT]\u00a0\u2003x",
    "http://example.org/a?b=c&d=%20e#f", "C:\\path\\to\\file", "def f(x):\n    return x\n\n\n# end", "\t\tif x:\n\t\t\ty",
    "{\"a\": [1, 2, {\"b\": null}]}", "<b>bold</b> &amp; <i>it</i>", "~~~~~~~~", "--------", "........", "!!!???", "==>",
    "A" * 300, "ab" * 200, " " * 100 + "x", "x" + " " * 100, "\n" * 50, "é" * 80, "👍" * 20, "a b " * 30, "1" * 120, "-" * 130,
    "Ġ", "Ġa", "ĠĠ", "Ċ", "Ã©", "\u0120hello", "Ā\u0143\u0144", "ćaudĊ",
    "Supercalifragilisticexpialidocious", "antidisestablishmentarianism" * 4, "thethethethethethe",
]

RANGES = [
    (0x20, 0x7F), (0x20, 0x7F), (0x20, 0x7F), (0x00, 0x20), (0x80, 0x100), (0x100, 0x250), (0x250, 0x370), (0x300, 0x370),
    (0x370, 0x530), (0x590, 0x700), (0x900, 0xE00), (0xE00, 0x1200), (0x1200, 0x2000), (0x2000, 0x2070), (0x2070, 0x2C00),
    (0x2C00, 0x3000), (0x3000, 0x3100), (0x4E00, 0xA000), (0xA000, 0xAC00), (0xAC00, 0xD7A4), (0xE000, 0x10000),
    (0x10000, 0x12000), (0x12000, 0x1D000), (0x1D000, 0x1F000), (0x1F000, 0x1FB00), (0x1FB00, 0x40000), (0xE0000, 0xE0200),
    (0x40000, 0x110000),
]

WORDS = (
    "the quick brown fox jumps over lazy dogs name Alimentum area city centre price range cheap it's we're I'll don't "
    "restaurant Tokenizer GPT-2 2021 3.5% https://a.b/c naïve Zürich straße 東京 Москва été 10,000 U.S.A. e-mail x_1 "
    "'s 't 're 've 'm 'll 'd"
).split(" ")


def random_line(rng):
    parts = []
    for _ in range(rng.randint(1, 14)):
        kind = rng.random()
        if kind < 0.35:
            parts.append(rng.choice(WORDS))
        elif kind < 0.55:
            parts.append("".join(rng.choice(SPACES) for _ in range(rng.randint(1, 4))))
        elif kind < 0.65:
            parts.append(" " * rng.randint(1, 6))
        elif kind < 0.73:
            parts.append(rng.choice(SPECIALS))
        elif kind < 0.78:
            parts.append(rng.choice(["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'", "\u2019s", "'S"]))
        elif kind < 0.82:
            parts.append(rng.choice(["👍🏽", "👨‍👩‍👧", "🇯🇵", "❤️", "e\u0301", "\u0301\u0300", "\u200d", "\r\n", "½", "٣"]))
        else:
            low, high = rng.choice(RANGES)
            parts.append("".join(chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 8))))
    # Private-use planes and unassigned code points stay in: the library must take any scalar.
    return "".join(parts)


def hard_lines(count, seed):
    """The hand-made lines, then random ones up to `count`."""
    rng = random.Random(seed)
    lines = list(HAND_MADE)
    while len(lines) < count:
        lines.append(random_line(rng))
    return lines
