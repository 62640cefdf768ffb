"""BLEU, chrF, chrF++ and TER of sacrebleu on the texts of ../metrics, and on outputs made from real references.

    pip install sacrebleu==2.6.0
    python Tests/Goldens/sacrebleu/generate.py [FOLDER]

FOLDER holds the real data sets; of those only scores are written.
"""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
METRICS = HERE.parent / "metrics"
sys.path.insert(0, str(METRICS))

from real_outputs import real_references, system_outputs
from sacrebleu.metrics import BLEU, CHRF, TER

SEED = 20210801
SCORERS = {
    "bleu": BLEU(), "bleuLowercased": BLEU(lowercase=True), "chrf": CHRF(), "chrfPlusPlus": CHRF(word_order=2), "ter": TER(),
    "terCased": TER(case_sensitive=True),
}


def scores(hypotheses, references):
    """Corpus scores; sacrebleu takes references by their place, None where an instance has fewer."""
    most = max(map(len, references))
    streams = [[group[i] if i < len(group) else None for group in references] for i in range(most)]
    found = {name: scorer.corpus_score(hypotheses, streams).score for name, scorer in SCORERS.items()}
    for name in ("bleu", "bleuLowercased"):
        found[f"{name}Signature"] = str(SCORERS[name].get_signature())
    return found


def single(hypotheses, references):
    """chrF and TER of each instance alone, where a difference has nowhere to hide."""
    return {
        name: [SCORERS[name].corpus_score([text], [[reference] for reference in group]).score
               for text, group in zip(hypotheses, references)] for name in ("chrf", "ter")}


def half_widths(hypotheses, references):
    """Of sacrebleu's 95% intervals, from 1,000 resampled corpora of its own choice."""
    most = max(map(len, references))
    streams = [[group[i] if i < len(group) else None for group in references] for i in range(most)]
    # Scorers of their own: resampling leaves its mark in a scorer's signature.
    return {
        name: float(scorer.corpus_score(hypotheses, streams, n_bootstrap=1000)._ci)
        for name, scorer in (("bleu", BLEU()), ("chrf", CHRF()), ("ter", TER()))}


def write(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    synthetic = json.loads((METRICS / "synthetic.json").read_text())
    edges = json.loads((METRICS / "edges.json").read_text())
    pair = synthetic["predictions"], synthetic["references"]
    write("synthetic.json", {"scores": scores(*pair), **single(*pair), "halfWidths": half_widths(*pair)})
    write("edges.json", {name: scores(corpus["predictions"], corpus["references"]) for name, corpus in edges.items()})
    if len(sys.argv) > 1:
        real = {}
        for name, groups in real_references(sys.argv[1]).items():
            real[name] = scores(*system_outputs(groups, SEED))
        write("real.json", real)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
               for path in sorted(HERE.glob("*.json")) if path.name != "manifest.json"}
    write("manifest.json", {"seed": SEED, "sacrebleu": version("sacrebleu"), "files": digests})
