"""Makes the goldens of TextMetrics with the original scripts.

    python generate.py --e2e-metrics DIR --multi-bleu FILE [--data DIR]

DIR is a checkout of tuetschek/e2e-metrics, FILE is scripts/generic/multi-bleu.perl of moses-smt/mosesdecoder, --data is the
folder of real data sets (E2E and WebNLG test sets as JSON lines); of those only scores are written. Needs java, perl, numpy,
future, unidecode. All text written here is made up below.
"""

import argparse
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("--e2e-metrics", required=True)
parser.add_argument("--multi-bleu", required=True)
parser.add_argument("--data")
arguments = parser.parse_args()
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
sys.path.insert(0, arguments.e2e_metrics)

from metrics.pymteval import BLEUScore, NGramScore, NISTScore  # noqa: E402
from pycocoevalcap.cider.cider import Cider  # noqa: E402
from pycocoevalcap.rouge.rouge import Rouge  # noqa: E402
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer  # noqa: E402
from real_outputs import real_references, system_outputs  # noqa: E402
from unidecode import unidecode  # noqa: E402

SEED = 20210801


# ---- the originals -------------------------------------------------------------------------------------------------


def multi_bleu(hypotheses, references, lowercase):
    """The script with its two-decimal output widened; parallel reference files padded with empty lines."""
    with tempfile.TemporaryDirectory() as folder:
        script = open(arguments.multi_bleu, encoding="utf-8").read()
        script = script.replace(
            "BLEU = %.2f, %.1f/%.1f/%.1f/%.1f (BP=%.3f, ratio=%.3f,",
            "BLEU = %.12f, %.12f/%.12f/%.12f/%.12f (BP=%.12f, ratio=%.12f,")
        open(f"{folder}/bleu.pl", "w").write(script)
        most = max(len(group) for group in references)
        names = []
        for r in range(most):
            names.append(f"{folder}/reference-{r}.txt")
            with open(names[-1], "w", encoding="utf-8") as file:
                file.writelines((group[r] if r < len(group) else "") + "\n" for group in references)
        command = ["perl", f"{folder}/bleu.pl"] + (["-lc"] if lowercase else []) + names
        text = "".join(line + "\n" for line in hypotheses)
        run = subprocess.run(command, input=text.encode("utf-8"), capture_output=True)
        found = re.findall(r"[-\d.e]+", run.stdout.decode().replace("hyp_len", "").replace("ref_len", ""))
        if len(found) != 9:
            return None
        values = [float(value) for value in found]
        return {
            "score": values[0], "precisions": values[1:5], "brevityPenalty": values[5], "lengthRatio": values[6],
            "predictionLength": int(values[7]), "referenceLength": int(values[8]),
        }


def e2e(hypotheses, references):
    bleu, nist = BLEUScore(), NISTScore()
    for hypothesis, group in zip(hypotheses, references):
        bleu.append(hypothesis, group)
        nist.append(hypothesis, group)
    result = {"bleu": bleu.score()}
    try:
        result["nist"] = nist.score()
    except ZeroDivisionError:
        result["nist"] = None
    tokenizer = PTBTokenizer()
    gts = tokenizer.tokenize({i: [{"caption": text} for text in group] for i, group in enumerate(references)})
    # A last line that is empty would be lost in the tokenizer's output: end with a line that is not scored.
    res = tokenizer.tokenize({i: [{"caption": text}] for i, text in enumerate(list(hypotheses) + ["end"])})
    del res[len(hypotheses)]
    result["rougeL"] = float(Rouge().compute_score(gts, res)[0])
    result["cider"] = float(Cider().compute_score(gts, res)[0])
    return result


def webnlg_prediction(text):
    text = unidecode(unidecode(text.strip()).lower())
    return " ".join(" ".join(re.split(r"(\W)", text)).split())


def webnlg_reference(text):
    return unidecode(" ".join(" ".join(re.split(r"(\W)", text)).split()).lower())


def all_scores(hypotheses, references):
    three = [group[:3] for group in references]
    return {
        **e2e(hypotheses, references),
        "multiBLEU": multi_bleu(hypotheses, references, False),
        "multiBLEULowercased": multi_bleu(hypotheses, references, True),
        "webnlg": multi_bleu(
            [webnlg_prediction(text) for text in hypotheses],
            [[webnlg_reference(text) for text in group] for group in three], True),
        "dart": multi_bleu(hypotheses, three, False),
    }


# ---- made-up text --------------------------------------------------------------------------------------------------

names = ["Harbour Lantern", "Old Café Zoë", "The Nag's Head", "O'Malley's", "Dr. Brew & Sons", "Ångström's", "Pier 39",
         "St. Anne's Kitchen", "T&B Grill", "L'Étoile d'Or", "Mr. Wu", "Blue-Door Bistro", "No. 10", "U.S. Diner"]
kinds = ["pub", "coffee shop", "restaurant", "tea-room", "fish-and-chips place", "wine bar"]
foods = ["Thai", "French", "home-made", "gluten-free", "Tex-Mex", "crème brûlée", "fish 'n' chips", "sushi/ramen"]
prices = ["£20-25", "less than £20", "£ 30", "more than £30", "€15.50", "$10", "high", "cheap", "moderate (£10–£15)", "50p",
          "1,200 yen", "about 10%% less", "half-price"]
ratings = ["5 out of 5", "1/5", "3.5 stars", "average", "low", "\"excellent\"", "4 1/2", "five-star", "“very good”"]
areas = ["city centre", "riverside", "near King's Cross", "next to the A14", "in the U.K.", "on 5th Ave.", "by the sea"]
frames = [
    "{n} is a {k} in the {a} that serves {f} food for {p}. It's rated {r}.",
    "Looking for {f} food? {n}, a {k} {a}, has prices of {p} and a rating of {r}!",
    "There's a {k} called {n} ({a}); the price range is {p}, and its customer rating is {r}.",
    "{n} - {f} {k}, {a}. Price: {p}... Rating: {r}",
    "If you don't mind {p} prices, you'll like '{n}', the {r}-rated {k} {a}.",
    "The {k} {n} offers {f} dishes at {p}; customers rate it {r}. They aren't family-friendly, e.g. no high chairs.",
    "you can't go wrong with {n} -- {f}, {p}, {r}. Opens 10.30am, closes 11 p.m. The {k} is {a}",
    "{n}: {k}. {f}? Yes. {p}? Yes. {r}, they've said.",
]


def sentence(rng, values):
    return rng.choice(frames).format(**values)


def perturbed(rng, text):
    words = text.split(" ")
    for _ in range(rng.randint(0, 3)):
        what, place = rng.randrange(4), rng.randrange(len(words))
        if what == 0 and len(words) > 1:
            del words[place]
        elif what == 1 and place + 1 < len(words):
            words[place], words[place + 1] = words[place + 1], words[place]
        elif what == 2:
            words.insert(place, words[place])
        else:
            words[place] = rng.choice(["the", "The", "naïve", "£5", "well-known", "don't", ",", "🙂"])
    return " ".join(words)


def synthetic():
    rng = random.Random(SEED)
    hypotheses, references = [], []
    for _ in range(200):
        values = dict(n=rng.choice(names), k=rng.choice(kinds), f=rng.choice(foods), p=rng.choice(prices).replace("%%", "%"),
                      r=rng.choice(ratings), a=rng.choice(areas))
        group = [sentence(rng, values) for _ in range(rng.randint(1, 4))]
        hypotheses.append(perturbed(rng, rng.choice(group) if rng.random() < 0.5 else sentence(rng, values)))
        references.append(group)
    return hypotheses, references


long = "The quick brown fox jumps over the lazy dog near the river ."
edges = {
    "empty hypothesis": ([long, ""], [[long], [long, "A dog ."]]),
    "shorter than n": (["dog", "The quick brown fox jumps over the lazy cat ."], [["The dog barks ."], [long]]),
    "all shorter than n": (["The dog", "A cat"], [["The dog"], ["A cat"]]),
    "identical": ([long, "It's £5-10, isn't it?"], [[long], ["It's £5-10, isn't it?"]]),
    "no overlap": (["alpha beta gamma delta epsilon", "zeta eta theta iota kappa"], [[long], ["one two three four five"]]),
    "one reference": (["The fox jumps over a lazy dog .", "Dogs run ."], [[long], ["Dogs run fast in the park ."]]),
    "closest of two": (["a b c d e f", "g h i j k l"], [["a b c d", "a b c d e f g h"], ["g h", "g h i j k l m n o p q r"]]),
    "one instance": (["The fox jumps over a lazy dog ."], [[long]]),
    "unicode": (["ΟΔΟΣ ΣΑΣ İstanbul é e\u0301 naïve ½ “x” Привет 🙂 £5", "Café – Zoë’s"],
                [["οδος σας istanbul é é naive 1/2 \"x\" привет £ 5"], ["café - Zoë's"]]),
    "entities": (["a &amp; b &lt;c&gt; &quot;d&quot; <skipped> e- f-\u00a0g", "x &amp y"], [["a & b <c> \"d\" e f"], ["x & y"]]),
}

lines = [
    "It's £20-25 (cheap), isn't it?", "Don't CAN'T won't cannot gonna 'tis 'twas y'all o'clock", "Mr. Wu vs. Dr. No, Inc. in St. Ives.",
    "e.g. i.e. U.S. p.m. J. R. Smith A. The end", "5-star family-friendly mid-20s co-ed 20-25 1,000.50 10.30am 12:30", "1/2 4 1/2 5/5 3½ x² 31/12/1999",
    "01223 555 666, (01223) 555666, +44 20 7946 0999, 123.456.7890", "www.example.com/menu http://a.b/c?d=1 me@x.org @name #tag #1 menu.txt",
    "“quoted” ‘single’ it’s don’t \"straight\" 'straight' ``latex''", "... . . . … - -- --- ----- – — _ * **", "(round) [square] {curly} <b>bold</b> &amp; &lt; AT&T P&amp;O US$10 €5 ¢ ¥",
    "O'Neill l'eau d'Avignon rock 'n' roll '90s '99 ol' 'em Shi'ite", ":) :-( ;D ^_^ (^_^) <3", "either/or pub,bar-like end.Start No!Yes", "naïve Ångström ΟΔΟΣ İstanbul 日本 привет 🙂 so\u00adft",
    "the dogs' tails, James's, x's 's 'll 're", "No. 5, no. It is no. fig. 3 ca. 1900 op. 9", "80% of 100° + 5 = ~^| \\", "wait?! what!!! ok?", "a\u00a0b\u2009c\td",
    "$5 £5 £ 5 5£", ".5 ,5 :5 -5 +5 --5", "Ph.D. Ed.D. Jan. 5 Sat. Co. Ltd. etc.", "-LRB- pro-life anti- s&p-500 cap'n c'est", "non-U.S. high-U.K. a-b-c_d",
]


# ---- real data -----------------------------------------------------------------------------------------------------


def real():
    result = {}
    for name, groups in real_references(arguments.data).items():
        hypotheses, references = system_outputs(groups, SEED)
        digest = hashlib.sha256("\n".join(hypotheses).encode("utf-8")).hexdigest()
        result[name] = {"instances": len(groups), "outputsSHA256": digest, "scores": all_scores(hypotheses, references)}
    return result


# ---- write ---------------------------------------------------------------------------------------------------------


def write(name, value):
    with open(f"{here}/{name}", "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")


def corpus(hypotheses, references):
    return {"predictions": hypotheses, "references": references, "scores": all_scores(hypotheses, references)}


write("synthetic.json", corpus(*synthetic()))
write("edges.json", {name: corpus(*pair) for name, pair in edges.items()})
treebank = PTBTokenizer().tokenize({i: [{"caption": line}] for i, line in enumerate(lines)})
mteval = NGramScore(4, False)
write("tokens.json", [
    {"text": line, "treebank": [w for w in treebank[i][0].split(" ") if w], "mteval": mteval.tokenize(line),
     "webnlgPrediction": webnlg_prediction(line), "webnlgReference": webnlg_reference(line)}
    for i, line in enumerate(lines)
])
if arguments.data:
    write("real.json", real())


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


manifest = {
    "seed": SEED,
    "upstream": {
        "tuetschek/e2e-metrics": {
            "commit": "1b9c4d8",
            "metrics/pymteval.py": digest(f"{arguments.e2e_metrics}/metrics/pymteval.py"),
            "pycocoevalcap/rouge/rouge.py": digest(f"{arguments.e2e_metrics}/pycocoevalcap/rouge/rouge.py"),
            "pycocoevalcap/cider/cider_scorer.py": digest(f"{arguments.e2e_metrics}/pycocoevalcap/cider/cider_scorer.py"),
            "stanford-corenlp": "3.4.1",
        },
        "moses-smt/mosesdecoder": {"commit": "34452895f", "multi-bleu.perl": digest(arguments.multi_bleu)},
        "python": sys.version.split()[0],
    },
    "files": {name: digest(f"{here}/{name}") for name in sorted(os.listdir(here)) if name.endswith(".json") and name != "manifest.json"},
}
write("manifest.json", manifest)
