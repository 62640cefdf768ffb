import Foundation
@testable import LanguageModels
@testable import PrefixTuning
import Tensors

/// Carries something between threads that wait for each other.
private final class Slot<Value>: @unchecked Sendable {
    var value: Value?
}

/// Runs work on the compute thread and waits for it: libFuzzer calls plain functions.
private func computing<Result: Sendable>(_ body: @escaping @Compute @Sendable () throws -> Result) throws -> Result {
    let slot = Slot<Swift.Result<Result, any Error>>(), done = DispatchSemaphore(value: 0)
    Task { @Compute in
        slot.value = Swift.Result { try body() }
        done.signal()
    }
    done.wait()
    guard let result = slot.value else { throw CocoaError(.featureUnsupported) }
    return try result.get()
}

/// The model of `Goldens/gpt2/tied`, with a prefix of one position to be trained on one example.
@Compute private enum Subject {
    private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Tests/Goldens/gpt2/tied").standardizedFileURL

    static let shape = Result {
        try ModelConfigurationFile.read(from: golden.appendingPathComponent("config.json")).shape
    }

    static let model = Result {
        let folder = fuzzFolder.appendingPathComponent("model"), words = (0..<64).map { "\"t\($0)\": \($0)" }
        try FileManager.default.copyItem(at: golden, to: folder)
        let tokenizer = """
            {"added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, \
            "decoder": null, "model": {"type": "WordLevel", "unk_token": "t0", "vocab": {\(words.joined(separator: ", "))}}}
            """
        try Data(tokenizer.utf8).write(to: folder.appendingPathComponent("tokenizer.json"))
        return try LanguageModel.load(folder, for: .tuning)
    }

    static func trainer() throws -> Trainer {
        var prefix = PrefixMethod.Settings()
        (prefix.length, prefix.hiddenWidth) = (1, nil)
        let method = try PrefixMethod(model: model.get(), settings: prefix, seed: 1)
        var settings = TrainingSettings()
        settings.duration = .steps(4)
        let example = TokenizedExample(tokens: [1, 2, 3, 4], targetStart: 2)
        return try Trainer(method, examples: [example], settings: settings)
    }
}

/// Writes a state that is accepted, as a seed.
func writeState(to folder: URL) throws {
    try computing {
        let trainer = try Subject.trainer()
        _ = try trainer.step()
        try trainer.saveState(to: folder)
    }
}

func readState(_ bytes: UnsafeRawBufferPointer) throws {
    let folder = fuzzFolder.appendingPathComponent("training-state")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: folder.appendingPathComponent("state.safetensors"))
    try computing {
        let trainer = try Subject.trainer()
        try trainer.restoreState(from: folder)
        // What was accepted must go on.
        if !trainer.isFinished { _ = try trainer.step() }
    }
}

func readMetrics(_ bytes: UnsafeRawBufferPointer) throws {
    let url = fuzzFolder.appendingPathComponent("metrics.jsonl")
    try Data(bytes).write(to: url)
    let metrics = try MetricsFile(url, keeping: 3, upTo: 3)
    _ = (metrics.count, metrics.last.count, metrics.start?.tokens)
}

/// The first two bytes are the length of `adapter_config.json`, the least significant first; then come its bytes, then the
/// weights.
func readAdapter(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count >= 2 else { return }
    let length = min(Int(bytes[0]) | Int(bytes[1]) << 8, bytes.count - 2)
    let folder = fuzzFolder.appendingPathComponent("adapter")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(bytes[2..<2 + length]).write(to: folder.appendingPathComponent("adapter_config.json"))
    let weights = Data(bytes[(2 + length)...])
    try weights.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
    // What AdapterHub calls its weights.
    try weights.write(to: folder.appendingPathComponent("pytorch_adapter.bin"))
    var failure: (any Error)?
    do {
        let file = try PrefixFile(folder)
        try computing { _ = try file.contents(for: Subject.shape.get()) }
    } catch {
        failure = error
    }
    _ = try LowRankFile(folder).updates()
    if let failure { throw failure }
}
