import Foundation
@testable import LanguageModels
import PrefixTuning

func readPyTorchFile(_ bytes: UnsafeRawBufferPointer) throws {
    for layout in try PyTorchContents(file: "fuzz.pt", bytes: bytes).layouts().tensors.values {
        try copy(layout, from: bytes)
    }
}

func readPickle(_ bytes: UnsafeRawBufferPointer) throws {
    var machine = PickleMachine(bytes, fileSize: bytes.count)
    let value: PickleValue
    do {
        value = try machine.run()
    } catch {
        throw CheckpointError(error, file: "fuzz.pkl")
    }
    let names = try TensorNames(value, in: machine.heap, alone: "tensor", fileSize: bytes.count).tensors
    let storage = 0..<bytes.count
    for index in names.values {
        try copy(TensorLayout(machine.heap.tensors[index], storage: storage, fileSize: bytes.count), from: bytes)
    }
}

/// Copies the elements of a tensor; into memory of exactly its size, so that a byte too many is found.
private func copy(_ layout: TensorLayout, from bytes: UnsafeRawBufferPointer) throws {
    guard layout.count < 1 << 16 else { return }
    let size = layout.count * layout.type.size
    let raw = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    defer { raw.deallocate() }
    layout.copyBytes(from: bytes, to: raw)
    guard layout.type.isConvertible else { return }
    let floats = UnsafeMutablePointer<Float>.allocate(capacity: layout.count)
    defer { floats.deallocate() }
    layout.copyFloats(from: bytes, to: floats)
}

func readSafetensorsHeader(_ bytes: UnsafeRawBufferPointer) throws {
    for entry in try SafetensorsHeader(file: "fuzz.safetensors", bytes: bytes).entries.values {
        precondition(entry.range.upperBound <= bytes.count && entry.range.lowerBound >= 8)
        precondition(entry.shape.reduce(1, *) * entry.type.size == entry.range.count)
    }
}

/// The header from memory of its very size; then the model, from a file.
func readGGUF(_ bytes: UnsafeRawBufferPointer) throws {
    for entry in try GGUFHeader(bytes, file: "fuzz.gguf").tensors.values {
        precondition(entry.range.upperBound <= bytes.count && !entry.range.isEmpty)
        precondition(entry.shape.reduce(1, *) / entry.type.elementsTogether * entry.type.size == entry.range.count)
    }
    let url = fuzzFolder.appendingPathComponent("fuzz.gguf")
    try Data(bytes).write(to: url)
    let file = try GGUFFile(url)
    try copy(file.tensorsAsStored)
    // Each of these may be refused for itself.
    for read in [
        {
            let count = try file.configuration.parameterCount
            precondition(count > 0)
        }, { _ = try file.conventions },
        { _ = (try file.title, try file.chatTemplate) }, { try copy(file.tensors) },
        { try encodeTexts(file.tokenizer) },
    ] as [() throws -> Void] {
        do { try read() } catch { precondition(!"\(error)".isEmpty) }
    }
}

/// Copies all small tensors in every way; into memory of exactly their size, so that an element too many is found.
private func copy(_ source: any TensorSource) throws {
    for name in source.names {
        guard let shape = source.shape(of: name), let type = source.storedType(of: name) else { continue }
        let count = shape.reduce(1, *)
        guard count < 1 << 16 else { continue }
        let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
        let raw = UnsafeMutableRawBufferPointer.allocate(
            byteCount: count / type.elementsTogether * type.size, alignment: 16)
        defer {
            floats.deallocate()
            raw.deallocate()
        }
        try? source.copy(name, into: floats, checkingFinite: true)
        try? source.copyBytes(name, into: raw)
        guard let layout = type.integerLayout, shape.count == 2 else { continue }
        // Rows of the file, which a matrix that lies transposed there has as columns.
        let rows = rows(of: name, in: source, shape)
        let integers = UnsafeMutableBufferPointer<Int8>.allocate(capacity: count)
        let groups = count / (layout.group ?? 32)
        let scales = UnsafeMutableBufferPointer<Float>.allocate(capacity: groups)
        let offsets = UnsafeMutableBufferPointer<Float>.allocate(
            capacity: layout.offsets != nil ? groups : 0)
        defer {
            integers.deallocate()
            scales.deallocate()
            offsets.deallocate()
        }
        try? source.copyIntegers(name, rows: 0..<rows, into: integers, scales: scales, offsets: offsets)
    }
}

private func rows(of name: String, in source: any TensorSource, _ shape: [Int]) -> Int {
    (source as? GGUFTensors)?.storedRows(of: name) ?? shape[0]
}

func readConfiguration(_ bytes: UnsafeRawBufferPointer) throws {
    let url = fuzzFolder.appendingPathComponent("config.json")
    try Data(bytes).write(to: url)
    let configuration = try ModelConfigurationFile.read(from: url)
    precondition(configuration.parameterCount > 0)
    _ = try configuration.fileContents
}

/// What the models say whose prefixes the seeds are.
private let servedModels = Result {
    try ["llama", "qwen3", "gpt2", "gptneox", "gemma3"].map { name in
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../Tests/Goldens/gguf/\(name).gguf").standardizedFileURL
        return ServedModel(try GGUFFile(golden).configuration)
    }
}

/// A state file of llama.cpp: all of it, and what it is for the models of the seeds and for one of the sizes that it has.
func readCacheFile(_ bytes: UnsafeRawBufferPointer) throws {
    let url = fuzzFolder.appendingPathComponent("fuzz.slot")
    try Data(bytes).write(to: url)
    let state = try LlamaCppState(url)
    precondition(state.length >= 0)
    // Thrown, it would look like bad input that is refused.
    guard case .success(let models) = servedModels else { preconditionFailure("\(servedModels)") }
    for model in models {
        do {
            let prefix = try state.prefix(for: model.shape, model, file: url.path)
            precondition(prefix.length == state.length)
        } catch {
            precondition(!"\(error)".isEmpty)
        }
    }
    let shape = ModelShape(
        layerCount: state.layerCount, keyHeadCount: 1, headWidth: max(1, state.rowWidth), width: 8,
        positionCount: 64, vocabularySize: 8)
    _ = try state.prefix(for: shape, nil, file: url.path)
}

/// A prompt cache of mlx-lm: what it says of itself, and what it is for a model of the sizes that it has.
func readPromptCache(_ bytes: UnsafeRawBufferPointer) throws {
    let url = fuzzFolder.appendingPathComponent("fuzz.safetensors")
    try Data(bytes).write(to: url)
    let file = try PrefixFile(url)
    // Other forms have a target of their own.
    guard file.dialect == .mlx else { return }
    let length = file.length
    precondition(length ?? 1 > 0)
    _ = (file.storedCount, file.baseModel, file.layerCount, file.keyWidth)
    guard let shape = file.modelShape else { return }
    _ = try file.stored(for: shape)
    precondition(length != nil)
}
