#!/usr/bin/env python3
"""A link that breaks in the middle of a training: MPI says nothing of it, so the processes have to notice. Three hosts are network namespaces
on one bridge, as root on Linux; elsewhere this says that it is skipped. Open MPI only, whose launcher can be told how to reach a host.

    python3 Tests/Ranks/link.py --binary .build/release/prefixtune
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from network import Missing, Network

TIMEOUT = 5
HOSTS = 3


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(0)


def trainings(network):
    found = []
    for pid in network.processes():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"train" in words and b"mpirun" not in os.path.basename(words[0]):
            found.append(pid)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    arguments = parser.parse_args()
    if sys.platform != "linux" or os.geteuid() != 0:
        skip("network namespaces need root on Linux")
    if not shutil.which("ip") or not shutil.which("mpirun.openmpi"):
        skip("ip or mpirun.openmpi is not here")
    binary = os.path.realpath(arguments.binary)
    failures = []

    def check(name, is_so, found=None):
        print(f"{'ok    ' if is_so else 'FAILED'} {name}" + ("" if found is None else f": {found}"), flush=True)
        if not is_so:
            failures.append(name)

    with tempfile.TemporaryDirectory() as name, Network(HOSTS) as network:
        folder = Path(name)
        agent = network.agent(folder / "agent.sh")
        output = folder / "run"
        train = [binary, "train", "--model", "embedded", "--data", "embedded", "--validation", "embedded", "--prefix-length", "5", "--steps", "100000",
                 "--batch-size", "12", "--tokens-per-pass", "150", "--save-every", "5", "--validate-every", "100000", "--rank-timeout", str(TIMEOUT), "--quiet",
                 "--output", str(output)]
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", PREFIXTUNE_THREADS="1")
        words = ["ip", "netns", "exec", network.hosts[0], "mpirun.openmpi", "--mca", "plm_rsh_agent", str(agent), "--mca", "btl", "tcp,self", "--mca",
                 "btl_tcp_if_include", "eth0", "--mca", "oob_tcp_if_include", "eth0", "-x", "PREFIXTUNE_THREADS", "--host",
                 ",".join(f"{address}:1" for address in network.addresses), "-n", str(HOSTS), *train]
        errors = open(folder / "errors", "w+")
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=errors, text=True, start_new_session=True)
        metrics = output / "metrics.jsonl"

        def steps():
            try:
                return len(metrics.read_text().splitlines())
            except OSError:
                return 0

        deadline = time.time() + 90
        while time.time() < deadline and steps() < 20 and process.poll() is None:
            time.sleep(0.1)
        begun = steps()
        errors.seek(0)
        check("three hosts train", begun >= 20 and len(trainings(network)) == HOSTS, f"{begun} steps, {errors.read()[-300:]}" if begun < 20 else begun)
        if begun >= 20:
            network.cut(1)
            cut = time.time()
            while time.time() < cut + TIMEOUT + 60 and trainings(network):
                time.sleep(0.1)
            took = time.time() - cut
            check(f"all of them end within the time limit and 10 s ({TIMEOUT} s)", not trainings(network) and took < TIMEOUT + 10, f"{took:.1f} s")
            try:
                code = process.wait(10)
            except subprocess.TimeoutExpired:
                print("       the launcher waits on, for its daemon on the host that is cut off; it is ended", flush=True)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                code = None
            errors.seek(0)
            text = errors.read()
            told = [line for line in text.splitlines() if "no answer from the other processes" in line]
            check("it is said, and the exit code is not 0 where the launcher gives one", code != 0 and bool(told), f"code {code}: {told[:1] or text[-300:]}")
            done = steps()
            state = output / "training-state" / "state.safetensors"
            size = int.from_bytes(state.read_bytes()[:8], "little")
            progress = json.loads(json.loads(state.read_bytes()[8:8 + size])["__metadata__"]["prefixtune.progress"])
            check("the state is not older than the steps between two saves", 0 <= done - progress["step_count"] <= 5, f"step {progress['step_count']} of {done}")
            rest = subprocess.Popen([binary, "train", "--resume", "--output", str(output), "--quiet", "--ranks", "one"], env=environment,
                                    stderr=subprocess.PIPE, text=True)
            deadline = time.time() + 60
            while time.time() < deadline and steps() <= done + 3 and rest.poll() is None:
                time.sleep(0.1)
            rest.send_signal(signal.SIGTERM)
            _, text = rest.communicate(timeout=60)
            check("the state is whole: one process goes on from it", steps() > done + 3 and rest.returncode in (-signal.SIGTERM, 143), text[-200:] or None)
        for pid in network.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    try:
        main()
    except Missing as problem:
        skip(problem)
