import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Goldens of Tests/Goldens/dialects.
enum DialectGolden {
    static let folder = Fixtures.goldens.appendingPathComponent("dialects")

    static func url(_ name: String) -> URL { folder.appendingPathComponent(name) }

    /// What the original evaluates a file to: "<file>.<what>".
    static func expected(_ name: String) throws -> [Float] {
        let file = try SafetensorsFile(url("expected.safetensors"))
        return try CheckpointReader(file).read(name, shape: try #require(file.shape(of: name), "no golden \(name)"))
    }

    /// Sizes of the models that the goldens are for.
    static let gpt2 = shape(layers: 2, heads: 4, width: 32)
    static let llama = shape(layers: 2, heads: 2, width: 32)

    static func bart(encoder: Int, decoder: Int) -> ModelShape {
        var shape = shape(layers: decoder, heads: 2, width: 16)
        shape.encoder = AttentionStack(layerCount: encoder, keyHeadCount: 2, headWidth: 8)
        return shape
    }

    private static func shape(layers: Int, heads: Int, width: Int) -> ModelShape {
        ModelShape(
            layerCount: layers, keyHeadCount: heads, headWidth: 8, width: width, positionCount: 64, vocabularySize: 40)
    }

    /// A random prefix.
    static func random(
        _ shape: ModelShape, kinds: [AttentionKind] = [.decoder], at position: Prefix.TextPosition, length: Int = 3
    ) throws -> Prefix {
        var generator = SeededGenerator(seed: 5)
        var parts: [AttentionKind: [Float]] = [:]
        for kind in kinds {
            let width = shape.stack(kind)?.prefixRowWidth ?? 0
            parts[kind] = (0..<length * width).map { _ in Float(generator.normal()) }
        }
        return try Prefix(length: length, parts: parts, shape: shape, textPosition: position)
    }
}
