import Foundation

/// What is fuzzed: each reads bytes as one kind of file, and may only return or throw.
enum FuzzTarget: String, CaseIterable {
    /// Whole files of `torch.save`, zip archives and legacy files.
    case pytorch
    /// The description inside such a file, alone: mutations that change its length then keep the archive intact.
    case pickle
    /// The header of a safetensors file.
    case safetensors
    /// Models in one file: metadata, configuration, tokenizer, tensors.
    case gguf
    /// State files of llama.cpp.
    case cache
    /// Prompt caches of mlx-lm.
    case mlx
    /// The JSON parser of the tokenizers.
    case json
    /// `tokenizer.json`; what loads then encodes and decodes texts.
    case tokenizer
    /// `spiece.model`, the same.
    case sentencepiece
    /// `config.json`.
    case config
    /// The state of a training run.
    case state
    /// `metrics.jsonl`.
    case metrics
    /// A folder of an adapter: its configuration and its weights, behind each other (see `readAdapter`).
    case adapter
    /// A data file; the first byte says of which task.
    case data
    /// A data file that is compressed.
    case gzip
    /// A chat template and, behind a zero byte, what it is given (see `renderChat`).
    case chat
    /// Stop texts and a text (see `scanForStops`).
    case stop
    /// A form, as prefixes are uploaded in (see `readForm`).
    case multipart
    /// The body of a request to the server (see `readRequest`).
    case request
    /// What a hub replies: status, headers, an empty line, body.
    case hub

    /// The one that runs.
    nonisolated(unsafe) static var current = FuzzTarget.json

    func run(_ bytes: UnsafeRawBufferPointer) {
        // Bad input throws; anything else is a finding.
        do {
            switch self {
            case .pytorch: try readPyTorchFile(bytes)
            case .pickle: try readPickle(bytes)
            case .safetensors: try readSafetensorsHeader(bytes)
            case .gguf: try readGGUF(bytes)
            case .cache: try readCacheFile(bytes)
            case .mlx: try readPromptCache(bytes)
            case .json: try readJSON(bytes)
            case .tokenizer: try readTokenizer(bytes, as: "tokenizer.json")
            case .sentencepiece: try readTokenizer(bytes, as: "spiece.model")
            case .config: try readConfiguration(bytes)
            case .state: try readState(bytes)
            case .metrics: try readMetrics(bytes)
            case .adapter: try readAdapter(bytes)
            case .data: try readData(bytes)
            case .gzip: try readGzip(bytes)
            case .chat: try renderChat(bytes)
            case .stop: scanForStops(bytes)
            case .multipart: try readForm(bytes)
            case .request: readRequest(bytes)
            case .hub: try readReply(bytes)
            }
        } catch {
            // The message is part of what must not crash.
            precondition(!"\(error)".isEmpty)
        }
    }
}

/// What libFuzzer calls; its own main function, which is linked but not run, looks for this name.
@_cdecl("LLVMFuzzerTestOneInput")
func runOneInput(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    FuzzTarget.current.run(UnsafeRawBufferPointer(start: bytes, count: size))
    return 0
}

/// A folder in memory, where the system has one, for what is read from files.
let fuzzFolder: URL = {
    let memory = URL(fileURLWithPath: "/dev/shm")
    let parent = FileManager.default.fileExists(atPath: memory.path) ? memory : FileManager.default.temporaryDirectory
    let folder = parent.appendingPathComponent("fuzz-\(getpid())")
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // libFuzzer leaves through exit.
    atexit { try? FileManager.default.removeItem(at: fuzzFolder) }
    return folder
}()
