#!/usr/bin/env python3
"""What the exchange of a training step takes between processes on links of known speed, beside what it takes on paper.

    sudo python3 Benchmarks/ranks.py --binary .build/release/prefixtune --output Benchmarks/results/ranks

Hosts are network namespaces on one bridge, each with a link that tc's token bucket holds to some Mbit/s (Linux, as root; iproute2, Open MPI
or MPICH). Every process waits asleep, so that four of them on two cores are no worse than four machines as long as the wire is what limits.
Measured is `prefixtune benchmark --work exchange`: the integers of a step's gradient of a prefix of ten of GPT-2 small (184,320 of 64 bits),
and floats. What crosses each link is counted by the kernel. Writes results.json, results.md and exchange.svg; the line to 1,000
processes is computed, not measured. --draw makes the last two anew.
"""

import argparse
import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Tests" / "Ranks"))

from network import Missing, Network, ip  # noqa: E402
from run import processor  # noqa: E402
from ranks_chart import chart  # noqa: E402

# As AllReduceModel of the library has it, for the line that nobody can measure here.
LATENCY, PAYLOAD = 50e-6, 1448 / 1538
# By launcher: the program, and what is set for it. The library chooses Open MPI's algorithm, where nobody else does; 0 leaves it to Open MPI.
# MPICH over UCX, as Debian has it, asks before it sends much; over TCP the answer waits behind what goes the other way. inf: it does not ask.
LAUNCHERS = {
    "Open MPI": ("mpirun.openmpi", {}),
    "MPICH, without rendezvous": ("mpiexec.hydra", {"UCX_RNDV_THRESH": "inf"}),
    "Open MPI, left to itself": ("mpirun.openmpi", {"OMPI_MCA_coll_libnbc_iallreduce_algorithm": "0"}),
    "MPICH": ("mpiexec.hydra", {}),
}


def paper(ranks, bytes_, bits, latency=LATENCY):
    """Seconds of an all-reduce: 2 ⌈log₂ N⌉ α + 2 (N − 1)/N · S/B."""
    return 2 * math.ceil(math.log2(ranks)) * latency + 2 * (ranks - 1) / ranks * 8 * bytes_ / (bits * PAYLOAD)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--launchers", nargs="+", choices=list(LAUNCHERS), default=list(LAUNCHERS))
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--rates", type=int, nargs="+", default=[50, 100, 200], help="Mbit/s")
    parser.add_argument("--values", type=int, default=184_320)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=int, default=100, help="seconds for one of the measurements")
    parser.add_argument("--draw", action="store_true", help="only draw what results.json has")
    options = parser.parse_args()
    if not options.draw and not options.binary:
        parser.error("--binary is needed")
    return options


def sent(network):
    """Bytes that each host has sent, headers included."""
    return [int(ip("netns", "exec", host, "cat", "/sys/class/net/eth0/statistics/tx_bytes").stdout) for host in network.hosts]


def words(name, network, agent, ranks):
    if name.startswith("Open MPI"):
        return ["mpirun.openmpi", "--mca", "plm_rsh_agent", str(agent), "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "eth0", "--mca",
                "oob_tcp_if_include", "eth0", "-x", "PREFIXTUNE_THREADS", "--host", ",".join(f"{address}:1" for address in network.addresses), "-n", str(ranks)]
    # The node that mpiexec runs on is reached by the agent, too, so that its process is where the others expect it.
    return ["mpiexec.hydra", "-launcher", "ssh", "-launcher-exec", str(agent), "-localhost", "none", "-iface", "eth0", "-hosts",
            ",".join(network.addresses), "-ppn", "1", "-n", str(ranks)]


def measure(options, name, ranks, rate, folder):
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", PREFIXTUNE_THREADS="1")
    # Namespaces of one machine share its memory, which MPICH would use.
    environment.update(MPIR_CVAR_NOLOCAL="1", UCX_TLS="tcp,self", UCX_NET_DEVICES="eth0", FI_PROVIDER="tcp", FI_TCP_IFACE="eth0", **LAUNCHERS[name][1])
    with Network(ranks) as network:
        for host in network.hosts:
            # The bucket holds 2% of what is sent in a step; the queue holds all of it.
            done = subprocess.run(["tc", "-n", host, "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", f"{rate}mbit", "burst", "32kb", "limit", "16mb"],
                                  capture_output=True, text=True)
            if done.returncode:
                raise Missing(f"tc cannot shape a link here: {done.stderr.strip()}")
        agent = network.agent(folder / "agent.sh")
        before = sent(network)
        command = ["ip", "netns", "exec", network.hosts[0], *words(name, network, agent, ranks), os.path.realpath(options.binary), "benchmark", "--work",
                   "exchange", "--values", str(options.values), "--rounds", str(options.rounds), "--bandwidth", str(rate), "--json"]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=options.limit)
            text, errors, code = done.stdout, done.stderr, done.returncode
        except subprocess.TimeoutExpired as problem:
            # MPICH's own end may not come where UCX was told not to ask; the report was written before.
            text, errors, code = (problem.stdout or b"").decode(), f"no end after {options.limit} s", None
        finally:
            for pid in network.processes():
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
        after = sent(network)
    if code or not text.strip():
        return None, errors[-500:]
    report = json.loads(text.splitlines()[-1])
    report["ended"] = code == 0
    # Both kinds of sums, and the two rounds that are not timed.
    rounds = options.rounds + 2
    report["sent_per_round_bytes"] = [round((b - a) / rounds) for a, b in zip(before, after)]
    return report, None


def rows(results):
    for entry in results["measured"]:
        for found in entry["sums"]:
            yield entry, found, found["median_seconds"] / found["paper_seconds"] - 1


def table(results):
    text = (f"{results['processor']}, 2 cores, {results['date']}; {results['values']:,} values; medians of {results['rounds']} steps in ms (least to greatest), the slowest "
            "process's. Sent: bytes on each process's link, headers and the launcher's own included, for a step of integers and one of floats together, beside the least.\n\n"
            "| MPI | processes | Mbit/s | sums | measured | on paper | differs by | sent MB (least) |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
    for entry, found, error in rows(results):
        times = [1e3 * seconds for seconds in found["seconds"]]
        least = sum(one["wire_bytes_per_step"] for one in entry["sums"]) / PAYLOAD
        text += (f"| {entry['launcher']} | {entry['processes']} | {entry['link_bits_per_second'] / 1e6:.0f} | {found['reduction']} | {statistics.median(times):.1f} "
                 f"({min(times):.1f}–{max(times):.1f}) | {1e3 * found['paper_seconds']:.1f} | {100 * error:+.0f}% | "
                 f"{max(entry['sent_per_round_bytes']) / 1e6:.2f} ({least / 1e6:.2f}) |\n")
    text += "\nComputed, not measured: ms of one step's exchange of integers, α = 50 µs.\n\n| processes | " + " | ".join(COMPUTED) + " |\n| --- |" + " --- |" * len(COMPUTED) + "\n"
    for ranks in (2, 4, 8, 64, 1000):
        text += f"| {ranks:,} | " + " | ".join(f"{1e3 * paper(ranks, 8 * results['values'], bits):.1f}" for bits in COMPUTED.values()) + " |\n"
    return text


COMPUTED = {"100 Mbit/s": 1e8, "1 Gbit/s": 1e9, "10 Gbit/s": 1e10, "25 Gbit/s": 2.5e10}


def main():
    options = parse()
    # Namespaces outlive whoever made them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not options.draw:
        if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("tc"):
            sys.exit("error: network namespaces and tc need root on Linux")
        results = {"date": date.today().isoformat(), "processor": processor(), "values": options.values, "rounds": options.rounds, "measured": [], "failed": []}
        with tempfile.TemporaryDirectory() as folder:
            for name in options.launchers:
                if not shutil.which(LAUNCHERS[name][0]):
                    print(f"skipped: there is no {LAUNCHERS[name][0]} here", flush=True)
                    continue
                for ranks in options.processes:
                    for rate in options.rates:
                        report, problem = measure(options, name, ranks, rate, Path(folder))
                        if problem:
                            results["failed"].append({"launcher": name, "processes": ranks, "rate": rate, "reason": problem})
                            print(f"failed: {name}, {ranks} processes, {rate} Mbit/s: {problem}", flush=True)
                            continue
                        results["measured"].append({"launcher": name, **report})
                        for found in report["sums"]:
                            print(f"{name}, {ranks} processes, {rate} Mbit/s, {found['reduction']}: {1e3 * found['median_seconds']:.1f} ms, on paper "
                                  f"{1e3 * found['paper_seconds']:.1f} ({100 * (found['median_seconds'] / found['paper_seconds'] - 1):+.0f}%); sent "
                                  f"{report['sent_per_round_bytes']}", flush=True)
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    results = json.loads((options.output / "results.json").read_text())
    (options.output / "results.md").write_text(table(results))
    (options.output / "exchange.svg").write_text(chart(results, COMPUTED, paper))


if __name__ == "__main__":
    try:
        main()
    except Missing as problem:
        sys.exit(f"error: {problem}")
