#!/usr/bin/env python3
"""How a server ends: SIGTERM while many streams run, a drain that is cut short, kill -9 in the middle of answers and uploads. Needs Linux,
nothing else.

    python3 Tests/Serving/endings.py --binary .build/release/prefixtune [--streams 100]
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

from stress import Server, ask, check, completion, failures, request


async def begin(port, count, tokens, **more):
    """Streams of which each has told its first token."""
    async def one():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        writer.write(request("/v1/completions", completion(True, tokens, **more)))
        text = await reader.readuntil(b'"text"')
        return reader, writer, text

    return await asyncio.gather(*(one() for _ in range(count)))


async def rest(stream):
    """All that a stream said, up to its end."""
    reader, writer, text = stream
    try:
        while part := await reader.read(1 << 16):
            text += part
    except ConnectionError:
        text += b"\ncut"
    writer.close()
    return text


def kinds(texts):
    """How many said that they were complete, how many why not, and how many neither."""
    complete = sum(b"data: [DONE]" in text for text in texts)
    told = sum(b'"error"' in text and b"data: [DONE]" not in text for text in texts)
    return {"complete": complete, "told": told, "cut": len(texts) - complete - told}


async def left(process):
    """The code with which it ends; None where it does not."""
    for _ in range(1500):
        if process.poll() is not None:
            return process.returncode
        await asyncio.sleep(0.02)
    process.kill()
    return None


async def terminated(binary, count):
    """SIGTERM: /ready says no first, nothing new is taken, all that runs is answered."""
    server = Server(binary, "--max-rows", "32", "--drain-delay", "1")
    streams = await begin(server.port, 1, 100)
    waiting = [asyncio.create_task(ask(server.port, "/v1/completions", completion(True, 100))) for _ in range(count - 1)]
    while json.loads((body := (await ask(server.port, "/ready", method="GET"))[1])[body.index("{"):body.rindex("}") + 1])["queue"] == 0:
        await asyncio.sleep(0.005)
    server.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.3)
    ready = (await ask(server.port, "/ready", method="GET"))[0]
    texts = [(await rest(streams[0])).decode()] + [body for status, body in await asyncio.gather(*waiting) if status == 200]
    found = kinds([text.encode() for text in texts])
    check(f"SIGTERM under {count} streams: /ready", ready == 503, ready)
    check("all of them answered to their end", found == {"complete": count, "told": 0, "cut": 0}, found)
    check("it ends with 0", (code := await left(server.process)) == 0, code)


async def cut_short(binary):
    """More than the drain has time for: every stream says so."""
    server = Server(binary, "--max-rows", "16", "--drain-timeout", "0.02")
    # Sixteen answers, one for each row, so that all of them have only begun.
    streams = await begin(server.port, 4, 100, n=4)
    server.process.send_signal(signal.SIGTERM)
    found = kinds(await asyncio.gather(*map(rest, streams)))
    check("a drain that is too short tells every stream", found["cut"] == 0 and found["told"] > 0, found)
    check("and ends", (code := await left(server.process)) is not None, code)


async def names(port):
    body = (await ask(port, "/v1/models", method="GET"))[1]
    return sorted(model["id"] for model in json.loads(body[body.index("{"):body.rindex("}") + 1])["data"])


async def killed(binary):
    """kill -9 while prefixes are stored and answers run, again and again: what was listed is there, and answers as before."""
    with tempfile.TemporaryDirectory() as store:
        listed, answers = set(), {}
        for turn in range(6):
            server = Server(binary, "--store", store)
            found = await names(server.port)
            missing = sorted(listed - set(found))
            incoming = list(Path(store, ".incoming").glob("*")) if Path(store, ".incoming").exists() else []
            changed = []
            for name, text in answers.items():
                body = {"model": name, "prompt": "food : French", "max_tokens": 12, "temperature": 0, "stream": True}
                if tokens((await ask(server.port, "/v1/completions", body))[1]) != text:
                    changed.append(name)
            check(f"after {turn} × kill -9: {len(found)} models, none lost, changed or half there",
                  not (missing or changed or incoming), (missing, changed, incoming) if missing or changed or incoming else None)

            async def store_one(number):
                name = f"p{turn}-{number}"
                status, _ = await ask(server.port, "/v1/prefixes", {"name": name, "text": f"name : {turn} {number} | area : riverside"})
                if status == 201:
                    listed.add(f"local/{name}")

            streams, before = await begin(server.port, 8, 100), len(listed)
            # Half of an upload, too.
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"POST /v1/prefixes HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: 99999\r\n\r\n"
                         b"--XX\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nhalf\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"; "
                         b"filename=\"adapter_model.safetensors\"\r\n\r\n" + b"x" * 5000)
            tasks = [asyncio.create_task(store_one(number)) for number in range(20)]
            # Once some are stored, and others are being stored.
            while len(listed) < before + 1 + 2 * turn and not all(task.done() for task in tasks):
                await asyncio.sleep(0)
            server.process.kill()
            await asyncio.gather(*tasks, *map(rest, streams), return_exceptions=True)
            server.process.wait()
            writer.transport.abort()
            if turn == 0:
                server = Server(binary, "--store", store)
                for name in sorted(listed)[:3]:
                    body = {"model": name, "prompt": "food : French", "max_tokens": 12, "temperature": 0, "stream": True}
                    answers[name] = tokens((await ask(server.port, "/v1/completions", body))[1])
                server.process.kill()
                server.process.wait()
        check("prefixes that were stored meanwhile", len(listed) > 0 and len(answers) > 0, len(listed))


def tokens(body):
    """The texts of a stream's events."""
    return [json.loads(line[6:])["choices"][0]["text"] for line in body.splitlines() if line.startswith("data: {") and '"choices":[{' in line]


async def run(arguments):
    await terminated(arguments.binary, arguments.streams)
    await cut_short(arguments.binary)
    await killed(arguments.binary)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--streams", type=int, default=100)
    random.seed(7)
    asyncio.run(run(parser.parse_args()))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
