"""ROUGE of summaries as the package rouge_score computes it, and the stems of its stemmer.

    pip install rouge_score==0.1.2 nltk==3.10.4
    python Tests/Goldens/rouge/generate.py [FOLDER]

FOLDER holds the real data sets; of the Wikinews test set only scores are written. All text written here is made up below.
"""

import gzip
import hashlib
import json
import random
import sys
from importlib.metadata import version
from pathlib import Path

from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenize import tokenize

HERE = Path(__file__).resolve().parent
SEED = 20210815
NAMES = ["rouge1", "rouge2", "rougeL"]
STEMMER = PorterStemmer()
SCORER = RougeScorer(NAMES, use_stemmer=True)

# ---- words: roots with every ending of the rules, irregular forms, digits ------------------------------------------

ROOTS = """hop hopp fail fil fall hiss fizz tann agre plaster bled motor sing conflat troubl siz happ sk fl tr enjo sa relat
condition ration valenc hesit digit conform radic different vil analog vietnam predic oper feud decis hope call form sensit
triplic electr good reviv allow infer airlin gyroscop adjust defens irrit replac depend adopt homolog commun activ angul effect
bowdler prob rat ceas control roll syzyg toy yy y eye bby archaeo apo ideo theo gener organiz nation govern elect minist report
announc kill accus deni claim b2 4g 20t m16 ab ow tax box play stress""".split()
ENDINGS = """s es ies ied ed eed ing y ly li ational tional enci anci izer bli abli alli ally fully fulli entli ently eli ely
ousli ously ization ation ator alism iveness fulness ousness aliti ality iviti ivity biliti bility logi logy logist icate ative
alize iciti icity ical ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ity ous ive ize e ee
ll lle ss sses sse ying yed ys tt ted tting lled lling zed zzing""".split()
OTHERS = """sky skies dying lying tying news innings inning outings outing cannings canning howe proceed exceed succeed dies died
lies lied ties tied spies spied cries flies flying pies owed owes bed beds bee been sees seed feed freed ring king string being
doing dyed eyes yes yeti yyyy syzygy shyly crypt rhythm owned iced aged used using ios uses ass asses gas gases oozed ooze aeiou
2021 100th 1990s 5ing 5ed 007s ss sss s is as us this his 3s3s3s abcdefghijklmnopqrstuvwxyz""".split()


def words():
    known = dict.fromkeys(OTHERS)
    for root in ROOTS:
        known.update(dict.fromkeys([root] + [root + ending for ending in ENDINGS]))
    return [word for word in known if word]


# ---- summaries ----------------------------------------------------------------------------------------------------

WHO = ["the prime minister of Elmland", "Élise O'Connor", "two dozen fire-fighters", "researchers at the University of Harbour Bay",
       "the U.N.'s mission", "a 34-year-old cyclist", "KIRBY'S bakery chain", "İzmir's mayor", "thousands of protesters", "the airline"]
DID = ["has announced a controversial reorganisation of", "were accused of denying", "is considering buying", "successfully completed",
       "apologised for", "generalised the regulations governing", "has been hospitalised after visiting", "failed to agree on",
       "hopefully will be relocating to", "said they're “deeply troubled” by"]
WHAT = ["the nation's largest solar-power station", "plans for 1,200 affordable homes", "its £3.5m advertising campaign",
        "a series of ideological misunderstandings", "the skies over Ångström Island", "the outing's innings", "an electrical fault",
        "archaeological discoveries near the river", "the film's astonishing success", "new evidence of dishonesty"]
WHEN = ["on Tuesday", "after months of negotiations", "despite repeated warnings", "in 2019-20", "during the annual celebrations",
        "following the 7.0-magnitude earthquake", "amid growing frustration", "", "- officials confirmed", "(pictured)"]


def sentence(rng):
    text = " ".join(part for part in (rng.choice(WHO), rng.choice(DID), rng.choice(WHAT), rng.choice(WHEN)) if part)
    return text[0].upper() + text[1:] + rng.choice([".", ".", "!", " .", ""])


def disturbed(rng, text):
    pieces = text.split(" ")
    for _ in range(rng.randint(0, 5)):
        what, place = rng.randrange(5), rng.randrange(len(pieces))
        if what == 0 and len(pieces) > 1:
            del pieces[place]
        elif what == 1:
            other = rng.randrange(len(pieces))
            pieces[place], pieces[other] = pieces[other], pieces[place]
        elif what == 2:
            pieces.insert(place, pieces[place])
        elif what == 3:
            pieces[place] = pieces[place].upper()
        else:
            pieces[place] = rng.choice(["announcing", "announcement", "the", "successes", "hospital", "2019", "—", "naïvely", "İ", "\u212aings"])
    return " ".join(pieces)


EDGES = [
    ("", ["Something was said."]), ("Something was said.", [""]), ("", [""]), ("… — !", ["日本 привет"]), ("a", ["a"]),
    ("the the the the", ["the cat the dog", "the"]), ("one two three four", ["four three two one", "one three two four"]),
    ("Same words, twice.", ["Same words, twice.", "Other words entirely."]), ("İstanbul \u212aelvin ΣΑΣ", ["istanbul kelvin σας"]),
    ("x_y z-w", ["x y z w"]), ("No overlap here", ["alpha beta gamma"]), ("café", ["caf", "cafe"]),
]


def row(prediction, references):
    best = SCORER.score_multi(references, prediction)
    return [best[name].fmeasure for name in NAMES]


def mean(rows):
    return [sum(column) / len(rows) for column in zip(*rows)]


def synthetic():
    rng = random.Random(SEED)
    pairs = list(EDGES)
    for _ in range(240):
        references = [sentence(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        prediction = disturbed(rng, rng.choice(references)) if rng.random() < 0.7 else sentence(rng)
        pairs.append((prediction, references))
    rows = [row(*pair) for pair in pairs]
    return {"predictions": [p for p, _ in pairs], "references": [r for _, r in pairs], "scores": rows, "mean": mean(rows)}


# ---- real data: the first 30 words of each article as its summary --------------------------------------------------


def real(folder):
    rows, known = [], set()
    for line in gzip.open(folder / "summarization/wikinews/test.jsonl.gz", "rt", encoding="utf-8"):
        record = json.loads(line)
        rows.append(row(" ".join(record["document"].split()[:30]), [record["summary"]]))
        known.update(tokenize(record["document"], None))
    text = "".join(f"{word} {STEMMER.stem(word)}\n" for word in sorted(known))
    return {"mean": mean(rows), "scores": rows[:250], "words": len(known), "stems": f"{checksum(text.encode()):016x}"}


def checksum(data):
    """FNV-1a."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def write(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")


write("stems.json", {word: STEMMER.stem(word) for word in words()})
write("synthetic.json", synthetic())
if len(sys.argv) > 1:
    write("wikinews.json", real(Path(sys.argv[1])))
names = ["stems.json", "synthetic.json", "wikinews.json"]
manifest = {
    "seed": SEED, "versions": {"python": sys.version.split()[0], **{name: version(name) for name in ("rouge_score", "nltk")}},
    "sha256": {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in names}}
(HERE / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
