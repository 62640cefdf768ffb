"""Makes the goldens of METEOR with the original program, meteor-1.5.jar.

    pip install pycocoevalcap==1.2 unidecode==1.4.0
    apt-get install wordnet-base
    python Tests/Goldens/meteor/generate.py [--data FOLDER]

Needs java. The jar and its table of paraphrases come with pycocoevalcap. FOLDER holds the real data sets; of those only scores are
written. The texts are those of Tests/Goldens/metrics.

The jar runs with its own word lists, and with those of this package (read from METEORWords.swift), which are put before them on
the class path in the folder `own`. There too are the synonyms of the words of the made-up texts, extracted from WordNet 3.0 of
Debian (see own/synonym/COPYING.WORDNET), and a made-up table of paraphrases.
"""

import argparse
import gzip
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pycocoevalcap
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
from unidecode import unidecode

HERE = Path(__file__).resolve().parent
GOLDENS = HERE.parent
sys.path.insert(0, str(GOLDENS / "metrics"))
from real_outputs import real_references, system_outputs  # noqa: E402

SEED = 20210801
PACKAGE = Path(pycocoevalcap.__path__[0]) / "meteor"
JAR = PACKAGE / "meteor-1.5.jar"
TABLE = PACKAGE / "data/paraphrase-en.gz"
WORDNET = Path("/usr/share/wordnet")
OWN = HERE / "own"
PARTS = ["noun", "verb", "adj", "adv"]
SETS = ["exact", "exact stem", "exact stem synonym", "exact stem synonym paraphrase"]
WEIGHTS = ["1.0", "0.6", "0.8", "0.6"]

parser = argparse.ArgumentParser()
parser.add_argument("--data", type=Path)
arguments = parser.parse_args()


# ---- the original --------------------------------------------------------------------------------------------------


def java(main, *options, folder=None, text=None):
    path = f"{folder}:{JAR}" if folder else str(JAR)
    command = ["java", "-Xmx4G", "-Dfile.encoding=UTF-8", "-cp", path, main, *map(str, options)]
    return subprocess.run(command, input=text, capture_output=True, check=True, encoding="utf-8").stdout


def meteor(hypotheses, references, modules, folder=None, table=TABLE, normalization="-norm"):
    """Scores per segment and of the corpus."""
    most = max(2, max(map(len, references)))
    with tempfile.TemporaryDirectory() as temporary:
        lines = Path(temporary) / "hypotheses", Path(temporary) / "references"
        lines[0].write_text("".join(text + "\n" for text in hypotheses), encoding="utf-8", newline="\n")
        padded = [text for group in references for text in group + [""] * (most - len(group))]
        lines[1].write_text("".join(text + "\n" for text in padded), encoding="utf-8", newline="\n")
        weights = " ".join(WEIGHTS[: len(modules.split())])
        output = java(
            "Meteor", *lines, "-l", "en", normalization, "-r", most, "-m", modules, "-w", weights, "-a", table, folder=folder)
    scores = [float(value) for value in re.findall(r"Segment \d+ score:\t(\S+)", output)]
    assert len(scores) == len(hypotheses), output[:500]
    return {"scores": scores, "corpus": float(re.search(r"Final score:\s+(\S+)", output)[1])}


# ---- the folder of own data ----------------------------------------------------------------------------------------


def swift_strings(source, start, end):
    part = source[source.index(start) :]
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', part[: part.index(end)])
    return [word for line in found for word in line.replace('\\"', '"').split()]


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def own_lists():
    source = (GOLDENS.parent.parent / "Sources/TextMetrics/METEOR/METEORWords.swift").read_text(encoding="utf-8")
    write_lines(OWN / "function/english.words", sorted(swift_strings(source, "static let function", "]))")))
    always = swift_strings(source, "always: words(", "),")
    numbers = swift_strings(source, "beforeNumbers: words(", "))")
    write_lines(OWN / "nonbreaking/english.prefixes", always + [f"{word} #NUMERIC_ONLY#" for word in numbers])


ENDINGS = [
    ("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y"), ("es", "e"),
    ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""), ("er", ""), ("est", ""), ("er", "e"), ("est", "e")]


def wordnet(words):
    """The lines of WordNet's files that are about some words; all lines for None."""
    wanted = None
    if words is not None:
        wanted = set(words)
        for word in words:
            wanted.update(word[: len(word) - len(ending)] + new for ending, new in ENDINGS if word.endswith(ending))
    exceptions, indices = {}, {}
    for part in PARTS:
        lines = (WORDNET / f"{part}.exc").read_text().splitlines()
        exceptions[part] = [line for line in lines if wanted is None or line.split()[0] in wanted]
        if wanted is not None:
            wanted.update(base for line in exceptions[part] for base in line.split()[1:])
    for part in PARTS:
        lines = (WORDNET / f"index.{part}").read_text().splitlines()
        indices[part] = [line for line in lines if line[0] != " " and (wanted is None or line.split()[0] in wanted)]
    return exceptions, indices


def write_synonyms(folder, exceptions, indices):
    """As METEOR keeps them."""
    senses, forms = {}, {}
    for part in PARTS:
        for line in indices[part]:
            fields = line.split()
            senses.setdefault(fields[0], []).extend(fields[-int(fields[2]) :])
        for line in exceptions[part]:
            form, *bases = line.split()
            for base in bases:
                forms.setdefault(base, []).append(form)
    write_lines(folder / "english.synsets", [line for word in sorted(senses) for line in (word, " ".join(senses[word]))])
    write_lines(folder / "english.exceptions", [line for base in sorted(forms) for line in (base, " ".join(forms[base]))])


def licence():
    lines = [line[2:] for line in (WORDNET / "index.noun").read_text().splitlines() if line.startswith("  ")]
    return [line.lstrip(" 0123456789").rstrip() if line.strip() else "" for line in lines]


PARAPHRASES = """price range = prices | prices = price range | prices = the cost | customer rating = rating | rating = customer rating
in the = at the | in the = by the | a = the | the = a | a = one | coffee shop = pub | pub = coffee shop | pub = wine bar
that serves = which offers | offers = that serves | offers = serves | less than = under | is a = it is a | it is = there is a
have prices of = ; the price range is | looking for = searching for | there is a = is a | 5 out of 5 = five star
you 'll like = you will love | city centre = the middle of the city | in the = near the | family friendly = for families
near king 's cross = in the city centre | ; customers rate it = and its customer rating is | food = dishes | dishes = food""".replace("\n", " | ")


def own_folder(texts):
    own_lists()
    spoken = java("edu.cmu.meteor.util.Normalizer", "en", "true", folder=OWN, text="".join(text + "\n" for text in texts))
    exceptions, indices = wordnet(spoken.lower().split())
    for part in PARTS:
        write_lines(OWN / f"wordnet/index.{part}", indices[part])
        write_lines(OWN / f"wordnet/{part}.exc", exceptions[part])
    write_synonyms(OWN / "synonym", exceptions, indices)
    for folder in ("synonym", "wordnet"):
        head = ["The files of this folder contain lines extracted from WordNet 3.0, under this licence:", ""]
        write_lines(OWN / folder / "COPYING.WORDNET", head + licence())
    table = "".join("0.5\n" + pair.strip().replace(" = ", "\n") + "\n" for pair in PARAPHRASES.split(" | "))
    (OWN / "paraphrase-en.gz").write_bytes(gzip.compress(table.encode(), mtime=0))


# ---- stems and words -----------------------------------------------------------------------------------------------

OTHERS = """' 's a's dog's dogs' dogs's' 'tis 'em o'clock skis skies idly gently ugly early only singly andes bias cosmos atlas herring
earrings innings proceeded exceeding succeeds canned inning generous generate generally communism communal arsenal arsenic yyy yay
sayy eyed byes youth boyish ties cries gas this kiwis gaps us bus hoping hopping hoped bled bleed feed agreed agreedly
luxuriated hopefully nationally rationalize sensibly geology geologi theologi analogous bogli ruthlessly singing controlled rolled
adoption adoptions relate rate hate ee l ll fall café naïvely ÿy über 5s 1990s 3d -ing ing eed eedly y yed xyzzy wow owe""".split()

LINES = [
    "well-known U.S.-based 20-25 -x x- a--b -- a - b a–b a—b x.-y", "a,b a,,b 1,000 1,a a,1 ,, , x, ,x 1,2,3 a,b,c,d",
    "a.b. a.b 1.5 .5 5. e.g. e.g Mr. Wu. mr. Wu Dr. no. 5 No. 5 No. X pp. 3 p. 5 Inc. is Inc. Is end.", "wait.. a... ....b c.. .d . . .. ..... x...y 1..2",
    "it's don't 'tis dogs' 'x' '' ''' '''' 1990's 90's 's '5 a'5 5'a \u2018x\u2019 \u201cy\u201d `z` ``z'' l'été d'\u00e9 x'\u0430 \u0430'\u0431 \u03b1'\u03b2",
    "\u0160koda \u0178 \u017e \u017f \u0180 \u0430\u0431\u0432 \u0527\u0528 \u1d00 \u03b1\u03b2 \u65e5\u672c \U0001f642 a\u0301 x\u00d7y \u00f7", "a\u00a0b c\u2009d e\u3000f g\u1680h\u200bi",
    "\u039f\u0394\u039f\u03a3 \u03a3\u0391\u03a3 \u0130stanbul STRASSE \u00df", "$5 \u00a35.50 50% #1 @x http://a.b/c?d=1 a_b a&b &amp; <b> [x] {y} (z) a/b a\\b x|y a;b:c!d?e \"q\"",
    "tab\there double  space A. B. C.D. AB. z. Z.", "U.S. U.S.A. u.s. p.m. 10 a.m. St. Ives St. ives etc. and etc. And ph.d. Ph.D.", ""]


def stems():
    words = list(json.loads((GOLDENS / "rouge/stems.json").read_text()))[::3] + OTHERS
    words = list(dict.fromkeys(words))
    found = java("Stemmer", "english", text="".join(word + "\n" for word in words)).splitlines()
    assert len(found) == len(words)
    return dict(zip(words, (stem.strip() for stem in found)))


def normalized():
    texts = LINES + [record["text"] for record in json.loads((GOLDENS / "metrics/tokens.json").read_text())]
    output = java("edu.cmu.meteor.util.Normalizer", "en", "true", folder=OWN, text="".join(text + "\n" for text in texts))
    lines = output.split("\n")[:-1]
    assert len(lines) == len(texts)
    return [{"text": text, "words": [w for w in re.split("[ \t\r\f]+", line.lower()) if w]} for text, line in zip(texts, lines)]


# ---- scores --------------------------------------------------------------------------------------------------------


def made_up():
    corpora = json.loads((GOLDENS / "metrics/edges.json").read_text())
    corpora["synthetic"] = json.loads((GOLDENS / "metrics/synthetic.json").read_text())
    return {name: (corpus["predictions"], corpus["references"]) for name, corpus in corpora.items()}


def scored(hypotheses, references):
    result = {modules: meteor(hypotheses, references, modules, OWN, OWN / "paraphrase-en.gz") for modules in SETS}
    result["exact stem, lower"] = meteor(hypotheses, references, "exact stem", OWN, normalization="-lower")
    return result


def webnlg_prediction(text):
    text = unidecode(unidecode(text.strip()).lower())
    return " ".join(" ".join(re.split(r"(\W)", text)).split())


def webnlg_reference(text):
    return unidecode(" ".join(" ".join(re.split(r"(\W)", text)).split()).lower())


def suites(hypotheses, references):
    """METEOR as the scripts of the data sets prepare texts for it."""
    tokenizer = PTBTokenizer()
    # A last line that is empty would be lost in the tokenizer's output: end with a line that is not scored.
    outputs = tokenizer.tokenize({i: [{"caption": text}] for i, text in enumerate(hypotheses + ["end"])})
    groups = tokenizer.tokenize({i: [{"caption": text} for text in group] for i, group in enumerate(references)})
    three = [group[:3] for group in references]
    corpora = {
        "e2e": ([outputs[i][0] for i in range(len(hypotheses))], [groups[i] for i in range(len(references))]),
        "webnlg": ([webnlg_prediction(text) for text in hypotheses], [[webnlg_reference(t) for t in g] for g in three]),
        "dart": (hypotheses, three),
    }
    return {name: meteor(*corpus, "exact stem", OWN)["corpus"] for name, corpus in corpora.items()}


def real(folder):
    result = {}
    for name, groups in real_references(folder).items():
        hypotheses, references = system_outputs(groups, SEED)
        found = {"own " + modules: meteor(hypotheses, references, modules, OWN) for modules in SETS[:2]}
        with tempfile.TemporaryDirectory() as temporary:
            own_lists()
            for part in ("function", "nonbreaking"):
                (Path(temporary) / part).symlink_to(OWN / part)
            write_synonyms(Path(temporary) / "synonym", *wordnet(None))
            found["debian " + SETS[2]] = meteor(hypotheses, references, SETS[2], temporary)
        found |= {"meteor " + modules: meteor(hypotheses, references, modules) for modules in SETS}
        for value in found.values():
            value["scores"] = value["scores"][:250]
        result[name] = {"instances": len(groups), "sets": found, "suites": suites(hypotheses, references)}
    return result


# ---- write ---------------------------------------------------------------------------------------------------------


def write(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")


corpora = made_up()
own_folder([text for predictions, references in corpora.values() for group in [predictions, *references] for text in group])
write("stems.json", stems())
write("words.json", normalized())
write("scores.json", {name: scored(*corpus) for name, corpus in corpora.items()})
write("suites.json", suites(*corpora["synthetic"]))
if arguments.data:
    write("real.json", real(arguments.data))
paths = sorted(path for path in HERE.rglob("*") if path.suffix not in (".py", ".md") and path.name != "manifest.json" and path.is_file())
manifest = {
    "seed": SEED,
    "versions": {
        "meteor-1.5.jar": hashlib.sha256(JAR.read_bytes()).hexdigest(), "paraphrase-en.gz": hashlib.sha256(TABLE.read_bytes()).hexdigest(),
        "pycocoevalcap": version("pycocoevalcap"), "unidecode": version("unidecode"), "python": sys.version.split()[0],
    },
    "sha256": {str(path.relative_to(HERE)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths},
}
(HERE / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
