"""Federated rounds on this machine's loopback: a SuperLink with TLS, three SuperNodes with registered keys and one topic each, the
embedded model; one without data, and one whose key nobody knows; one node killed in the second round.

    python loopback.py --binary PREFIXTUNE [--insecure] [--rounds 5] [--late] [--peft PYTHON-WITH-PEFT]
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from prefixtune_flower.adapter import Adapter  # noqa: E402

BIN = Path(sys.executable).parent
TOPICS = ("restaurant", "hotel", "museum")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def expect(true: bool, otherwise: str) -> None:
    if not true:
        raise SystemExit(f"error: {otherwise}")


class Federation:
    """SuperLink and SuperNodes as processes of this test, in a folder of their own."""

    def __init__(self, folder: Path, binary: str, tls: bool = False) -> None:
        self.folder, self.binary, self.port, self.tls = folder, binary, free_port(), tls
        folder.mkdir(parents=True)
        self.environment = {
            **os.environ, "FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "FLWR_HOME": str(folder / "flwr"),
            "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1", "PREFIXTUNE_THREADS": "1"}
        self.processes: dict[str, subprocess.Popen] = {}
        (folder / "flwr").mkdir()
        secure = f'root-certificates = "{folder}/ca.crt"' if tls else "insecure = true"
        (folder / "flwr" / "config.toml").write_text(f'[superlink.lo]\naddress = "127.0.0.1:{self.port}"\n{secure}\n')
        if tls:
            self.certificates()
            link = ["--ssl-ca-certfile", "ca.crt", "--ssl-certfile", "link.crt", "--ssl-keyfile", "link.key", "--enable-supernode-auth"]
        else:
            link = ["--insecure"]
        self.start("link", ["flower-superlink", *link, "--disable-runtime-dependency-installation", "--port", str(self.port),
                            "--database", str(folder / "link.db")])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.2)
        raise SystemExit(f"the SuperLink did not start: {self.log('link')[-2000:]}")

    def certificates(self) -> None:
        def openssl(*arguments: str) -> None:
            subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2",
                "-subj", "/CN=test authority")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "link.key", "-out", "link.csr", "-subj", "/CN=localhost")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", "link.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "link.crt",
                "-days", "2", "-extfile", "names")

    def key(self, index: int, registered: bool) -> None:
        """A node's key: of the kinds that are there Flower takes OpenSSH's elliptic ones only."""
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "384", "-N", "", "-f", f"node{index}.key"], cwd=self.folder, check=True)
        if registered:
            done = self.flwr("supernode", "register", f"node{index}.key.pub", "lo")
            expect(done.returncode == 0, f"registering a key: {done.stdout}{done.stderr}")

    def start(self, name: str, command: list[str]) -> subprocess.Popen:
        log = open(self.folder / f"{name}.log", "w")
        self.processes[name] = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]], cwd=self.folder, env=self.environment, stdout=log, stderr=log,
            start_new_session=True)
        return self.processes[name]

    def node(self, index: int, data: Path, key: bool = False, **more: str) -> subprocess.Popen:
        config = {"partition-id": index, "prefixtune": self.binary, "model": "embedded", "data": str(data), **more}
        text = " ".join(f"{k}={v}" if isinstance(v, int) else f'{k}="{v}"' for k, v in config.items())
        secure = ["--root-certificates", "ca.crt"] if self.tls else ["--insecure"]
        if key:
            secure += ["--auth-supernode-private-key", f"node{index}.key"]
        return self.start(f"node{index}", [
            "flower-supernode", *secure, "--superlink", f"127.0.0.1:{self.port}", "--port", str(free_port()),
            "--node-config", text])

    def flwr(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess:
        return subprocess.run([str(BIN / "flwr"), *arguments], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, check=False)

    def run(self, **config) -> str:
        """Starts a run; returns its number."""
        settings = {
            "prefixtune": self.binary, "output": str(self.folder / "rounds"), "start-nodes": 3, "prompt-ending": "\\n",
            "init": "words:a place to eat near the river", **{k.replace("_", "-"): v for k, v in config.items()}}
        text = " ".join(f'{k}="{v}"' if isinstance(v, str) else f"{k}={v}" for k, v in settings.items())
        started = self.flwr("run", str(HERE.parent), "lo", "--run-config", text, "--format", "json")
        if started.returncode:
            raise SystemExit(f"flwr run: {started.stdout}{started.stderr}")
        return str(json.loads(started.stdout[started.stdout.index("{"):])["run-id"])

    def wait(self, number: str, timeout: float) -> str:
        deadline, ended = time.monotonic() + timeout, re.compile(rf"Finished task \d+ of run {number}")
        while time.monotonic() < deadline:
            if ended.search(self.log("link")):
                listed = self.flwr("list", "lo", "--run-id", number, "--format", "json").stdout
                return json.loads(listed[listed.index("{"):])["runs"][0]["status"]
            time.sleep(0.3)
        raise SystemExit(f"run {number} did not end in {timeout} s:\n{self.log('link')[-3000:]}")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def kill(self, name: str, how: int = signal.SIGTERM) -> None:
        process = self.processes.pop(name)
        try:
            os.killpg(process.pid, how)
            process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            process.kill()

    def close(self) -> None:
        for name in reversed(list(self.processes)):
            self.kill(name, signal.SIGKILL)


def split(binary: str, folder: Path) -> list[Path]:
    """A topic for each client, in folders whose names must not be met elsewhere."""
    resources = Path(binary).resolve().parent / "prefixtune_PrefixExperiments.resources" / "Resources" / "tables" / "train.jsonl"
    rows, places = [json.loads(line) for line in resources.read_text().splitlines()], []
    for index, topic in enumerate(TOPICS):
        rows_here = [row for row in rows if row["topic"] == topic][: 300 - 100 * index]
        places.append(folder / f"hidden-place-{topic}" / "data.jsonl")
        places[-1].parent.mkdir(parents=True)
        places[-1].write_text("".join(json.dumps(row) + "\n" for row in rows_here))
    return places


def metrics(folder: Path, number: int) -> dict:
    return json.loads((folder / "rounds" / f"round-{number:03}" / "round.json").read_text())["metrics"]


def same_as_by_hand(f: Federation, places: list[Path], steps: int) -> None:
    """The first round once more: three calls of the program, and the weighted mean by NumPy."""
    start, sums, total = f.folder / "rounds" / "round-000", {}, 0
    for index, place in enumerate(places):
        output = f.folder / f"by-hand-{index}"
        subprocess.run([
            f.binary, "train", "--model", "embedded", "--data", str(place), "--output", str(output), "--init", f"adapter:{start}",
            "--reparametrization", "none", "--steps", str(steps), "--batch-size", "8", "--learning-rate", "5e-3", "--schedule",
            "constant", "--seed", str(101 + 1000 + index), "--quiet"], env=f.environment, check=True)
        count = len(place.read_text().splitlines())
        for name, array in Adapter.read(output).arrays.items():
            sums[name] = sums.get(name, 0) + count * array.astype(np.float64)
        total += count
    for name, array in Adapter.read(f.folder / "rounds" / "round-001").arrays.items():
        difference, largest = np.max(np.abs(array - sums[name] / total)), np.max(np.abs(array))
        expect(difference < 1e-7 * max(1, largest), f"Flower's {name} differs from NumPy's mean by {difference}, of up to {largest}")
        print(f"the mean by Flower is NumPy's: {name} differs by {difference:.1e}, of up to {largest:.2f}")


def nothing_private(f: Federation) -> None:
    """Neither places nor words of the data are anywhere that the server has."""
    words = {w for w in re.findall(rb"[A-Z][a-z]{8,}", b"".join(p.read_bytes() for p in f.folder.glob("hidden-place-*/data.jsonl")))}
    expect(len(words) > 20, "the data has no words to look for")
    for file in [*f.folder.glob("link*"), *(f.folder / "rounds").rglob("*"), *f.folder.glob("flwr/**/*")]:
        if file.is_file() and file.suffix not in (".key", ".crt"):
            content = file.read_bytes()
            for secret in (b"hidden-place", *words):
                expect(secret not in content, f"{file.name} of the server has {secret.decode()!r}, which a node should have kept")
    expect(b"hidden-place-absent" in (f.folder / "node5.log").read_bytes(), "the node without data does not say what it misses")
    sentence = b"prefixtune train ended with code 1; this machine's log says why"
    expect(sentence in (f.folder / "link.db").read_bytes(), "the server was not told that a node has failed")
    print(f"{len(words)} words of the data and the names of its folders are nowhere at the server")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--insecure", action="store_true", help="without TLS and keys")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--late", action="store_true", help="a node more, which is too late in every round; go on for a round at the end")
    parser.add_argument("--peft", help="a Python that has peft and transformers")
    parser.add_argument("--keep", type=Path, help="a folder to work in that stays")
    options = parser.parse_args()
    binary, began = str(Path(options.binary).absolute()), time.monotonic()
    work = options.keep or Path(tempfile.mkdtemp(prefix="prefixtune-federated-"))
    f = Federation(work / "f", binary, tls=not options.insecure)
    try:
        exercise(f, options, split(binary, f.folder))
        print(f"federated rounds on loopback: all as it should be, {time.monotonic() - began:.0f} s")
    except BaseException:
        for name in f.processes:
            print(f"--- {name}\n{f.log(name)[-3000:]}", file=sys.stderr)
        raise
    finally:
        f.close()
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)


def exercise(f: Federation, options: argparse.Namespace, places: list[Path]) -> None:
    keys, steps = not options.insecure, 20
    central = f.folder / "central.jsonl"
    central.write_text("".join(place.read_text() for place in places)[: 40 * 300].rsplit("\n", 1)[0] + "\n")
    if options.late:
        slow = f.folder / "slow"
        slow.write_text(f'#!/bin/sh\nsleep 90\nexec "{f.binary}" "$@"\n')
        slow.chmod(0o755)
        if keys:
            f.key(4, registered=True)
        f.node(4, places[0], key=keys, prefixtune=str(slow))
    # The last one has no data where it says: its rounds fail, and why must stay with it.
    for index, place in [*enumerate(places), (5, f.folder / "hidden-place-absent" / "data.jsonl")]:
        if keys:
            f.key(index, registered=True)
        f.node(index, place, key=keys)
    if keys:
        f.key(3, registered=False)
        stranger = f.node(3, places[0], key=True)
    # Flower itself gives up a killed node after a minute without its heartbeat; a late one is given up by the run's limit alone.
    settings = {"local_steps": steps, "validation": str(central), "timeout": 25.0 if options.late else 60.0}
    number = f.run(rounds=options.rounds, **settings, start_nodes=5 if options.late else 4)
    first, deadline = f.folder / "rounds" / "round-001", time.monotonic() + 90
    while not first.exists():
        expect(time.monotonic() < deadline, "the first round was not done after 90 s")
        time.sleep(0.1)
    f.kill("node2", signal.SIGKILL)
    if keys:
        code = stranger.wait(10)
        expect(code != 0 and "Failed to activate SuperNode" in f.log("node3"), f"a node with an unknown key ended with code {code}: {f.log('node3')}")
        print(f"a node with an unknown key was refused, exit code {code}: {refusal(f.log('node3'))}")
        f.kill("node3", signal.SIGKILL)  # its helpers are still there
    status = f.wait(number, 90 + 40 * options.rounds)
    expect(status == "finished:completed", f"the run's status is {status}")
    for r in range(1, options.rounds + 1):
        m = metrics(f.folder, r)
        print(f"round {r}: {m['clients']} clients, loss {m['loss-before']:.3f} to {m['loss-after']:.3f} (worst client {m['loss-after-worst']:.3f}),"
              f" validation at the server {m['validation-loss']:.3f}, {m['bytes-down']} bytes down, {m['bytes-up']} up, {m['seconds']:.1f} s, longest client {m['seconds-longest']:.1f} s")
        expect(m["clients"] == (3 if r == 1 else 2), f"round {r} had {m['clients']} clients")
    expect(metrics(f.folder, options.rounds)["loss-after"] < metrics(f.folder, 1)["loss-before"] - 0.3, "the loss has hardly fallen")
    same_as_by_hand(f, places, steps)
    nothing_private(f)
    reads_the_adapter(f, options.rounds, options.peft)
    if options.late:
        f.kill("node4", signal.SIGKILL)
        before = {p: p.read_bytes() for p in (f.folder / "rounds").rglob("*.safetensors")}
        status = f.wait(f.run(rounds=options.rounds + 1, start_nodes=2, **settings), 90)
        expect(status == "finished:completed" and metrics(f.folder, options.rounds + 1)["clients"] == 2, f"going on: {status}")
        expect(all(p.read_bytes() == content for p, content in before.items()), "going on has changed an earlier round")
        print(f"gone on to round {options.rounds + 1}, loss {metrics(f.folder, options.rounds + 1)['loss-after']:.3f}")


def refusal(log: str) -> str:
    return " ".join(re.findall(r"Exit Code: \d+|\[code: .*", log))


def reads_the_adapter(f: Federation, number: int, peft: str | None) -> None:
    last = f.folder / "rounds" / f"round-{number:03}"
    prompt = json.loads(next(f.folder.glob("hidden-place-restaurant/data.jsonl")).read_text().splitlines()[0])["prompt"]
    done = subprocess.run([f.binary, "generate", "--prefix", str(last), "--prompt", prompt, "--quiet"], env=f.environment,
                          capture_output=True, text=True, check=False)
    expect(done.returncode == 0 and done.stdout.strip() != "", f"generate: {done.stderr}")
    print(f"generate by the last adapter: {done.stdout.strip()[:100]}")
    if peft:
        model = Path(f.binary).resolve().parent / "prefixtune_PrefixExperiments.resources" / "Resources" / "base-model"
        code = ("import sys, torch; from transformers import AutoModelForCausalLM; from peft import PeftModel\n"
                "m = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(sys.argv[1]).float(), sys.argv[2])\n"
                "print('PeftModel has read it:', m.active_peft_config.num_virtual_tokens, 'positions')")
        done = subprocess.run([peft, "-c", code, str(model), str(last)], capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"PeftModel: {done.stderr[-2000:]}")
        print(done.stdout.strip())


if __name__ == "__main__":
    main()
