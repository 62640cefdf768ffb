#!/usr/bin/env python3
"""Clients that go, that are many, that are slow, that send nonsense: what is left of them in the server. Needs Linux, nothing else.

    python3 Tests/Serving/stress.py --binary .build/release/prefixtune [--disconnects 5000] [--streams 1000] [--slow 200]
"""

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

failures = []


def check(name, is_so, found=None):
    print(f"{'ok    ' if is_so else 'FAILED'} {name}" + ("" if found is None else f": {found}"), flush=True)
    if not is_so:
        failures.append(name)


class Server:
    def __init__(self, binary, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.log = []
        self.process = subprocess.Popen(
            [binary, "serve", "--model", "embedded", "--store", self.folder.name + "/store", "--port", "0", *options],
            stderr=subprocess.PIPE, text=True)
        ready = threading.Event()

        def read():
            for line in self.process.stderr:
                self.log = (self.log + [line])[-200:]
                found = re.search(r" at http://[^:]+:(\d+) after", line)
                if found:
                    self.port = int(found.group(1))
                    ready.set()

        threading.Thread(target=read, daemon=True).start()
        if not ready.wait(120):
            raise SystemExit("the server did not start:\n" + "".join(self.log))

    def facts(self):
        status = open(f"/proc/{self.process.pid}/status").read()

        def kb(name):
            return int(re.search(name + r":\s+(\d+)", status).group(1))

        return {"rss_mb": (kb("RssAnon") + kb("VmSwap")) / 1024, "threads": kb("Threads"),
                "fds": len(os.listdir(f"/proc/{self.process.pid}/fd"))}


def request(path, body=None, method="POST"):
    data = json.dumps(body).encode() if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    return (head + "Connection: close\r\n\r\n").encode() + data


async def ask(port, path, body=None, method="POST"):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(path, body, method))
    text = (await reader.read()).decode(errors="replace")
    writer.close()
    return int(text.split(" ", 2)[1]) if text else 0, text.partition("\r\n\r\n")[2]


async def idle(port):
    """Seconds until nothing is answered; nil where that does not come."""
    start = time.time()
    while time.time() - start < 30:
        _, body = await ask(port, "/ready", method="GET")
        # The body comes in chunks or whole.
        found = json.loads(body[body.index("{"):body.rindex("}") + 1])
        if found["running"] + found["queue"] == 0:
            return time.time() - start
        await asyncio.sleep(0.02)
    return None


def completion(stream, tokens, ignore_eos=True, **more):
    return {"model": "embedded", "prompt": "name : " + "x " * random.randrange(1, 60), "max_tokens": tokens,
            "stream": stream, "ignore_eos": ignore_eos, **more}


async def disconnects(port, count):
    """Clients that go at random moments: while they wait, while their prompt is read, while they are answered."""
    async def one():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/v1/completions", completion(random.random() < 0.6, random.randrange(1, 120))))
        try:
            await asyncio.wait_for(reader.read(1 << 20), random.expovariate(1 / 0.05))
        except asyncio.TimeoutError:
            pass
        if random.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()

    gate = asyncio.Semaphore(100)

    async def gated():
        async with gate:
            await one()

    await asyncio.gather(*(gated() for _ in range(count)))


async def streams(port, count, tokens=32):
    """Many at once; each must say its tokens in order and end."""
    times = []

    async def one():
        start, first = time.time(), None
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/v1/completions", completion(True, tokens, return_token_ids=True)))
        text = b""
        while True:
            part = await reader.read(1 << 16)
            if not part:
                break
            if first is None and b"\"text\"" in part:
                first = time.time() - start
            text += part
        writer.close()
        ids = re.findall(rb"\"token_ids\":\[([\d,]+)\]", text)
        times.append(first or 99)
        return text.rstrip().endswith(b"0") and b"data: [DONE]" in text and len(ids) == tokens

    done = await asyncio.gather(*(one() for _ in range(count)))
    times.sort()
    return sum(done), times[len(times) // 2], times[int(len(times) * 0.99)]


async def slow(port, count):
    """Headers that drip, bodies that drip, and clients that do not read, while others ask."""
    writers = []

    async def drip(text):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            for byte in text:
                if writer.is_closing():
                    return
                writer.write(bytes([byte]))
                await asyncio.sleep(0.5)
        except (ConnectionError, OSError):
            pass

    async def deaf():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writers.append(writer)
        writer.write(request("/v1/completions", completion(True, 60, n=2, logprobs=20)))
        reader._transport.pause_reading()
        await asyncio.sleep(8)

    head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 200
    body = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
    drips = [asyncio.create_task(drip(head)) for _ in range(count)] + [asyncio.create_task(drip(body)) for _ in range(count)]
    drips += [asyncio.create_task(deaf()) for _ in range(min(count, 16))]
    await asyncio.sleep(1)
    times = []
    for _ in range(30):
        start = time.time()
        status, _ = await ask(port, "/v1/completions", completion(False, 4))
        times.append(time.time() - start if status == 200 else 99)
    for task in drips:
        task.cancel()
    await asyncio.gather(*drips, return_exceptions=True)
    for writer in writers:
        writer.transport.abort()
    times.sort()
    return times[len(times) // 2], times[-1]


NONSENSE = [b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET /v1/models/%2e%2e%2f%2e%2e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\rb\r\n\r\n",
            request("/v1/completions", [[[[]]]]), request("/v1/completions", {"model": "embedded", "prompt": "\ud800"}),
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n"
            b"Connection: close\r\n\r\n" + b"[" * 200000]


async def nonsense(port, count):
    for index in range(count):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(NONSENSE[index % len(NONSENSE)])
            if index % 3:
                writer.write_eof()
            await asyncio.wait_for(reader.read(1 << 16), 5)
            writer.close()
        except (ConnectionError, asyncio.TimeoutError, OSError):
            pass


async def run(arguments):
    server = Server(arguments.binary, "--max-queued", "100000",
                    "--max-queued-tokens", "100000000")
    port = server.port
    try:
        await streams(port, 50)
        # The first ones make the server take what it keeps: threads, buffers, compiled kernels.
        await disconnects(port, arguments.disconnects)
        await idle(port)
        before = server.facts()
        start = time.time()
        await disconnects(port, arguments.disconnects)
        took = time.time() - start
        left = await idle(port)
        await asyncio.sleep(1)
        after = server.facts()
        check(f"{arguments.disconnects} clients went in {took:.0f} s; idle after", left is not None and left < 2, left)
        check("descriptors", after["fds"] <= before["fds"] + 2, (before["fds"], after["fds"]))
        check("threads", after["threads"] <= before["threads"] + 2, (before["threads"], after["threads"]))
        growth = (after["rss_mb"] - before["rss_mb"]) * 1024 / max(1, arguments.disconnects)
        check("growth in kB per client", growth < 4, f"{growth:.2f}")

        start = time.time()
        done, median, p99 = await streams(port, arguments.streams)
        took = time.time() - start
        facts = server.facts()
        check(f"{arguments.streams} streams at once, complete", done == arguments.streams, done)
        print(f"       {arguments.streams * 32 / took:.0f} tokens/s; first token p50 {median:.2f} s, p99 {p99:.2f} s; {facts}")
        check("memory", facts["rss_mb"] < 600, facts["rss_mb"])

        median, worst = await slow(port, arguments.slow)
        check(f"beside {2 * arguments.slow} drips and deaf clients others are answered", worst < 5, f"p50 {median:.2f} s, worst {worst:.2f} s")
        await nonsense(port, 110)
        status, _ = await ask(port, "/health", method="GET")
        check("after nonsense it lives", status == 200 and server.process.poll() is None)
        left = await idle(port)
        check("idle at the end", left is not None, left)
    finally:
        server.process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--disconnects", type=int, default=5000)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--slow", type=int, default=200)
    random.seed(5)
    asyncio.run(run(parser.parse_args()))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
