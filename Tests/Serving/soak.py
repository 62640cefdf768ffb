#!/usr/bin/env python3
"""An hour of everything at once: answers of all kinds, clients that go and that read slowly, prefixes made, replaced, loaded, let go and
removed. What the server keeps of it is a line through its memory, in bytes a request. Needs Linux, nothing else.

    python3 Tests/Serving/soak.py --binary .build/release/prefixtune [--minutes 60]
"""

import argparse
import asyncio
import random
import sys
import time

import stress
from stress import Server, ask, check, completion, idle, request

counts = {}


def count(kind, status):
    counts[kind, status] = counts.get((kind, status), 0) + 1


async def answer(port):
    body = completion(False, random.randrange(1, 60), n=random.choice([1, 1, 1, 2]))
    if random.random() < 0.4:
        body |= {"temperature": 0.8, "top_p": 0.9, "seed": random.randrange(1 << 30)}
    if random.random() < 0.2:
        body |= {"logprobs": 3, "stop": ["\n"]}
    count("answer", (await ask(port, "/v1/completions", body))[0])


async def after_prefix(port):
    body = dict(completion(False, random.randrange(1, 30)), model=f"note{random.randrange(12)}")
    count("after a prefix", (await ask(port, "/v1/completions", body))[0])


async def streamed(port, reads_slowly=False, goes=False):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 12)
    writer.write(request("/v1/completions", completion(True, random.randrange(1, 120))))
    begun, whole = time.time(), b""
    while part := await reader.read(1 << 10):
        whole = (whole + part)[-200:]
        if goes and time.time() - begun > random.expovariate(20):
            writer.transport.abort()
            count("goes", 0)
            return
        if reads_slowly:
            await asyncio.sleep(0.05)
    writer.close()
    count("slow stream" if reads_slowly else "stream", 200 if b"[DONE]" in whole else 0)


async def changes(port):
    """A prefix of a text is made, replaced, loaded, pinned, let go or removed, while others ask for it."""
    name, draw = f"note{random.randrange(12)}", random.random()
    if draw < 0.5:
        text = "name : " + "word " * random.randrange(1, 40)
        count("make", (await ask(port, "/v1/prefixes", {"name": name, "text": text, "replace": True}))[0])
    elif draw < 0.9:
        count("load or let go", (await ask(port, f"/v1/prefixes/{name}/{random.choice(['load', 'unload'])}"))[0])
    else:
        count("remove", (await ask(port, f"/v1/prefixes/{name}", method="DELETE"))[0])


async def looks(port):
    for path in ("/metrics", "/v1/models", "/v1/prefixes", "/ready", "/health"):
        count("look", (await ask(port, path, method="GET"))[0])


async def tokens(port):
    status, body = await ask(port, "/tokenize", {"prompt": "word " * random.randrange(1, 200)})
    count("tokens", status)


async def run(arguments):
    server = Server(arguments.binary, "--prefix-memory", "1M")
    port, end, done = server.port, time.time() + 60 * arguments.minutes, 0
    points = []
    kinds = [(answer, 30), (after_prefix, 20), (streamed, 15), (lambda port: streamed(port, goes=True), 15),
             (lambda port: streamed(port, reads_slowly=True), 3), (changes, 10), (looks, 1), (tokens, 6)]

    async def client():
        nonlocal done
        while time.time() < end:
            (kind, _), = random.choices(kinds, [weight for _, weight in kinds])
            try:
                await asyncio.wait_for(kind(port), 60)
            except (ConnectionError, asyncio.IncompleteReadError):
                count("connection lost", 0)
            except asyncio.TimeoutError:
                count("no answer in a minute", 0)
            done += 1
            await asyncio.sleep(random.expovariate(1 / arguments.pause) if arguments.pause else 0)

    async def watch():
        while time.time() < end:
            await asyncio.sleep(arguments.minutes * 60 / 120)
            facts = server.facts()
            points.append((done, facts))
            if len(points) % 10 == 0:
                print(f"       {done} requests: {facts}", flush=True)

    try:
        await asyncio.gather(watch(), *(client() for _ in range(24)))
        left = await idle(port)
        check("idle at the end", left is not None, left)
        check("it lives", server.process.poll() is None)
        late = points[len(points) // 4:]
        xs, ys = [point[0] for point in late], [1024 * 1024 * point[1]["rss_mb"] for point in late]
        x, y = sum(xs) / len(xs), sum(ys) / len(ys)
        slope = sum((a - x) * (b - y) for a, b in zip(xs, ys)) / sum((a - x) ** 2 for a in xs)
        check("growth after the first quarter, bytes a request", slope < 1024, f"{slope:.0f} over {xs[-1] - xs[0]} requests")
        for name in ("threads", "fds"):
            values = [point[1][name] for point in late]
            half = len(values) // 2
            check(f"{name} do not grow", sum(values[half:]) / (len(values) - half) < sum(values[:half]) / half + 4, (values[0], values[-1]))
        bad = {f"{kind} {status}": number for (kind, status), number in counts.items() if status >= 500 or (status == 0 and kind != "goes")}
        check("no failure of the server", not bad, bad)
        print("       " + ", ".join(f"{kind} {status}: {number}" for (kind, status), number in sorted(counts.items())))
    finally:
        server.process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--pause", type=float, default=0, help="seconds that each of 24 clients waits between its requests, on average")
    random.seed(6)
    asyncio.run(run(parser.parse_args()))
    sys.exit(1 if stress.failures else 0)


if __name__ == "__main__":
    main()
