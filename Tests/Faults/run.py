#!/usr/bin/env python3
"""Lets every call of the tool that changes files fail in turn, or end the process, and sees that nothing is lost.

    python3 Tests/Faults/run.py --binary .build/release/prefixtune          (make faults; Linux, a C compiler, Python 3.9)

Each work (a training run, one that is resumed, answers into a file, a conversion, a download) is run once to count its calls,
then once for every call and every kind of fault:

    ENOSPC, EIO     exit code 1 and one sentence, or success where the call does not matter
    EINTR, short    as if nothing had happened
    kill, after, exit   the process ends before or after the call
    full            ENOSPC from this call on

After that the same command without faults (with --resume where there is a state) ends with the bytes of a run that nothing
disturbed, and no temporary file is left. --memory lets allocations fail instead: exit code 1 and one sentence.

Prints one line per work and kind, and every finding; exits with 1 where there is one.
"""

import argparse
import concurrent.futures
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOLDENS = HERE.parent / "Goldens"
ERRORS, HARMLESS, ENDS = ["ENOSPC", "EIO", "full"], ["EINTR", "short"], ["kill", "after", "exit"]


def make_model(folder: Path) -> None:
    """A GPT-2 of two layers, and a tokenizer that knows the words t0, t1, …"""
    folder.mkdir(parents=True)
    for name in ["config.json", "model.safetensors"]:
        shutil.copy(GOLDENS / "gpt2" / "tied" / name, folder / name)
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    model = {"type": "WordLevel", "unk_token": "t0", "vocab": {f"t{i}": i for i in range(size)}}
    parts = {"normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None}
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": [], **parts, "model": model}))


def make_data(file: Path) -> None:
    rows = [{"prompt": f"t{i} t{i + 1} ", "completion": f"t{i + 2} t{i + 3}"} for i in range(1, 7)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


class FakeHub(http.server.BaseHTTPRequestHandler):
    """Answers as the hub that Tests/Goldens/hub describes."""

    golden = json.loads((GOLDENS / "hub" / "cache.json").read_text())

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def log_message(self, *_):
        pass

    def answer(self, has_body: bool):
        golden, path = self.golden, self.path.split("?")[0]
        api = f"/api/models/{golden['repository']}"
        headers, body, status = {}, b"", 200
        if path == f"{api}/revision/main":
            body = json.dumps({"sha": golden["commit"]}).encode()
        elif path == f"{api}/tree/{golden['commit']}":
            body = json.dumps(golden["tree"]).encode()
        elif path.rsplit("/", 1)[-1] in golden["files"]:
            file = golden["files"][path.rsplit("/", 1)[-1]]
            body = bytes.fromhex(file["hex"])
            headers = {"ETag": f'"{file["etag"]}"', "X-Repo-Commit": golden["commit"]}
        else:
            status = 404
        if status == 200 and has_body and "Range" in self.headers:
            start = int(self.headers["Range"][6:-1])
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self.close_connection = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if has_body:
            try:
                self.wfile.write(body)
            except OSError:
                pass  # the tool has ended


class Work:
    """A command that changes a folder. `prepare` makes what is there before; `again` is run after the fault."""

    def __init__(self, name, arguments, prepare=lambda place: None, again=None, cleans=False):
        self.name, self.arguments, self.prepare, self.target = name, arguments, prepare, "out"
        # Whether the folder is the command's own, so that it removes what a killed process left.
        self.cleans = cleans
        self.again = again or (lambda place: arguments)


def essence(folder: Path, temporaries=True) -> dict:
    """What must not depend on faults: all files, less times, process numbers and names of temporary files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".tmp" and not temporaries:
            continue
        elif path.is_symlink():
            found[name] = os.readlink(path).encode()
        elif path.is_dir() or path.name in ("summary.json", "report.html", "lock") or path.suffix == ".lock":
            continue
        elif path.suffix == ".tmp" and not temporaries:
            continue
        elif path.name == "metrics.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = json.dumps([{k: v for k, v in line.items() if k != "seconds"} for line in lines]).encode()
        else:
            # An adapter records its model's folder.
            found[name] = path.read_bytes()
            for text in [str(folder.parent), str(folder.parent).replace("/", "\\/")]:
                found[name] = found[name].replace(text.encode(), b"PLACE")
    return found


class Harness:
    def __init__(self, binary: Path, shim: Path, root: Path, jobs: int, patience: float):
        self.binary, self.shim, self.root, self.jobs, self.patience = binary, shim, root, jobs, patience
        self.findings, self.runs, self.number = [], 0, 0
        self.lock = threading.Lock()
        make_model(root / "model")
        make_data(root / "data.jsonl")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}"

    def run(self, place: Path, arguments, **faults):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        environment.update(
            HF_ENDPOINT=self.endpoint, HF_HUB_CACHE=str(place / "out"), GOMP_SPINCOUNT="0",
            HF_HUB_DISABLE_PROGRESS_BARS="1", SWIFT_BACKTRACE="enable=no")
        if faults:
            environment["LD_PRELOAD"] = str(self.shim)
            environment.update({f"FAULTS_{k.upper()}": str(v) for k, v in faults.items()})
        with self.lock:
            self.runs += 1
        return subprocess.run(
            [str(self.binary), *arguments], cwd=place, env=environment, capture_output=True, text=True, timeout=self.patience)

    def place(self, work: Work) -> Path:
        with self.lock:
            self.number += 1
            place = self.root / f"place-{self.number}"
        place.mkdir()
        for name in ["model", "data.jsonl"]:
            os.symlink(self.root / name, place / name)
        work.prepare(place)
        return place

    def find(self, work, kind, at, call, problem):
        with self.lock:
            self.findings.append(f"{work.name}, {kind} at {at} ({call}): {problem}")

    def is_sentence(self, text: str) -> bool:
        return text.startswith("Error: ") and text.count("\n") == 1 and text.endswith("\n") and len(text) > 20

    def all(self, work: Work, kinds) -> None:
        whole = self.place(work)
        log = self.root / f"{work.name}.log"
        target = whole / work.target
        result = self.run(whole, work.arguments, folder=target, log=log)
        if result.returncode != 0:
            sys.exit(f"{work.name} fails without faults: {result.stderr}")
        expected = essence(target)
        calls = [line.split(" ", 1)[1].replace(str(whole), "") for line in log.read_text().splitlines()]
        for kind in kinds:
            before = len(self.findings)
            with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
                list(pool.map(lambda at: self.one(work, kind, at, calls[at - 1], expected), range(1, len(calls) + 1)))
            print(f"{work.name:12} {kind:7} {len(calls):4} calls, {len(self.findings) - before} findings", flush=True)

    def one(self, work: Work, kind: str, at: int, call: str, expected: dict) -> None:
        place = self.place(work)
        target = place / work.target
        faults = dict(folder=target, at=at, kind="ENOSPC" if kind == "full" else kind, lasts=int(kind == "full"))
        try:
            result = self.run(place, work.arguments, **faults)
        except subprocess.TimeoutExpired:
            return self.find(work, kind, at, call, "it does not end")
        problem, temporaries = None, work.cleans and "unlink" not in call
        if kind in ENDS:
            # Downloads side by side make some folders twice or once: the call may never have come.
            is_missed = work.name == "pull" and result.returncode == 0 and essence(target, temporaries) == expected
            if result.returncode not in (99, -9) and not is_missed:
                problem = f"exit code {result.returncode}, {result.stderr!r}"
        elif result.returncode == 1 and kind in ERRORS:
            if not self.is_sentence(result.stderr):
                problem = f"it says {result.stderr!r}"
        elif result.returncode != 0:
            problem = f"exit code {result.returncode}, {result.stderr!r}"
        elif essence(target, temporaries) != expected and not result.stderr:
            problem = "it says that all went well, but " + self.difference(expected, essence(target, temporaries))
        # What only warned does its work the next time.
        if problem is None and (result.returncode != 0 or result.stderr):
            again = self.run(place, work.again(place))
            if again.returncode != 0:
                problem = f"afterwards, exit code {again.returncode}, {again.stderr!r}"
            elif essence(target, temporaries) != expected:
                problem = "afterwards, " + self.difference(expected, essence(target, temporaries))
        if problem:
            self.find(work, kind, at, call, problem.replace(str(place), ""))
        shutil.rmtree(place)

    def memory(self, work: Work, marker: str, most: int) -> None:
        """Every allocation of 64 KiB or more after the model was opened fails, one run for each."""
        whole, log = self.place(work), self.root / f"{work.name}-memory.log"
        self.run(whole, work.arguments, folder=whole, log=log, kind="memory", marker=marker)
        calls = log.read_text().splitlines() if log.exists() else []
        chosen = range(1, len(calls) + 1)
        if len(calls) > most:
            chosen = sorted({1 + i * len(calls) // most for i in range(most)})
        before = len(self.findings)

        def one(at):
            place = self.place(work)
            result = self.run(place, work.arguments, folder=place, at=at, kind="memory", marker=marker)
            # Some allocations have something to fall back to.
            if result.returncode != 0 and not (result.returncode == 1 and self.is_sentence(result.stderr)):
                self.find(work, "memory", at, calls[at - 1], f"exit code {result.returncode}, {result.stderr[:120]!r}")
            shutil.rmtree(place)

        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(one, chosen))
        print(f"{work.name:12} memory  {len(chosen):4} of {len(calls)} allocations, {len(self.findings) - before} findings")

    @staticmethod
    def difference(expected: dict, found: dict) -> str:
        missing, more = expected.keys() - found.keys(), found.keys() - expected.keys()
        other = [name for name in expected.keys() & found.keys() if expected[name] != found[name]]
        return f"missing: {sorted(missing)}, more: {sorted(more)}, other bytes: {sorted(other)}"


def works(harness: Harness):
    train = [
        "train", "--model", "model", "--data", "data.jsonl", "--validation", "data.jsonl", "--output", "out", "--steps", "4",
        "--save-every", "2", "--validate-every", "2", "--batch-size", "2", "--threads", "1", "--quiet",
    ]
    prefix = train + ["--prefix-length", "3", "--reparametrization", "8"]
    tune = train + ["--method", "fine-tune"]

    def resumed(command):
        # Where a run ended before it had a state, it begins again.
        return lambda place: command + (["--resume"] if (place / "out/training-state/state.safetensors").exists() else [])

    def half(place):
        """A run that was killed after its first save."""
        made = harness.root / "half"
        with harness.lock:
            if not made.exists():
                log = harness.root / "half.log"
                temporary = harness.root / "place-0"
                temporary.mkdir()
                for name in ["model", "data.jsonl"]:
                    os.symlink(harness.root / name, temporary / name)
                environment = dict(os.environ, LD_PRELOAD=str(harness.shim), FAULTS_FOLDER=str(temporary / "out"))
                run = lambda more: subprocess.run(
                    [str(harness.binary), *prefix], cwd=temporary, env=dict(environment, **more), capture_output=True)
                run(dict(FAULTS_LOG=str(log)))
                saves = [
                    int(line.split()[0]) for line in log.read_text().splitlines()
                    if " rename " in line and line.endswith("state.safetensors")]
                shutil.rmtree(temporary / "out")
                # The first is the state before the first step; the temporary file of the next one is left behind.
                run(dict(FAULTS_AT=str(saves[2]), FAULTS_KIND="kill"))
                (temporary / "out").rename(made)
        shutil.copytree(made, place / "out")
        for file in (place / "out").rglob("adapter_config.json"):
            file.write_text(file.read_text().replace("place-0", place.name))

    def with_prefix(place):
        """A prefix, and an older result to be replaced."""
        made = harness.root / "prefix"
        with harness.lock:
            if not made.exists():
                command = [prefix[i] if prefix[i] != "out" else str(made) for i in range(len(prefix))]
                subprocess.run([str(harness.binary), *command], cwd=harness.root, check=True, capture_output=True)
        os.symlink(made, place / "prefix")
        (place / "out").mkdir()

    answers = [
        "generate", "--model", "model", "--prefix", "prefix", "--input", "data.jsonl", "--max-new-tokens", "4", "--output",
        "out/texts.jsonl", "--threads", "1", "--quiet"]
    return {
        "train": Work("train", prefix, again=resumed(prefix), cleans=True),
        "fine-tune": Work("fine-tune", tune, again=resumed(tune), cleans=True),
        "resume": Work("resume", prefix + ["--resume"], prepare=half, cleans=True),
        "generate": Work("generate", answers, prepare=with_prefix, again=lambda place: answers + ["--resume"]),
        "convert": Work(
            "convert", ["convert", "prefix", "out/authors", "--to", "authors", "--model", "model"], prepare=with_prefix),
        "pull": Work("pull", ["pull", FakeHub.golden["repository"]]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=Path(".build/release/prefixtune"))
    parser.add_argument("--works", nargs="*", help="train, fine-tune, resume, generate, convert, pull; all unless given")
    parser.add_argument("--kinds", nargs="*", default=ERRORS + HARMLESS + ENDS)
    parser.add_argument("--memory", action="store_true", help="let allocations fail instead")
    parser.add_argument("--most", type=int, default=400, help="most allocations of a work that fail, spread evenly")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--patience", type=float, default=120, help="seconds after which a run counts as one that does not end")
    options = parser.parse_args()
    if sys.platform != "linux":
        print("skipped: LD_PRELOAD and /proc are Linux's")
        return
    compiler = next((name for name in ("cc", "clang", "gcc") if shutil.which(name)), None)
    if compiler is None:
        print("skipped: there is no C compiler")
        return
    with tempfile.TemporaryDirectory(prefix="prefixtune-faults-") as name:
        root = Path(name).resolve()
        shim = root / "faults.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, HERE / "faults.c"], check=True)
        harness = Harness(options.binary.resolve(), shim, root, options.jobs, options.patience)
        known = works(harness)
        for work in options.works or list(known):
            if options.memory:
                harness.memory(known[work], "model.safetensors", options.most)
            else:
                harness.all(known[work], options.kinds)
        for finding in harness.findings:
            print(f"FINDING {finding}")
        print(f"{harness.runs} runs, {len(harness.findings)} findings")
        sys.exit(1 if harness.findings else 0)


if __name__ == "__main__":
    main()
