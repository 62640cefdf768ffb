"""Federated rounds on this machine's loopback: a SuperLink, three SuperNodes with one topic each, the embedded model.

    python loopback.py --binary PREFIXTUNE [--only rounds,keys,…]
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
from prefixtune_flower.adapter import Adapter, read_safetensors  # noqa: E402

BIN = Path(sys.executable).parent
TOPICS = ("restaurant", "hotel", "museum")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


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

    def run(self, timeout: float = 120, **config) -> str:
        """A run until its end, by the lines of the ServerApp."""
        settings = {
            "prefixtune": self.binary, "output": str(self.folder / "rounds"), "start-nodes": 3, "timeout": 25.0, "local-steps": 20,
            **{k.replace("_", "-"): v for k, v in config.items()}}
        text = " ".join(f"{k}={json.dumps(v) if not isinstance(v, str) else chr(39) + v + chr(39)}" for k, v in settings.items())
        started = self.flwr("run", str(HERE.parent), "lo", "--run-config", text, "--format", "json")
        if started.returncode:
            raise SystemExit(f"flwr run: {started.stdout}{started.stderr}")
        number = json.loads(started.stdout[started.stdout.index("{"):])["run-id"]
        return self.wait(str(number), timeout)

    def wait(self, number: str, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            listed = self.flwr("list", "lo", "--run-id", number, "--format", "json").stdout
            status = json.loads(listed[listed.index("{"):])["runs"][0]["status"]
            if status.startswith("finished"):
                return status
            time.sleep(1)
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
