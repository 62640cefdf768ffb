#!/usr/bin/env python3
"""Gives every numeric option of every subcommand every number of a table, and says which runs did not end well.

    Tools/numbers.py .build/release/prefixtune [--sample N] [--only TEXT] [--processes N]

Options come from the program itself (--experimental-dump-help), so that new ones are covered; what is no number is
named in Tests/Numbers/commands.json, beside the command lines that the numbers are put into. A run ends well with 0, 1
(a failure, in a sentence) or 2 (a command line that cannot be understood). A signal is a fault, and so are more than 4 GB
of addresses or 20 seconds of CPU time; where a number makes a run as long as asked for, 3 seconds are looked at.
"""
import argparse, collections, concurrent.futures, json, pathlib, random, resource, shutil, signal, subprocess, sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = json.loads((ROOT / "Tests/Numbers/commands.json").read_text())
DATA = "".join(json.dumps({"prompt": p, "completion": c}) + "\n"
               for p, c in [("the cat", " sat on the mat."), ("a dog", " ran."), ("the river", " is long and wide")])


def options(binary):
    """(command, option) of everything that may take a number."""
    help_ = json.loads(subprocess.run([binary, "--experimental-dump-help"], capture_output=True, check=True).stdout)
    for command in help_["command"]["subcommands"]:
        for argument in command.get("arguments", []):
            name = next((n["name"] for n in argument.get("names") or [] if n["kind"] == "long"), None)
            if argument["kind"] == "option" and not argument.get("allValues") and name not in TABLE["text"]:
                yield command["commandName"], name


def without(arguments, name):
    """A command line without one of its options."""
    kept, skips = [], False
    for word in arguments:
        if word.startswith("--"):
            skips = word == "--" + name
        if not skips:
            kept.append(word)
    return kept


def runs(binary):
    """(command, what is varied, arguments, whether a run may be endless)."""
    for command, option in options(binary):
        if command not in TABLE["commands"]:
            raise SystemExit(f"{command} is new: put its command line into Tests/Numbers/commands.json")
        besides = TABLE["besides"].get(f"{command} {option}") or TABLE["besides"].get(option) or {}
        arguments = without(TABLE["commands"][command], option)
        for name in besides.get("drops", []):
            arguments = without(arguments, name)
        for value in TABLE["values"]:
            given = [f"--{option}={value}"] * besides.get("again", 1)
            # Before the rest: an option that takes all that follows must not take it.
            yield command, option, [command, *given, *arguments, *besides.get("adds", [])], value
    for command, option, *more in TABLE["more"]:
        arguments = without(TABLE["commands"][command], option)
        for name in more:
            if name.startswith("--"):
                arguments = without(arguments, name[2:])
        if "none" not in more and option != "reparametrization":
            arguments = without(arguments, "reparametrization")
        for value in TABLE["values"]:
            yield command, option, [command, f"--{option}={value}", *arguments, *more], value
    for setting in TABLE["settings"]:
        key = setting.partition("=")[0]
        command = "experiment federated" if key.startswith("federated.") else "experiment"
        arguments = [word for word in TABLE["commands"][command] if not word.startswith(key + "=")]
        for value in TABLE["values"]:
            yield "experiment", key.rpartition(".")[2], ["experiment", *arguments, setting.replace("N", value)], value


def limits(seconds):
    def apply():
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return apply


def prepare(binary, folder):
    def tool(*arguments):
        subprocess.run([binary, *arguments], cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    (folder / "data.jsonl").write_text(DATA)
    (folder / "chat.jinja").write_text("{% for message in messages %}{{ message.content }}{% endfor %}")
    (folder / "texts.txt").write_text("the cat sat\na dog ran\n")
    (folder / "references.txt").write_text("the cat sat down\n\na dog ran\n\n")
    tool("synthesize", "--megabytes", "0.05", "--output", "text.jsonl")
    tool("pretrain", *without(without(TABLE["commands"]["pretrain"], "output"), "text"), "--text", "text.jsonl",
         "--output", "model")
    tool(*["train", *without(TABLE["commands"]["train"], "output"), "--output", "prefix"])


def run(binary, master, case):
    command, option, arguments, value = case
    endless = option in TABLE["endless"].get(command, [])
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place) / "work"
        shutil.copytree(master, folder)
        try:
            result = subprocess.run(
                [binary, *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=600,
                preexec_fn=limits(3 if endless else 20),
                env={"PATH": "/usr/bin:/bin", "HOME": place, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2",
                     "GOMP_SPINCOUNT": "0"})
        except subprocess.TimeoutExpired:
            return case, None, "10 minutes"
    code, errors = result.returncode, result.stderr.decode(errors="replace")
    # 3 seconds of a run that may be endless, and still at it: as it should be.
    if endless and code in (-signal.SIGXCPU, -signal.SIGKILL):
        code = 0
    if code in (1, 2) and not errors.strip():
        return case, None, f"exit {code} without a sentence"
    return case, code if code in (0, 1, 2) else None, f"exit {code}: {errors.strip()[-300:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--sample", type=int, help="only so many, drawn with a fixed seed")
    parser.add_argument("--only", help="only command lines that contain this")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="print every run")
    asked = parser.parse_args()
    binary = str(pathlib.Path(asked.binary).resolve())
    cases = [case for case in runs(binary) if asked.only in (None, "") or asked.only in " ".join(case[2])]
    if asked.sample:
        cases = random.Random(1).sample(cases, min(asked.sample, len(cases)))
    counts, faults = collections.Counter(), []
    with tempfile.TemporaryDirectory() as place:
        master = pathlib.Path(place)
        prepare(binary, master)
        with concurrent.futures.ThreadPoolExecutor(asked.processes) as pool:
            for case, code, text in pool.map(lambda case: run(binary, master, case), cases):
                counts["fault" if code is None else code] += 1
                if code is None:
                    faults.append(case)
                if code is None or asked.list:
                    print(("FAULT " if code is None else "") + " ".join(case[2]), "->", text, flush=True)
    print(f"{len(cases)} runs:", ", ".join(f"{count} with {code}" for code, count in sorted(counts.items(), key=str)))
    sys.exit(1 if faults else 0)


main()
