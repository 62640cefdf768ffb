import Foundation
import LanguageModels

extension Prefix {
    /// Writes the prefix in a form that another program reads, exactly or not at all.
    ///
    /// - Parameters:
    ///   - url: A folder, or for `rinna`, `cartridge` and servers a file.
    ///   - details: What only some forms have a place for.
    /// - Throws: ``PrefixError/cannotConvert(to:reason:)`` where the form cannot hold the prefix, `CheckpointError` where
    ///   it cannot be written; what stood there before is then unchanged.
    public func write(
        to url: URL, as target: PrefixTarget, details: PrefixConversion = PrefixConversion()
    ) throws {
        try checkFinite(file: url)
        switch target {
        case .prefixtune: try write(to: url)
        case .peft: try writePEFT(to: url)
        case .authors: try writeAuthors(to: url)
        case .rinna: try writeRinna(to: url)
        case .adapterhub: try writeAdapterHub(to: url, details)
        case .cartridge: try writeCartridge(to: url, frozen: details.frozenLength)
        case .llamaSlot, .llamaSession, .mlx: try writeServed(to: url, as: target, details.served)
        }
    }

    func checkFinite(file: URL) throws {
        for kind in AttentionKind.allCases {
            guard let values = parts[kind], let index = values.firstIndex(where: { !$0.isFinite }) else { continue }
            throw CheckpointError.notFinite(
                file: file.path, key: shape.encoder == nil ? PrefixFile.promptEmbeddings : PrefixFile.tensorName(kind),
                index: index, value: values[index])
        }
    }

    /// Throws where the text starts elsewhere than the form's readers let it start.
    func check(_ position: TextPosition, for target: PrefixTarget, reader: String) throws {
        guard textPosition != position else { return }
        throw PrefixError.cannotConvert(
            to: target.rawValue,
            reason: position == .afterPrefix
                ? "\(reader) lets the text start at position \(length), after the prefix, but this prefix was trained with "
                    + "text from position 0 on; its keys would meet queries of other positions"
                : "\(reader) lets the text start at position 0, but this prefix was trained with text from position "
                    + "\(length) on, after the prefix; its keys would meet queries of other positions")
    }

    /// Throws where the prefix is not one of decoder self-attention alone.
    func checkDecoderOnly(for target: PrefixTarget, reader: String) throws {
        let others = AttentionKind.allCases.filter { $0 != .decoder && parts[$0] != nil }
        guard others.isEmpty, parts[.decoder] != nil else {
            throw PrefixError.cannotConvert(
                to: target.rawValue,
                reason: others.isEmpty
                    ? "\(reader) has a prefix of the decoder's self-attention, which this one lacks"
                    : "\(reader) has no place for a prefix of \(others.map(\.rawValue).joined(separator: " and ")) attention"
            )
        }
    }

    /// As PEFT deals the rows out; see ``PrefixFile/peftSequenceToSequencePrefix(_:)``.
    private func writePEFT(to folder: URL) throws {
        try checkDecoderOnly(for: .peft, reader: "PEFT")
        try check(.afterPrefix, for: .peft, reader: "PEFT")
        guard shape.encoder != nil else { return try write(to: folder) }
        // With twice the layers, rows 4i and 4i + 1 exist for every layer i, and no two layers share one.
        let width = shape.keyWidth
        var saved = [Float](repeating: 0, count: 2 * values.count)
        for position in 0..<length {
            for layer in 0..<shape.layerCount {
                let from = (position * shape.layerCount + layer) * 2 * width
                let to = (position * shape.layerCount + layer) * 4 * width
                for i in 0..<2 * width { saved[to + i] = values[from + i] }
            }
        }
        var configuration = PEFTConfiguration(
            type: "PREFIX_TUNING", length: length, stack: shape.decoder, baseModel: baseModel)
        configuration.task_type = "SEQ_2_SEQ_LM"
        configuration.num_layers = 2 * shape.layerCount
        configuration.num_transformer_submodules = 2
        configuration.prefix_projection = false
        configuration.peft_version = "0.21.2"
        try write(
            configuration, [(PrefixFile.promptEmbeddings, saved)], metadata: BaseDigest.metadata(baseDigest),
            to: folder)
    }

    /// Writes an adapter's two files.
    func write(
        _ configuration: PEFTConfiguration, _ tensors: [(name: String, values: [Float])], metadata: [String: String],
        to folder: URL
    ) throws {
        try ModelFolder.makeFolder(folder)
        var writer = SafetensorsWriter(metadata: metadata)
        for (name, values) in tensors { writer.add(name, shape: [length, values.count / length], values: values) }
        try writer.write(to: folder.appendingPathComponent("adapter_model.safetensors"))
        try AtomicFile.write(
            try configuration.fileContents, to: folder.appendingPathComponent("adapter_config.json"))
    }

    private func writeRinna(to file: URL) throws {
        let reader = "rinna's script"
        try checkDecoderModel(for: .rinna, reader: reader)
        try check(.afterPrefix, for: .rinna, reader: reader)
        try PyTorchWriter.write(.tensor(shape: [length, shape.prefixRowWidth], values: values), to: file)
    }

    private func writeCartridge(to file: URL, frozen: Int) throws {
        let reader = "the Cartridges repository"
        try checkDecoderModel(for: .cartridge, reader: reader)
        try check(.afterPrefix, for: .cartridge, reader: reader)
        guard (0..<length).contains(frozen) else {
            throw PrefixError.cannotConvert(
                to: PrefixTarget.cartridge.rawValue,
                reason: "\(frozen) of \(length) positions are frozen, but at least one must be trainable")
        }
        func tensors(_ half: Int, _ rows: Range<Int>) -> PyTorchWriter.Value {
            .list(
                (0..<shape.layerCount).map { layer in
                    var result: [Float] = []
                    for head in 0..<shape.keyHeadCount {
                        for row in rows {
                            let start =
                                row * shape.prefixRowWidth + (2 * layer + half) * shape.keyWidth
                                + head * shape.headWidth
                            result += values[start..<start + shape.headWidth]
                        }
                    }
                    return .tensor(shape: [1, shape.keyHeadCount, rows.count, shape.headWidth], values: result)
                })
        }
        // Without frozen positions the tensors are empty but there: the original wants one for each layer.
        try PyTorchWriter.write(
            .dictionary([
                ("trainable_keys", tensors(0, frozen..<length)), ("trainable_values", tensors(1, frozen..<length)),
                ("fixed_keys", tensors(0, 0..<frozen)), ("fixed_values", tensors(1, 0..<frozen)),
            ]), to: file)
    }

    /// Throws where the prefix is for a model with an encoder.
    func checkDecoderModel(for target: PrefixTarget, reader: String) throws {
        try checkDecoderOnly(for: target, reader: reader)
        guard shape.encoder == nil else {
            throw PrefixError.cannotConvert(
                to: target.rawValue,
                reason: "\(reader) knows decoder-only models, but this prefix is for one with an encoder")
        }
    }
}
