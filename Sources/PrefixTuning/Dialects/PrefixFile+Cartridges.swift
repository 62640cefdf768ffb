import Foundation
import LanguageModels

/// The cartridges of Eyuboglu et al. (2025): for each layer a tensor [1 × heads × n × head width] of keys and one of
/// values, split into first positions that were kept and the rest, which was trained.
extension PrefixFile {
    /// Layers and heads, and how many positions are frozen and trained.
    struct CartridgeSizes {
        var stack: AttentionStack
        var frozen: Int
        var trained: Int
        var length: Int { frozen + trained }
    }

    /// What the tensors say of themselves.
    func cartridgeSizes() throws -> CartridgeSizes {
        var layers = 0
        while shape(of: "trainable_keys.\(layers)") != nil { layers += 1 }
        guard let first = shape(of: "trainable_keys.0"), first.count == 4, first[0] == 1,
            first.allSatisfy({ (1...1 << 20).contains($0) })
        else {
            throw PrefixError.wrongTensor(
                file: weightsFile.path, key: "trainable_keys.0", expected: "[1 × heads × n × head width]",
                found: shape(of: "trainable_keys.0") ?? [])
        }
        // Of as many heads as those that were trained: a tensor without elements may state any length.
        let frozen =
            shape(of: "fixed_keys.0").map {
                $0.count == 4 && [$0[0], $0[1], $0[3]] == [1, first[1], first[3]] ? $0[2] : -1
            } ?? 0
        guard (0...1 << 20).contains(frozen) else {
            throw PrefixError.wrongTensor(
                file: weightsFile.path, key: "fixed_keys.0", expected: "[1 × heads × n × head width]",
                found: shape(of: "fixed_keys.0") ?? [])
        }
        return CartridgeSizes(
            stack: AttentionStack(layerCount: layers, keyHeadCount: first[1], headWidth: first[3]), frozen: frozen,
            trained: first[2])
    }

    func cartridge(_ model: ModelShape) throws -> Prefix {
        let sizes = try cartridgeSizes(), stack = sizes.stack
        guard model.encoder == nil, stack == model.decoder else {
            var other = model
            (other.layerCount, other.keyHeadCount) = (stack.layerCount, stack.keyHeadCount)
            (other.headWidth, other.encoder) = (stack.headWidth, nil)
            throw PrefixError.otherModel(prefix: other, model: model)
        }
        let (heads, head, length) = (stack.keyHeadCount, stack.headWidth, sizes.length)
        let reader = reader
        var values = [Float](repeating: 0, count: length * stack.prefixRowWidth)
        for layer in 0..<stack.layerCount {
            for (half, name) in ["keys", "values"].enumerated() {
                for (part, start, count) in [
                    ("fixed", 0, sizes.frozen), ("trainable", sizes.frozen, sizes.trained),
                ] {
                    let key = "\(part)_\(name).\(layer)"
                    guard count > 0 || reader.contains(key) else { continue }
                    let tensor = try reader.read(key, shape: [1, heads, count, head])
                    let column = (2 * layer + half) * stack.keyWidth
                    for h in 0..<heads {
                        for position in 0..<count {
                            let from = (h * count + position) * head
                            let to = (start + position) * stack.prefixRowWidth + column + h * head
                            for i in 0..<head { values[to + i] = tensor[from + i] }
                        }
                    }
                }
            }
        }
        try reader.finish()
        return try Prefix(length: length, values: values, shape: model, textPosition: .afterPrefix)
    }
}
