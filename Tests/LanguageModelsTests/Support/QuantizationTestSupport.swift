import Foundation
import LanguageModels
import TestSupport

/// The golden file of quantised matrices, with some tensors replaced or left out.
struct EditedSource: TensorSource {
    struct Replacement {
        var type: StoredType
        var shape: [Int]
        var bytes: [UInt8]

        static func floats(_ values: [Float], shape: [Int]? = nil) -> Replacement {
            Replacement(type: .float32, shape: shape ?? [values.count], bytes: values.withUnsafeBytes(Array.init))
        }
        static func json(_ text: String) -> Replacement {
            Replacement(type: .uint8, shape: [text.utf8.count], bytes: Array(text.utf8))
        }
        static func zeros(_ type: StoredType, _ shape: [Int]) -> Replacement {
            Replacement(type: type, shape: shape, bytes: Array(repeating: 0, count: shape.reduce(type.size, *)))
        }
    }

    let file: SafetensorsFile
    var replacements: [String: Replacement] = [:]
    var removed: Set<String> = []

    static func golden() throws -> EditedSource {
        EditedSource(
            file: try SafetensorsFile(Fixtures.goldens.appendingPathComponent("quantized/quantized.safetensors")))
    }

    var names: [String] { Set(file.names).subtracting(removed).union(replacements.keys).sorted() }
    func file(of name: String) -> String { "edited" }
    func shape(of name: String) -> [Int]? {
        removed.contains(name) ? nil : replacements[name]?.shape ?? file.shape(of: name)
    }
    func storedType(of name: String) -> StoredType? {
        removed.contains(name) ? nil : replacements[name]?.type ?? file.storedType(of: name)
    }
    func releasePages(of name: String) {}

    func copyBytes(_ name: String, into destination: UnsafeMutableRawBufferPointer) throws {
        guard let replacement = replacements[name] else { return try file.copyBytes(name, into: destination) }
        destination.copyBytes(from: replacement.bytes)
    }

    func copy(
        _ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        guard let replacement = replacements[name] else {
            return try file.copy(name, into: destination, checkingFinite: checkingFinite)
        }
        guard replacement.type == .float32 else {
            throw CheckpointError.unsupportedType(file: "edited", key: name, type: replacement.type.rawValue)
        }
        UnsafeMutableRawBufferPointer(destination).copyBytes(from: replacement.bytes)
        if checkingFinite, let index = destination.firstIndex(where: { !$0.isFinite }) {
            throw CheckpointError.notFinite(file: "edited", key: name, index: index, value: destination[index])
        }
    }
}
