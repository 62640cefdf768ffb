"""A hub on loopback with one small repository, for the Python client to fetch from.

It answers as huggingface.co does: /revision, /tree, HEAD and GET /resolve with X-Repo-Commit and ETag, and a redirect to another
host (a second port) for files in large-file storage.
"""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "tiny-org/tiny-model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# Name: (contents, whether it lies in large-file storage).
FILES = {
    ".gitattributes": (b"*.safetensors filter=lfs\n", False),
    "README.md": (b"# tiny\n", False),
    "config.json": (b'{"model_type": "gpt2"}\n', False),
    "generation_config.json": (b"{}\n", False),
    "merges.txt": (b"#version: 0.2\n", False),
    "model.safetensors": (bytes(range(256)) * 16, True),
    "onnx/model.onnx": (b"not ours", True),
    "pytorch_model.bin": (b"the same weights in another format", True),
    "tokenizer.json": (b'{"model": {}}\n', False),
    "vocab.json": (b'{"a": 0}\n', False),
}
# What a model needs; also the file names that the Swift client chooses.
WANTED = ["config.json", "generation_config.json", "merges.txt", "model.safetensors", "tokenizer.json", "vocab.json"]


def git_blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def etag(data, large):
    return hashlib.sha256(data).hexdigest() if large else git_blob(data)


def pointer(data):
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        hashlib.sha256(data).hexdigest().encode(), len(data))


def tree():
    items = [{"type": "directory", "path": "onnx", "oid": "1" * 40, "size": 0}]
    for name, (data, large) in FILES.items():
        item = {"type": "file", "path": name, "size": len(data), "oid": git_blob(pointer(data) if large else data)}
        if large:
            item["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": len(pointer(data))}
        items.append(item)
    return items


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        api = f"/api/models/{REPOSITORY}"
        if path == f"{api}/revision/main":
            siblings = [{"rfilename": name} for name in FILES]
            body = json.dumps({"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "siblings": siblings}).encode()
            return self.answer(200, body, Content_Type="application/json")
        if path == f"{api}/tree/{COMMIT}":
            return self.answer(200, json.dumps(tree()).encode(), Content_Type="application/json")
        for revision in (COMMIT, "main"):
            root = f"/{REPOSITORY}/resolve/{revision}/"
            if path.startswith(root):
                return self.resolve(path[len(root):])
        if path.startswith("/cdn/"):
            data = next((data for data, _ in FILES.values() if hashlib.sha256(data).hexdigest() == path[5:]), None)
            if data is not None:
                return self.answer(200, data)
        self.answer(404, b'{"error": "not found"}', X_Error_Code="RepoNotFound")

    def resolve(self, name):
        if name not in FILES:
            return self.answer(404, b"Entry not found", X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
        data, large = FILES[name]
        tag = f'"{etag(data, large)}"'
        if large:
            return self.answer(
                302, b"Found. Redirecting", X_Repo_Commit=COMMIT, X_Linked_Etag=tag, X_Linked_Size=len(data),
                Location=f"{self.server.other}/cdn/{hashlib.sha256(data).hexdigest()}")
        # The body belongs to the HEAD reply's length as well.
        self.send_response(200)
        for header, value in (("X-Repo-Commit", COMMIT), ("ETag", tag), ("Content-Length", str(len(data)))):
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def serve():
    """Starts the hub and the host that it redirects to; returns the hub's address."""
    hub, other = (ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2))
    hub.other = f"http://127.0.0.1:{other.server_port}"
    for server in (hub, other):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{hub.server_port}"


if __name__ == "__main__":
    print(serve(), flush=True)
    threading.Event().wait()
