#!/usr/bin/env python3
"""Asks a server as users of OpenAI's Python client do, synchronous and asynchronous: nothing of it is ours but the checks.

Starts `prefixtune serve` itself over the embedded model, or over --model. Needs `pip install openai` (3.x was tried).

    python3 Tests/Serving/openai_client.py --binary .build/release/prefixtune
"""

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import openai

try:
    import httpx2 as httpx  # what openai 3 brings
except ImportError:
    import httpx

CHAT = "{% for m in messages %}{{ m.role }} : {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant : {% endif %}"
PROMPT = "name : Alimentum | area : city centre"
failures = []
count = 0


def check(name, is_so, found=None):
    global count
    count += 1
    if not is_so:
        failures.append(name)
        print(f"FAILED {name}: {found!r}", file=sys.stderr)


def raises(name, kind, status, code, body):
    """Whether a call ends with the exception that the client has for the server's status."""
    try:
        body()
    except kind as error:
        check(name, error.status_code == status and (error.body or {}).get("code") == code, error)
        return error
    except Exception as error:  # noqa: BLE001
        check(name, False, error)
        return None
    check(name, False, "no error")
    return None


class Server:
    """A server process on a free port."""

    def __init__(self, binary, *options, model="embedded"):
        self.folder = tempfile.TemporaryDirectory()
        template = os.path.join(self.folder.name, "chat.jinja")
        with open(template, "w") as file:
            file.write(CHAT)
        self.log = []
        self.process = subprocess.Popen(
            [binary, "serve", "--model", model, "--store", os.path.join(self.folder.name, "store"), "--port", "0",
             "--chat-template", template, *options], stderr=subprocess.PIPE, text=True)
        self.url = None
        ready = threading.Event()

        def read():
            for line in self.process.stderr:
                self.log.append(line)
                found = re.search(r" at (https?://\S+) after", line)
                if found:
                    self.url = found.group(1)
                    ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        if not ready.wait(120) or self.url is None:
            raise SystemExit("the server did not start:\n" + "".join(self.log))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.folder.cleanup()


def text_of(stream):
    return "".join(chunk.choices[0].text for chunk in stream if chunk.choices)


def completions(client):
    models = client.models.list()
    check("models", [model.id for model in models][0] == "embedded", models)
    check("model", client.models.retrieve("embedded").owned_by == "prefixtune")

    one = client.completions.create(model="embedded", prompt=PROMPT, max_tokens=12, temperature=0)
    check("completion", one.object == "text_completion" and one.choices[0].text and one.usage.total_tokens > 12, one)
    check("default length", client.completions.create(model="embedded", prompt="a").usage.completion_tokens <= 16)
    again = client.completions.create(model="embedded", prompt=PROMPT, max_tokens=12, temperature=0)
    check("greedy is certain", one.choices[0].text == again.choices[0].text)
    seeded = [client.completions.create(model="embedded", prompt=PROMPT, max_tokens=12, seed=7).choices[0].text for _ in range(2)]
    check("seed", seeded[0] == seeded[1], seeded)

    stream = client.completions.create(
        model="embedded", prompt=PROMPT, max_tokens=12, temperature=0, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    check("stream", text_of(chunks) == one.choices[0].text, chunks)
    check("stream usage", chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == one.usage.completion_tokens)
    check("stream ends", [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] ==
          [one.choices[0].finish_reason])

    several = client.completions.create(model="embedded", prompt=[PROMPT, "near : "], n=3, max_tokens=4, seed=1)
    check("n", [choice.index for choice in several.choices] == list(range(6)), several)
    tokens = client.completions.create(model="embedded", prompt=[[5, 6, 7], [8, 9]], max_tokens=2)
    check("tokens", len(tokens.choices) == 2 and tokens.usage.prompt_tokens == 5, tokens)
    known = client.completions.create(model="embedded", prompt=PROMPT, max_tokens=4, logprobs=3, temperature=0)
    logprobs = known.choices[0].logprobs
    check("logprobs", len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs) ==
          len(logprobs.text_offset) == known.usage.completion_tokens and all(p <= 0 for p in logprobs.token_logprobs), known)
    check("logprobs of the text", "".join(logprobs.tokens).startswith(known.choices[0].text), known)
    echo = client.completions.create(model="embedded", prompt=PROMPT, max_tokens=0, echo=True, logprobs=1)
    check("echo", echo.choices[0].text == PROMPT and echo.choices[0].logprobs.token_logprobs[0] is None, echo)
    stop = one.choices[0].text[4:7]
    stopped = client.completions.create(model="embedded", prompt=PROMPT, max_tokens=12, temperature=0, stop=[stop, "@@"])
    check("stop", stopped.choices[0].text == one.choices[0].text.split(stop)[0] and
          stopped.choices[0].finish_reason == "stop", stopped)
    best = client.completions.create(model="embedded", prompt=PROMPT, max_tokens=4, best_of=4, seed=1)
    check("best of", len(best.choices) == 1 and best.usage.completion_tokens > 4, best)
    bias = client.completions.create(model="embedded", prompt=PROMPT, max_tokens=3, temperature=0, logit_bias={"5": 100})
    check("logit bias", bias.choices[0].text != one.choices[0].text[:len(bias.choices[0].text)], bias)
    penalty = client.completions.create(
        model="embedded", prompt=PROMPT, max_tokens=12, temperature=0, presence_penalty=1, frequency_penalty=0.5, user="me")
    check("penalties", penalty.choices[0].text, penalty)


def chats(client):
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": PROMPT}]
    chat = client.chat.completions.create(model="embedded", messages=messages, max_tokens=8, temperature=0)
    check("chat", chat.object == "chat.completion" and chat.choices[0].message.role == "assistant", chat)
    chunks = list(client.chat.completions.create(
        model="embedded", messages=messages, max_completion_tokens=8, temperature=0, stream=True,
        stream_options={"include_usage": True}))
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    check("chat stream", said == chat.choices[0].message.content, chunks)
    check("chat stream's form", chunks[0].choices[0].delta.role == "assistant" and chunks[-1].usage is not None)
    known = client.chat.completions.create(
        model="embedded", messages=messages, max_tokens=4, temperature=0, logprobs=True, top_logprobs=2)
    content = known.choices[0].logprobs.content
    check("chat logprobs", len(content) == known.usage.completion_tokens and len(content[0].top_logprobs) == 2 and
          content[0].bytes is not None, known)
    parts = client.chat.completions.create(
        model="embedded", messages=[{"role": "user", "content": [{"type": "text", "text": PROMPT}]}], max_tokens=4, n=2)
    check("parts", len(parts.choices) == 2, parts)
    with client.chat.completions.stream(model="embedded", messages=messages, max_tokens=4) as stream:
        stream.until_done()
        check("chat helper", stream.current_completion_snapshot.choices[0].message.content)


def prefixes(client):
    http = httpx.Client(base_url=str(client.base_url), headers={"Authorization": f"Bearer {client.api_key}"})
    made = http.post("prefixes", json={"name": "doc", "text": "name : Alimentum | food : French | "})
    check("prefix of a text", made.status_code == 201, made.text)
    name = made.json()["id"]
    check("prefix is listed", name in [model.id for model in client.models.list()])
    check("prefix by name", client.models.retrieve(name).id == name)
    answer = client.completions.create(model=name, prompt="area : ", max_tokens=6, temperature=0)
    check("prefix answers", answer.model == name and answer.usage.prompt_tokens < 8, answer)
    content = http.get(f"prefixes/{name}/content")
    again = http.post("prefixes", data={"name": "copy"}, files=[
        ("file", ("adapter_model.safetensors", content.content)),
        ("file", ("adapter_config.json", http.get(f"prefixes/{name}/content?file=adapter_config.json").content))])
    check("upload", again.status_code == 201, again.text)
    copied = client.completions.create(model=again.json()["id"], prompt="area : ", max_tokens=6, temperature=0)
    check("uploaded prefix answers", copied.choices[0].text == answer.choices[0].text, copied)
    check("delete", client.models.delete(name).deleted is True)
    raises("deleted", openai.NotFoundError, 404, "model_not_found",
           lambda: client.completions.create(model=name, prompt="a"))


def errors(client, server):
    raises("no model", openai.NotFoundError, 404, "model_not_found",
           lambda: client.completions.create(model="nobody", prompt="a"))
    raises("bad temperature", openai.BadRequestError, 400, "invalid_value",
           lambda: client.completions.create(model="embedded", prompt="a", temperature=3))
    error = raises("too long", openai.BadRequestError, 400, "context_length_exceeded",
                   lambda: client.completions.create(model="embedded", prompt="a", max_tokens=100000))
    check("param", error is not None and error.body["param"] == "prompt" and error.request_id, error)
    raises("format", openai.BadRequestError, 400, "unsupported_parameter",
           lambda: client.chat.completions.create(model="embedded", messages=[{"role": "user", "content": "a"}],
                                                  response_format={"type": "json_object"}))
    raises("route", openai.NotFoundError, 404, "not_found",
           lambda: client.embeddings.create(model="embedded", input="a"))


async def concurrently(url, key):
    client = openai.AsyncOpenAI(base_url=url + "/v1", api_key=key, max_retries=0)

    async def one(seed):
        whole = await client.completions.create(model="embedded", prompt=PROMPT, max_tokens=10, seed=seed)
        text = ""
        async for chunk in await client.completions.create(
                model="embedded", prompt=PROMPT, max_tokens=10, seed=seed, stream=True):
            text += chunk.choices[0].text
        check(f"async stream {seed}", text == whole.choices[0].text, text)

    await asyncio.gather(*(one(seed) for seed in range(24)))
    models = [model.id async for model in client.models.list()]
    check("async models", "embedded" in models, models)
    # Clients that go in the middle.
    for _ in range(10):
        stream = await client.completions.create(
            model="embedded", prompt=PROMPT, max_tokens=100, stream=True, extra_body={"ignore_eos": True})
        async for _chunk in stream:
            break
        await stream.close()
    await client.close()
    async with httpx.AsyncClient() as http:
        for _ in range(100):
            ready = (await http.get(url + "/ready")).json()
            if ready["running"] == 0:
                break
            await asyncio.sleep(0.05)
        check("nobody is answered who has gone", ready["running"] == 0, ready)


def keyed(binary):
    """The same with keys, and what another key sees."""
    with tempfile.NamedTemporaryFile("w") as file:
        keys = {}
        for name in ["alice", "bob"]:
            made = subprocess.run([binary, "serve", "--new-key", name], capture_output=True, text=True, check=True)
            keys[name] = made.stderr.split(": ")[-1].strip()
            file.write(made.stdout)
        file.flush()
        with Server(binary, "--keys", file.name) as server:
            alice, bob = (openai.OpenAI(base_url=server.url + "/v1", api_key=keys[name], max_retries=0)
                          for name in ["alice", "bob"])
            made = httpx.post(server.url + "/v1/prefixes", json={"name": "mine", "text": "name : x"},
                              headers={"Authorization": f"Bearer {keys['alice']}"})
            check("keyed prefix", made.json().get("id") == "alice/mine", made.text)
            check("own list", [m.id for m in alice.models.list()] == ["embedded", "alice/mine"])
            check("other's list", [m.id for m in bob.models.list()] == ["embedded"])
            raises("other's prefix", openai.NotFoundError, 404, "model_not_found",
                   lambda: bob.completions.create(model="alice/mine", prompt="a"))
            stranger = openai.OpenAI(base_url=server.url + "/v1", api_key="pt-wrong", max_retries=0)
            raises("stranger", openai.AuthenticationError, 401, "invalid_api_key", lambda: stranger.models.list())
            check("healthy without a key", httpx.get(server.url + "/health").status_code == 200)
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            check("keys are read again", any('"keys"' in line for line in server.log), server.log[-3:])
            check("no key in the log", not any(key in "".join(server.log) for key in keys.values()))


def draining(binary):
    """SIGTERM while streams run: none is cut."""
    with Server(binary, "--drain-timeout", "20") as server:
        texts = [None] * 20

        def stream(index):
            client = openai.OpenAI(base_url=server.url + "/v1", api_key="x", max_retries=0)
            chunks = client.completions.create(
                model="embedded", prompt=PROMPT, max_tokens=150, seed=index, stream=True, extra_body={"ignore_eos": True})
            texts[index] = [chunk.choices[0].finish_reason for chunk in chunks][-1]

        threads = [threading.Thread(target=stream, args=(index,)) for index in range(len(texts))]
        for thread in threads:
            thread.start()
        for _ in range(200):
            if httpx.get(server.url + "/ready").json()["running"] == len(texts):
                break
            time.sleep(0.01)
        code = server.stop()
        for thread in threads:
            thread.join()
        check("drained streams", texts == ["length"] * len(texts), texts)
        check("drained exit", code == 0, (code, server.log[-3:]))


def pasted(server):
    """The line that is printed works when it is pasted."""
    line = next(line for line in server.log if line.strip().startswith("curl"))
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    check("pasted curl", done.returncode == 0 and "choices" in json.loads(done.stdout or "{}"), done)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    arguments = parser.parse_args()
    start = time.time()
    with Server(arguments.binary) as server:
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
        for part in (completions, chats, prefixes):
            part(client)
        errors(client, server)
        asyncio.run(concurrently(server.url, "none"))
        pasted(server)
        check("no texts in the log", "Alimentum" not in "".join(l for l in server.log if l.startswith("{")))
        check("exit", server.stop() == 0, server.log[-3:])
    keyed(arguments.binary)
    draining(arguments.binary)
    print(f"{count - len(failures)} of {count} checks passed with openai {openai.__version__} in {time.time() - start:.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
