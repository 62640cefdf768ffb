#!/usr/bin/env python3
"""What a server costs, gives and promises under load: `prefixtune serve`, and llama.cpp's llama-server beside it.

    python3 Benchmarks/serving.py --binary .build/release/prefixtune --model MODEL [--precision int8] --rows overhead eight prefixes
        [--llama-server llama.cpp/build/bin/llama-server --llama-model model-Q8_0.gguf]

| row | what is asked |
| --- | --- |
| overhead | one stream, beside `benchmark --work decode`, alternating |
| eight | eight streams without a prefix, beside llama-server with eight slots, alternating |
| prefixes | 64 streams over 64 prefixes of 1 to 200 positions, beside 64 over one of middle length, alternating |
| zipf | 64 streams over 10,000 prefixes on disk, drawn by Zipf's law, with memory for 500, beside 64 over one |
| small | wrk's 256 connections on small routes: alone, and what they leave of eight streams |
| long | a long prompt every second beside eight streams: gaps between tokens |
| fairness | a key with many waiting requests, and one that asks once a second |
| overload | four times as many requests as can be served |
| equality | answers out of a loaded server, with clients that go, byte by byte beside `prefixtune generate` |

Needs Python 3.11 and numpy, and wrk for `small`. Rows are printed as JSON, one to a line. Figures hold for an idle machine only.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import re
import statistics
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

WORDS = Path(__file__).read_text().split()


def text(tokens, seed):
    """A prompt of about so many tokens that begins like no other."""
    pick = random.Random(seed)
    return f"{seed} " + " ".join(re.sub(r"\W", "", pick.choice(WORDS)) or "the" for _ in range(tokens // 2))


class Server:
    """A server process on a free port, for as long as the block."""

    def __init__(self, command, ready):
        self.log = []
        self.process = subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True)
        self.is_ready = threading.Event()
        self.port = None

        def read():
            for line in self.process.stdout:
                self.log = (self.log + [line])[-200:]
                found = re.search(ready, line)
                if found and not self.is_ready.is_set():
                    self.port = int(found.group(1))
                    self.is_ready.set()

        threading.Thread(target=read, daemon=True).start()
        for _ in range(6000):
            if self.is_ready.wait(0.1) or self.process.poll() is not None:
                break
        if self.port is None:
            raise SystemExit("the server did not start:\n" + "".join(self.log))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def ours(arguments, store, *options):
    return Server([arguments.binary, "serve", "--model", arguments.model, "--precision", arguments.precision, "--cache-type", arguments.cache_type, "--store",
                   str(store), "--port", "0", "--threads", str(arguments.threads), *options], r" at http://[^:]+:(\d+) after")


def theirs(arguments, slots):
    return Server([arguments.llama_server, "-m", arguments.llama_model, "-np", str(slots), "-c", str(1024 * slots), "-t", str(arguments.threads),
                   "-tb", str(arguments.threads), "--port", str(arguments.llama_port), "--no-webui"], r"listening on http://[^:]+:(\d+)")


async def stream(port, body, key=None, path="/v1/completions"):
    """Status, text, and the times at which its events came, from the moment of asking."""
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps(dict(body, stream=True)).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n"
    if key:
        head += f"Authorization: Bearer {key}\r\n"
    writer.write((head + "\r\n").encode() + data)
    status = int((await reader.readline()).split()[1])
    times, answer, headers = [], "", {}
    while (line := (await reader.readline()).decode().strip()):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    while line := await reader.readline():
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        if "error" in event:
            status = 599
            break
        choice = (event.get("choices") or [{}])[0]
        if choice.get("text"):
            answer += choice["text"]
        if "text" in choice:
            times.append(time.perf_counter() - start)
    writer.close()
    return status, answer, times, headers


def completion(model, prompt, tokens, **more):
    return {"model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "ignore_eos": True, **more}


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else None


async def load(port, bodies, tokens):
    """All at once: tokens a second from the first request to the last token, times to the first token, gaps."""
    start = time.perf_counter()
    answers = await asyncio.gather(*(stream(port, body) for body in bodies))
    took = time.perf_counter() - start
    assert all(status == 200 for status, *_ in answers), [status for status, *_ in answers]
    first = [times[0] for _, _, times, _ in answers]
    gaps = [later - earlier for _, _, times, _ in answers for earlier, later in zip(times, times[1:])]
    return {"tokens_per_second": len(bodies) * tokens / took, "first_p50": percentile(first, 0.5), "first_p99": percentile(first, 0.99),
            "gap_p50": percentile(gaps, 0.5), "gap_p99": percentile(gaps, 0.99)}


def report(row, **facts):
    def short(value):
        if isinstance(value, float):
            return float(f"{value:.4g}")
        if isinstance(value, dict):
            return {key: short(item) for key, item in value.items()}
        return [short(item) for item in value] if isinstance(value, list) else value

    print(json.dumps({"row": row, **short(facts)}), flush=True)


def medians(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def model_name(port, key=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models", headers={"Authorization": f"Bearer {key}"} if key else {})
    return json.load(urllib.request.urlopen(request))["data"][0]["id"]


def overhead(arguments, folder):
    """One stream of 256 tokens after a prompt of 64, and `benchmark` on the same."""
    ratios, server_rates, bench_rates = [], [], []
    for turn in range(arguments.turns):
        out = subprocess.run([arguments.binary, "benchmark", "--model", arguments.model, "--precision", arguments.precision, "--work", "decode", "--json",
                              "--quiet", "--prefix-length", "0", "--prompt-length", "64", "--new-tokens", "256", "--rounds", "5", "--threads",
                              str(arguments.threads)], capture_output=True, text=True, check=True).stdout
        rate = json.loads(out.splitlines()[-1])["tokens_per_second"]
        bench_rates.append(statistics.median(rate) if isinstance(rate, list) else rate)
        with ours(arguments, folder / "store") as server:
            name = model_name(server.port)

            # curl, since a client in Python takes a good part of a core from two of them.
            rates = []
            for index in range(6):
                body = json.dumps(completion(name, text(64, index), 256, stream=True))
                times = subprocess.run(["curl", "-sN", "-o", os.devnull, "-w", "%{time_starttransfer} %{time_total}", "-H", "Content-Type: application/json",
                                        "-d", body, f"http://127.0.0.1:{server.port}/v1/completions"], capture_output=True, text=True, check=True).stdout
                first, last = map(float, times.split())
                rates.append(255 / (last - first))
            server_rates.append(statistics.median(rates[1:]))
        ratios.append(server_rates[-1] / bench_rates[-1])
    report("overhead", server=server_rates, benchmark=bench_rates, ratios=ratios, median=statistics.median(ratios))


def eight(arguments, folder):
    """Eight streams of 128 tokens after prompts of 64, three times over; each turn ours and llama-server's."""
    found = {"prefixtune": [], "llama-server": []}
    for turn in range(arguments.turns):
        for name in found:
            server = ours(arguments, folder / "store") if name == "prefixtune" else theirs(arguments, 8)
            with server:
                model = model_name(server.port)

                async def measure():
                    runs = []
                    for index in range(4):
                        bodies = [completion(model, text(64, 1000 * index + number), 128) for number in range(8)]
                        runs.append(await load(server.port, bodies, 128))
                    return medians(runs[1:])

                found[name].append(asyncio.run(measure()))
    ratios = [a["tokens_per_second"] / b["tokens_per_second"] for a, b in zip(*found.values())]
    first = [a["first_p50"] / b["first_p50"] for a, b in zip(*found.values())]
    last = [a["first_p99"] / b["first_p99"] for a, b in zip(*found.values())]
    report("eight", **{name: medians(runs) for name, runs in found.items()}, tokens_ratio=ratios, first_p50_ratio=first, first_p99_ratio=last)


def key_shape(arguments):
    """Layers, heads and width of a head of the model's keys, as the tool tells them."""
    told = subprocess.run([arguments.binary, "inspect", arguments.model], capture_output=True, text=True, check=True).stdout
    layers = re.search(r"(\d+) layers", told)
    heads = re.search(r"(\d+)(?: key)? heads? of width (\d+)", told)
    return int(layers.group(1)), int(heads.group(1)), int(heads.group(2))


def write_prefix(folder, length, shape, model, seed):
    """A prefix in PEFT's layout, of small random values."""
    import numpy

    folder.mkdir(parents=True)
    layers, heads, width = shape[0], shape[1], shape[1] * shape[2]
    values = numpy.random.default_rng(seed).normal(0, 0.02, (length, 2 * layers * width)).astype("<f4").tobytes()
    header = json.dumps({"prompt_embeddings": {"dtype": "F32", "shape": [length, 2 * layers * width], "data_offsets": [0, len(values)]}}).encode()
    header += b" " * (-len(header) % 8)
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + values)
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "PREFIX_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": length, "num_layers": layers, "token_dim": width,
        "num_attention_heads": heads, "num_transformer_submodules": 1, "encoder_hidden_size": None, "prefix_projection": False, "inference_mode": True,
        "base_model_name_or_path": model}))


def write_prefixes(arguments, store):
    """64 prefixes of 1 to --longest positions, p0 to p63."""
    if store.exists():
        return
    for index in range(64):
        write_prefix(store / f"p{index}", 1 + index * (arguments.longest - 1) // 63, key_shape(arguments), arguments.model, index)


def prefixes(arguments, folder):
    store = folder / "prefixes"
    write_prefixes(arguments, store)
    write_prefix(store / "one", (1 + arguments.longest) // 2, key_shape(arguments), arguments.model, 99)
    found = {"many": [], "one": []}
    with ours(arguments, store) as server:

        async def measure(names, seed):
            bodies = [completion(names[number % len(names)], text(64, seed + number), 64) for number in range(64)]
            return await load(server.port, bodies, 64)

        for turn in range(arguments.turns + 1):
            for kind, names in (("many", [f"p{index}" for index in range(64)]), ("one", ["one"])):
                run = asyncio.run(measure(names, 10000 * turn))
                if turn:
                    found[kind].append(run)
    ratios = [a["tokens_per_second"] / b["tokens_per_second"] for a, b in zip(found["many"], found["one"])]
    report("prefixes", many=medians(found["many"]), one=medians(found["one"]), ratios=ratios, median=statistics.median(ratios))


def zipf(arguments, folder):
    """10,000 prefixes of 1 to 20 positions, exponent 1.1, memory for 500; 640 answers of 32 tokens, 64 at a time."""
    store, shape, count = folder / "zipf", key_shape(arguments), 10_000
    for index in range(count):
        write_prefix(store / f"p{index}", 1 + index % 20, shape, arguments.model, index)
    size = sum(file.stat().st_size for index in range(20) for file in (store / f"p{index}").iterdir()) // 20
    weights = [(rank + 1) ** -1.1 for rank in range(count)]
    found = {"many": [], "one": []}
    for turn in range(arguments.turns):
        for kind in found:
            with ours(arguments, store, "--prefix-memory", f"{500 * size}") as server:
                draws = random.Random(turn).choices(range(count), weights, k=640) if kind == "many" else [9] * 640
                jobs, seen, first = iter(enumerate(draws)), set(), {"cold": [], "warm": []}

                async def client():
                    for number, name in jobs:
                        state = "warm" if name in seen else "cold"
                        seen.add(name)
                        status, _, times, _ = await stream(server.port, completion(f"p{name}", text(32, 640 * turn + number), 32))
                        assert status == 200, status
                        first[state].append(times[0])

                async def measure():
                    start = time.perf_counter()
                    await asyncio.gather(*(client() for _ in range(64)))
                    return 640 * 32 / (time.perf_counter() - start)

                rate = asyncio.run(measure())
                found[kind].append({"tokens_per_second": rate, "prefixes": len(seen), **{
                    f"{state}_p{share}": percentile(times, share / 100) for state, times in first.items() for share in (50, 99) if len(times) > 1}})
    ratios = [a["tokens_per_second"] / b["tokens_per_second"] for a, b in zip(*found.values())]
    report("zipf", **{kind: medians(runs) for kind, runs in found.items()}, ratios=ratios, median=statistics.median(ratios))


def small(arguments, folder):
    """wrk -t2 -c256: /health alone, then each route beside eight streams."""
    script = folder / "tokenize.lua"

    def wrk(server, route):
        body = json.dumps({"model": model_name(server.port), "prompt": text(32, 1)}).replace("\\", "\\\\").replace("'", "\\'")
        script.write_text(f"wrk.method='POST'\nwrk.headers['Content-Type']='application/json'\nwrk.body='{body}'\n")
        more = ["-s", str(script)] if route == "/tokenize" else []
        return subprocess.Popen(["wrk", "-t2", "-c256", f"-d{arguments.seconds:.0f}s", *more, f"http://127.0.0.1:{server.port}{route}"],
                                stdout=subprocess.PIPE, text=True)

    def rate(process):
        out = process.communicate()[0]
        assert "Non-2xx" not in out, out
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))

    with ours(arguments, folder / "store") as server:
        name = model_name(server.port)

        async def streams(seconds):
            """Tokens a second of eight clients that ask again and again."""
            end, tokens = time.perf_counter() + seconds, 0

            async def client(number):
                nonlocal tokens
                while time.perf_counter() < end:
                    _, _, times, _ = await stream(server.port, completion(name, text(32, number), 64))
                    tokens += len(times)

            start = time.perf_counter()
            await asyncio.gather(*(client(number) for number in range(8)))
            return tokens / (time.perf_counter() - start)

        facts = {"health_alone": rate(wrk(server, "/health")), "tokens_alone": asyncio.run(streams(arguments.seconds))}
        for route in ("/health", "/v1/models", "/tokenize"):
            process = wrk(server, route)
            kept = asyncio.run(streams(arguments.seconds - 1)) / facts["tokens_alone"]
            facts[route] = {"requests_per_second": rate(process), "generation_kept": kept}
        report("small", **facts)


def long(arguments, folder):
    """Eight streams of 400 tokens; a prompt of about 900 tokens every second."""
    for name in ("prefixtune", "llama-server") if arguments.llama_server else ("prefixtune",):
        server = ours(arguments, folder / "store") if name == "prefixtune" else theirs(arguments, 10)
        with server:
            model = model_name(server.port)

            async def measure(disturb):
                streams = [asyncio.create_task(stream(server.port, completion(model, text(64, 77 * number + disturb), 300))) for number in range(8)]
                others = []
                if disturb:
                    await asyncio.sleep(1)
                    while not all(task.done() for task in streams):
                        others.append(asyncio.create_task(stream(server.port, completion(model, text(900, 5000 + len(others)), 4))))
                        await asyncio.sleep(1)
                answers = await asyncio.gather(*streams)
                late = await asyncio.gather(*others)
                gaps = [b - a for _, _, times, _ in answers for a, b in zip(times[8:], times[9:])]
                return {"gap_p50": percentile(gaps, 0.5), "gap_p99": percentile(gaps, 0.99), "gap_max": max(gaps),
                        "p99_by_median": percentile(gaps, 0.99) / percentile(gaps, 0.5), "long_prompts": len(late),
                        "long_first_p50": percentile([times[0] for _, _, times, _ in late if times], 0.5)}

            calm = asyncio.run(measure(0))
            report("long", server=name, alone=calm, beside_long_prompts=asyncio.run(measure(1)))


def keys_file(folder, **keys):
    lines = [f"{name} {hashlib.sha256(secret.encode()).hexdigest()} use:shared {limits}".rstrip() for name, (secret, limits) in keys.items()]
    (folder / "keys").write_text("\n".join(lines) + "\n")
    return str(folder / "keys")


def fairness(arguments, folder):
    """Key a keeps 200 requests waiting; key b asks once a second. Then two keys that both have more than enough, of weights 1 and 3."""
    secrets = {"a": "pt-" + "a" * 40, "b": "pt-" + "b" * 40}
    path = keys_file(folder, a=(secrets["a"], "weight=1"), b=(secrets["b"], "weight=3"))
    with ours(arguments, folder / "store", "--keys", path, "--max-rows", "8", "--max-rows-share", "1") as server:
        model = model_name(server.port, secrets["a"])

        async def ask(key, seed, tokens=32):
            status, _, times, _ = await stream(server.port, completion(model, text(32, seed), tokens), secrets[key])
            return status, times

        async def measure():
            alone = [(await ask("b", seed))[1][0] for seed in range(20)]
            flood = [asyncio.create_task(ask("a", 1000 + seed, 64)) for seed in range(200)]
            await asyncio.sleep(1)
            beside = []
            for seed in range(30):
                if all(task.done() for task in flood):
                    break
                begun = time.perf_counter()
                beside.append((await ask("b", 5000 + seed))[1][0])
                await asyncio.sleep(max(0, 1 - (time.perf_counter() - begun)))
            for task in flood:
                task.cancel()
            await asyncio.gather(*flood, return_exceptions=True)
            report("fairness", alone_first_p99=percentile(alone, 0.99), beside_first_p99=percentile(beside, 0.99), asked=len(beside),
                   ratio=percentile(beside, 0.99) / percentile(alone, 0.99))
            done = {"a": 0, "b": 0}
            end = time.perf_counter() + 20

            async def keep(key, seed):
                while time.perf_counter() < end:
                    status, times = await ask(key, seed, 32)
                    if status == 200 and time.perf_counter() < end:
                        done[key] += len(times)
                    seed += 100000

            await asyncio.gather(*(keep(key, 10000 + number) for key in secrets for number in range(24)))
            share = done["b"] / (done["a"] + done["b"])
            report("fairness", weights=[1, 3], tokens=done, share_of_b=share, should_be=0.75)

        asyncio.run(measure())


def overload(arguments, folder):
    """The rate that 16 clients one after the other get, then four times as many arrivals, with a queue of 64."""
    with ours(arguments, folder / "store", "--max-rows", "16", "--max-queued", "64") as server:
        model = model_name(server.port)
        lasting = arguments.seconds

        async def peak():
            done = 0
            end = time.perf_counter() + lasting / 2

            async def keep(seed):
                nonlocal done
                while time.perf_counter() < end:
                    status, *_ = await stream(server.port, completion(model, text(32, seed), 32))
                    done += status == 200 and time.perf_counter() < end
                    seed += 1000

            await asyncio.gather(*(keep(number) for number in range(16)))
            return done / (lasting / 2)

        async def flood(rate):
            answers, tasks = [], []

            async def one(seed):
                begun = time.perf_counter()
                status, _, times, headers = await stream(server.port, completion(model, text(32, seed), 32))
                answers.append((status, times[0] if times else None, headers, time.perf_counter() - begun, begun))

            start = time.perf_counter()
            number = 0
            while time.perf_counter() - start < lasting:
                tasks.append(asyncio.create_task(one(10 ** 6 + number)))
                number += 1
                await asyncio.sleep(max(0, start + number / rate - time.perf_counter()))
            within = sum(status == 200 for status, *_ in answers)
            await asyncio.wait_for(asyncio.gather(*tasks), 60)
            took = time.perf_counter() - start
            ok = [answer for answer in answers if answer[0] == 200]
            refused = [answer for answer in answers if answer[0] in (429, 503)]
            half = start + lasting / 2
            return {"asked": number, "served": len(ok), "served_per_second": within / lasting, "refused": len(refused),
                    "with_retry_after": sum("retry-after" in answer[2] for answer in refused), "other": number - len(ok) - len(refused),
                    "first_p99_first_half": percentile([answer[1] for answer in ok if answer[4] < half], 0.99),
                    "first_p99_second_half": percentile([answer[1] for answer in ok if answer[4] >= half], 0.99), "seconds": took}

        best = asyncio.run(peak())
        found = asyncio.run(flood(4 * best))
        report("overload", peak_per_second=best, **found, goodput=found["served_per_second"] / best)


def equality(arguments, folder):
    """Prompts over 64 prefixes, greedy and sampled, 64 at a time with clients that go, beside `generate`, prefix by prefix."""
    store = folder / "prefixes"
    write_prefixes(arguments, store)
    prompts = [text(8 + 5 * (number % 12), number) for number in range(arguments.prompts)]
    asked = [(index, number) for index in range(64) for number in range(len(prompts)) if number % arguments.every == index % arguments.every]
    place = {(index, number): sum(other == index for other, _ in asked[:at]) for at, (index, number) in enumerate(asked)}
    random.Random(3).shuffle(asked)
    answers = {}
    begun = time.perf_counter()
    with ours(arguments, store, "--max-queued", "100000", "--max-queued-tokens", "100000000") as server:

        async def run():
            gate = asyncio.Semaphore(72)

            async def one(index, number, sampled):
                async with gate:
                    body = completion(f"p{index}", prompts[number], arguments.tokens, ignore_eos=False)
                    if sampled:
                        seed = (index + place[index, number] * 0xD1342543DE82EF95) % 2**64
                        body |= {"temperature": 0.9, "top_p": 0.95, "seed": seed - 2**64 if seed >= 2**63 else seed}
                    # A neighbour that goes.
                    if random.random() < 0.1:
                        try:
                            await asyncio.wait_for(stream(server.port, completion("p3", text(30, random.random()), 200)), random.random() * 0.5)
                        except asyncio.TimeoutError:
                            pass
                    status, answer, _, _ = await stream(server.port, body)
                    answers[index, number, sampled] = answer if status == 200 else f"status {status}"

            await asyncio.gather(*(one(index, number, sampled) for index, number in asked for sampled in (False, True)))

        asyncio.run(run())
    served = time.perf_counter() - begun
    different = []
    for index in range(64):
        numbers = sorted(number for other, number in asked if other == index)
        lines = folder / "prompts.jsonl"
        for sampled in (False, True):
            # Alone: one prompt at a time goes through the model. `generate` draws for prompt i of a file from seed + i times a constant.
            lines.write_text("".join(json.dumps({"prompt": prompts[number]}) + "\n" for number in numbers))
            command = [arguments.binary, "generate", "--model", arguments.model, "--precision", arguments.precision, "--prefix", str(store / f"p{index}"),
                       "--input", str(lines), "--batch-size", "1", "--max-new-tokens", str(arguments.tokens), "--quiet", "--threads", str(arguments.threads)]
            command += ["--sample", "--temperature", "0.9", "--top-p", "0.95", "--seed", str(index)] if sampled else []
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            for number, line in zip(numbers, out.splitlines(), strict=True):
                if answers[index, number, sampled] != json.loads(line)["text"]:
                    different.append((index, number, sampled, answers[index, number, sampled], json.loads(line)["text"]))
    for case in different[:3]:
        print("different:", *case, sep="\n  ")
    report("equality", precision=arguments.precision, asked=len(answers), different=len(different), failed=sum(
        answer.startswith("status ") for answer in answers.values()), seconds_served=served)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--cache-type", default="f32", choices=["f32", "bf16"])
    parser.add_argument("--rows", nargs="+", required=True)
    parser.add_argument("--llama-server")
    parser.add_argument("--llama-model")
    parser.add_argument("--llama-port", type=int, default=18765)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--longest", type=int, default=200, help="positions of the longest prefix")
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--every", type=int, default=8, help="each prefix answers every n-th prompt; 1 for all of them")
    parser.add_argument("--tokens", type=int, default=24)
    arguments = parser.parse_args()
    known = {function.__name__: function for function in (overhead, eight, prefixes, zipf, small, long, fairness, overload, equality)}
    with tempfile.TemporaryDirectory() as folder:
        for row in arguments.rows:
            known[row](arguments, Path(folder))


if __name__ == "__main__":
    main()
