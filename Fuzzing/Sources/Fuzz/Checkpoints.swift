import Foundation
@testable import LanguageModels

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

func readConfiguration(_ bytes: UnsafeRawBufferPointer) throws {
    let url = fuzzFolder.appendingPathComponent("config.json")
    try Data(bytes).write(to: url)
    let configuration = try ModelConfigurationFile.read(from: url)
    precondition(configuration.parameterCount > 0)
    _ = try configuration.fileContents
}
