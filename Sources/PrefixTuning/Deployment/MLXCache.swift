import Foundation
import LanguageModels

/// Releases of mlx-lm by the layout of their prompt caches.
public enum MLXVersion: String, CaseIterable, Sendable, Codable {
    /// Offsets and windows are arrays beside keys and values.
    case release0_32 = "0.32"
    /// They are metadata: as 0.25 to 0.31 have it.
    case release0_31 = "0.31"

    /// The newest that is known.
    public static let newest = MLXVersion.release0_32

    /// The layout of a version, with or without the number of a patch: 0.32.2.
    ///
    /// - Throws: ``CacheFileError/unknownVersion(program:version:known:)``.
    public init(named name: String) throws {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts.allSatisfy({ Int($0) != nil }),
            let version = MLXVersion(rawValue: parts.prefix(2).joined(separator: "."))
        else {
            throw CacheFileError.unknownVersion(
                program: "mlx-lm", version: name, known: Self.allCases.map(\.rawValue))
        }
        self = version
    }
}

/// A prompt cache of mlx-lm (`save_prompt_cache`): for each layer keys and values [1 × H × n × D] in the order of `transformers`,
/// and which class of the program keeps them.
///
/// Source: `mlx_lm/models/cache.py` of mlx-lm 0.32.2 and 0.31.3.
enum MLXCache {
    static let plain = "KVCache", rotating = "RotatingKVCache"

    /// What writes the file.
    ///
    /// - Parameters:
    ///   - cells: In the order of `transformers`.
    ///   - model: Tells which layers have a window.
    ///   - name: The model's name or folder, as `mlx_lm.generate --model` will have it.
    static func writer(
        _ cells: PrefixCells, _ model: ServedModel, name: String, type: ServedCacheType, version: MLXVersion
    ) -> SafetensorsWriter {
        let sliding = Set(model.slidingLayers), length = cells.length, window = model.window ?? 0
        let classes = (0..<cells.stack.layerCount).map { sliding.contains($0) ? rotating : plain }
        var metadata: [String: String] = [:], scalars: [String] = []
        var arrays: [(key: String, number: Int32)] = []
        for (layer, name) in classes.enumerated() {
            switch (version, name == rotating) {
            case (.release0_32, let isRotating):
                let numbers = isRotating ? [length, 0, window, length] : [length]
                for (index, number) in numbers.enumerated() {
                    arrays.append(("\(layer).\(index + 2)", Int32(number)))
                    scalars.append("\(layer).\(index + 2)")
                }
            case (.release0_31, true):
                for (index, number) in [0, window, length, length].enumerated() {
                    metadata["0.\(layer).\(index)"] = "\(number)"
                }
            case (.release0_31, false): metadata["0.\(layer)"] = ""
            }
        }
        // Lists of: (what mlx_lm.generate asks for, classes, scalars), or (facts, what it asks for, classes).
        let (own, kinds) = version == .release0_32 ? (0, 1) : (1, 2)
        metadata["\(own).model"] = name
        metadata["\(own).tokenizer_config"] = "{}"
        for (layer, name) in classes.enumerated() { metadata["\(kinds).\(layer)"] = name }
        if version == .release0_32 {
            metadata["2.0"] = ""
            for (index, key) in scalars.enumerated() {
                metadata["2.\(index + 1).0"] = key
                metadata["2.\(index + 1).1"] = "scalar"
            }
        }
        var writer = SafetensorsWriter(metadata: metadata)
        let heads = cells.stack.keyHeadCount, width = cells.stack.headWidth
        for (layer, rows) in cells.layers.enumerated() {
            for (index, values) in [rows.keys, rows.values].enumerated() {
                writer.add(
                    "\(layer).\(index)", shape: [1, heads, length, width],
                    values: headsFirst(values, length: length, heads: heads, width: width), as: type.format)
            }
        }
        for (key, number) in arrays { writer.add(key, integers: [number]) }
        return writer
    }

    /// [n × H × D] as [H × n × D].
    private static func headsFirst(_ values: [Float], length: Int, heads: Int, width: Int) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(values.count)
        for head in 0..<heads {
            for position in 0..<length {
                let start = (position * heads + head) * width
                result += values[start..<start + width]
            }
        }
        return result
    }
}

extension ServedCacheType {
    fileprivate var format: SafetensorsWriter.Format {
        switch self {
        case .float32: .float32
        case .float16: .float16
        case .bfloat16: .bfloat16
        }
    }
}

/// Prompt caches of mlx-lm as prefixes.
extension PrefixFile {
    /// Whether tensors are those of a prompt cache.
    static func isMLXCache(_ source: any TensorSource) -> Bool {
        guard let file = source as? SafetensorsFile, file.shape(of: "0.0")?.count == 4 else { return false }
        return mlxClass(ofLayer: 0, file) != nil
    }

    private static func mlxClass(ofLayer layer: Int, _ file: SafetensorsFile) -> String? {
        ["1.\(layer)", "2.\(layer)"].lazy.compactMap { file.metadata[$0] }.first { $0.hasSuffix("Cache") }
    }

    /// Layers, heads and their width, as the arrays are.
    func mlxSizes() throws -> AttentionStack {
        var layers = 0
        while shape(of: "\(layers).0") != nil { layers += 1 }
        guard let first = shape(of: "0.0"), first.count == 4, first[0] == 1,
            first.allSatisfy({ (1...1 << 20).contains($0) })
        else {
            throw PrefixError.wrongTensor(
                file: weightsFile.path, key: "0.0", expected: "[1 × heads × n × head width]",
                found: shape(of: "0.0") ?? [])
        }
        return AttentionStack(layerCount: layers, keyHeadCount: first[1], headWidth: first[3])
    }

    /// The model that the cache says it is of.
    var mlxModel: String? {
        guard let file = weights as? SafetensorsFile else { return nil }
        return file.metadata["0.model"] ?? file.metadata["1.model"]
    }

    /// How many positions a layer has.
    func mlxLength(ofLayer layer: Int) throws -> Int {
        guard let file = weights as? SafetensorsFile, let rows = file.shape(of: "\(layer).0")?[safe: 2] else {
            throw CheckpointError.missingTensor(file: weightsFile.path, key: "\(layer).0", similar: [])
        }
        func unusable(_ reason: String) -> CacheFileError { .unusable(file: weightsFile.path, reason: reason) }
        let name = Self.mlxClass(ofLayer: layer, file) ?? "nothing"
        guard name == MLXCache.plain || name == MLXCache.rotating else {
            throw unusable(
                "layer \(layer) is a \(name), where \(MLXCache.plain) or \(MLXCache.rotating) can be read; make the cache without "
                    + "--kv-bits, and of a model that only has attention")
        }
        func number(_ index: Int) throws -> Int? {
            guard file.storedType(of: "\(layer).\(index)") == .int32 else { return nil }
            return try file.withBytes(of: "\(layer).\(index)") { bytes in
                bytes.count == 4 ? Int(Int32(littleEndian: bytes.loadUnaligned(as: Int32.self))) : nil
            }
        }
        let isRotating = name == MLXCache.rotating
        let stated = try number(2) ?? file.metadata["0.\(layer).2"].flatMap { Int($0) }
        let length = stated ?? rows
        let index = try isRotating ? number(5) ?? file.metadata["0.\(layer).3"].flatMap { Int($0) } : length
        guard rows > 0 else { throw unusable("layer \(layer) has no rows; make the cache of a text") }
        guard length >= 1, length <= rows, index == length else {
            throw unusable(
                "layer \(layer) has \(rows) rows for \(length) positions, so that its window has moved on over the beginning; "
                    + "make the cache of a shorter text")
        }
        return length
    }

    /// The prefix that a prompt cache is.
    func mlxPrefix(_ model: ModelShape) throws -> Prefix {
        let stack = try mlxSizes()
        guard model.encoder == nil, stack == model.decoder else {
            var other = model
            (other.layerCount, other.keyHeadCount) = (stack.layerCount, stack.keyHeadCount)
            (other.headWidth, other.encoder) = (stack.headWidth, nil)
            throw PrefixError.otherModel(prefix: other, model: model)
        }
        let (heads, width) = (stack.keyHeadCount, stack.headWidth), length = try mlxLength(ofLayer: 0)
        let reader = CheckpointReader(weights)
        func rows(_ key: String, layer: Int) throws -> [Float] {
            guard let shape = weights.shape(of: key), shape.count == 4, shape[0] == 1, shape[1] == heads,
                shape[3] == width, try mlxLength(ofLayer: layer) == length, shape[2] >= length
            else {
                throw PrefixError.wrongTensor(
                    file: weightsFile.path, key: key, expected: "[1 × \(heads) × \(length) × \(width)]",
                    found: weights.shape(of: key) ?? [])
            }
            let all = try reader.read(key, shape: shape)
            var result: [Float] = []
            for position in 0..<length {
                for head in 0..<heads {
                    let start = (head * shape[2] + position) * width
                    result += all[start..<start + width]
                }
            }
            return result
        }
        let layers = try (0..<stack.layerCount).map { layer in
            PrefixCells.Layer(
                keys: try rows("\(layer).0", layer: layer), values: try rows("\(layer).1", layer: layer))
        }
        return try PrefixCells(length: length, stack: stack, layers: layers).prefix(
            for: model, baseModel: mlxModel.flatMap { $0.isEmpty ? nil : $0 })
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
