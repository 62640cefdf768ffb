"""The cache as huggingface_hub itself makes it, fetching from a fake hub on loopback.

Run: python Tests/Goldens/hub/generate.py (needs huggingface_hub, which transformers brings along)

cache.json has the files that the hub offers and a listing of the cache: folders, links with their targets, contents of small
files as text, of blobs as SHA-256.
"""

import hashlib
import json
import os
import platform
import tempfile
from pathlib import Path

import fake_hub

HERE = Path(__file__).parent


def listing(root):
    entries = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            entries[name] = {"link": os.readlink(path)}
        elif path.is_dir():
            entries[name] = {"folder": True}
        elif "/blobs/" in name:
            entries[name] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        else:
            entries[name] = {"text": path.read_text()}
        if not path.is_symlink() and path.is_file():
            entries[name]["mode"] = oct(path.stat().st_mode & 0o777)
    return entries


def main():
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(HF_ENDPOINT=fake_hub.serve(), HF_HOME=folder, HF_HUB_DISABLE_PROGRESS_BARS="1")
        for name in ("HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_TOKEN", "TRANSFORMERS_OFFLINE"):
            os.environ.pop(name, None)
        import huggingface_hub
        from huggingface_hub import hf_hub_download, snapshot_download
        from huggingface_hub.errors import EntryNotFoundError

        snapshot_download(fake_hub.REPOSITORY, allow_patterns=fake_hub.WANTED)
        try:
            hf_hub_download(fake_hub.REPOSITORY, "no-such-file.json")
        except EntryNotFoundError:
            pass
        entries = listing(Path(folder) / "hub")
    result = {
        "repository": fake_hub.REPOSITORY,
        "commit": fake_hub.COMMIT,
        "wanted": fake_hub.WANTED,
        "tree": fake_hub.tree(),
        "files": {
            name: {"hex": data.hex(), "large": large, "etag": fake_hub.etag(data, large)}
            for name, (data, large) in fake_hub.FILES.items()
        },
        "cache": entries,
    }
    (HERE / "cache.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    manifest = {
        "generator": "generate.py",
        "notes": {"cache.json": "what a fake hub offers, and the cache that huggingface_hub makes of it (umask 022)"},
        "sha256": {"cache.json": hashlib.sha256((HERE / "cache.json").read_bytes()).hexdigest()},
        "versions": {"huggingface_hub": huggingface_hub.__version__, "python": platform.python_version()},
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
