#!/usr/bin/env bash
# Fuzzes what reads files of strangers. Usage: Fuzzing/run.sh [SECONDS [TARGET...]]; SECONDS is for each target (60), and all
# targets are run where none is named.
#
# Corpora grow in Fuzzing/.corpora, begun with Fuzzing/corpus and the goldens; inputs that crash, take 5 seconds or 1 GB lie in
# Fuzzing/.findings, and `Fuzz TARGET FILE` runs one again. What is found and mended goes into Fuzzing/corpus, which is committed
# (small files, below 5 MB in all); `Fuzz TARGET -merge=1 corpus/TARGET .corpora/TARGET` adds what covers more. libFuzzer and
# AddressSanitizer come with the toolchains of swift.org.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(
    pytorch pickle safetensors gguf cache mlx json tokenizer sentencepiece config state metrics adapter data gzip hub chat stop multipart request)

flags=(-c release -Xswiftc -sanitize=fuzzer,address -Xswiftc -enable-testing --scratch-path .build --product Fuzz)
swift build "${flags[@]}"
binary=$(swift build "${flags[@]}" --show-bin-path)/Fuzz

# Copies goldens as seeds: seed TARGET FILE...
goldens=../Tests/Goldens
seed() {
    local target=$1 file
    shift
    mkdir -p ".corpora/$target"
    for file in "$@"; do
        [ -f "$file" ] && cp "$file" ".corpora/$target/$(tr / - <<<"${file#"$goldens"/}")"
    done
    return 0
}
seed pytorch $goldens/pytorch/*.{pt,bin,ckpt}
for file in $goldens/pytorch/*.pt; do
    mkdir -p .corpora/pickle
    # The first entry of an archive; what follows the pickle is ignored.
    tail -c +65 "$file" >".corpora/pickle/$(basename "$file")"
done
seed safetensors $goldens/*/*.safetensors $goldens/*/*/adapter_model.safetensors
seed gguf $goldens/gguf/*.gguf
seed cache $goldens/deployment/*.slot $goldens/deployment/*.session
seed mlx $goldens/deployment/*.mlx.safetensors
seed json $goldens/*/*.json $goldens/*/*/*.json
seed tokenizer $goldens/tokenizers/*/tokenizer.json $goldens/tokenizers/*/*/tokenizer.json
seed sentencepiece $goldens/sentencepiece/*/*.model
seed chat $goldens/chat-templates/families/*.jinja
seed config $goldens/*/*/config.json
# The runtime of Swift keeps what it allocates once: no leaks are looked for.
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16
"$binary" seed .corpora/state

failed=()
for target in "${targets[@]}"; do
    echo "== $target, $seconds s"
    mkdir -p ".findings/$target" ".corpora/$target" "corpus/$target"
    # The length of inputs: where a long name or list is the danger, it must be long enough to be one.
    case $target in
    pytorch | pickle | sentencepiece | gguf) longest=1048576 ;;
    *) longest=65536 ;;
    esac
    words=()
    [ ! -f "$target.dict" ] || words=("-dict=$target.dict")
    "$binary" "$target" ".corpora/$target" "corpus/$target" ${words[@]+"${words[@]}"} \
        -max_len="$longest" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix=".findings/$target/" || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || {
    echo "error: findings in ${failed[*]}; the inputs are in Fuzzing/.findings" >&2
    exit 1
}
