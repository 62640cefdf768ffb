"""System outputs made from real references, by a rule that the Swift tests repeat."""

import json


class Generator:
    """A 64-bit linear congruential generator; the top 31 bits are used."""

    def __init__(self, seed):
        self.state = seed

    def below(self, count):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % count


def system_outputs(groups, seed):
    """One output per group, made from one of its references (left out of the references where there are others)."""
    generator = Generator(seed)
    hypotheses, references = [], []
    for index, group in enumerate(groups):
        chosen = generator.below(len(group))
        words = group[chosen].split(" ")
        what = generator.below(6)
        place = generator.below(len(words))
        if what == 1:
            del words[place]
        elif what == 2:
            words[0], words[place] = words[place], words[0]
        elif what == 3:
            words.insert(place, words[place])
        elif what == 4:
            words = words[: place + 1]
        elif what == 5:
            words = groups[(index + 1) % len(groups)][0].split(" ")
        hypotheses.append(" ".join(words))
        others = [text for i, text in enumerate(group) if i != chosen]
        references.append(others or group)
    return hypotheses, references


def real_references(folder):
    """The references of the E2E and WebNLG test sets, one list per instance."""
    e2e, last = [], None
    for line in open(f"{folder}/e2e/test.jsonl", encoding="utf-8"):
        record = json.loads(line)
        if record["mr"] != last:
            e2e.append([])
            last = record["mr"]
        e2e[-1].append(record["ref"].replace("\n", " ").strip())
    webnlg = [
        [text.strip() for text in json.loads(line)["references"]]
        for line in open(f"{folder}/webnlg2017/test.jsonl", encoding="utf-8")
    ]
    return {"e2e": e2e, "webnlg": webnlg}
