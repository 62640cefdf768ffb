import Foundation
import LanguageModels

/// The authors' and AdapterHub's forms.
extension Prefix {
    /// `pytorch_model.bin` with the keys of the authors' classes.
    ///
    /// For GPT-2 that is P itself in `control_trans` (their `init_shallow`). Their BART class has MLPs only; there, one with
    /// a hidden unit per position that is 1 at its position and 0 elsewhere, because tanh 20 is 1 in 32 bits, gives P to the
    /// last bit (their `mid_dim` is then n).
    func writeAuthors(to folder: URL) throws {
        let file = folder.appendingPathComponent("pytorch_model.bin")
        guard shape.encoder != nil else {
            try check(.afterPrefix, for: .authors, reader: "the authors' GPT-2 class")
            try ModelFolder.makeFolder(folder)
            return try PyTorchWriter.write(
                .dictionary([("control_trans", .tensor(shape: [values.count], values: values))]), to: file)
        }
        try check(.zero, for: .authors, reader: "the authors' BART class")
        let missing = AttentionKind.allCases.filter { parts[$0] == nil }
        guard missing.isEmpty, let encoder = shape.encoder, encoder == shape.decoder, length <= shape.width else {
            let reason =
                !missing.isEmpty
                ? "the authors' BART class has a prefix of every attention, but this one has none of "
                    + "\(missing.map(\.rawValue).joined(separator: " and ")) attention (one of zeros is not the same as none)"
                : shape.encoder != shape.decoder
                    ? "the authors' BART class has as many layers in the encoder as in the decoder"
                    : "\(length) positions need a token table of that width, but the model's is \(shape.width)"
            throw PrefixError.cannotConvert(to: PrefixTarget.authors.rawValue, reason: reason)
        }
        var tensors: [(key: String, value: PyTorchWriter.Value)] = []
        for (kind, table, network) in PrefixFile.authorsNames {
            let values = parts[kind] ?? [], width = shape.prefixRowWidth
            func diagonal(_ rows: Int, _ columns: Int, _ value: Float) -> PyTorchWriter.Value {
                var matrix = [Float](repeating: 0, count: rows * columns)
                for i in 0..<min(rows, columns) { matrix[i * columns + i] = value }
                return .tensor(shape: [rows, columns], values: matrix)
            }
            func zeros(_ count: Int) -> PyTorchWriter.Value {
                .tensor(shape: [count], values: [Float](repeating: 0, count: count))
            }
            var output = [Float](repeating: 0, count: values.count)
            for row in 0..<length {
                for column in 0..<width { output[column * length + row] = values[row * width + column] }
            }
            tensors += [
                ("\(table).weight", diagonal(length, shape.width, 20)),
                ("\(network).0.weight", diagonal(length, shape.width, 1)), ("\(network).0.bias", zeros(length)),
                ("\(network).2.weight", .tensor(shape: [width, length], values: output)),
                ("\(network).2.bias", zeros(width)),
            ]
        }
        try ModelFolder.makeFolder(folder)
        try PyTorchWriter.write(.dictionary(tensors), to: file)
    }

    /// AdapterHub's folder, in its flat form.
    func writeAdapterHub(to folder: URL, _ details: PrefixConversion) throws {
        let target = PrefixTarget.adapterhub
        try check(.zero, for: target, reader: "AdapterHub")
        guard let type = details.modelType else { throw PrefixError.architectureNeeded(to: target.rawValue) }
        guard let model = ModelParts.of(modelType: type), let modelClass = model.adapterHubClass else {
            throw PrefixError.cannotConvert(
                to: target.rawValue, reason: "AdapterHub has no prefixes for models of type \(type)")
        }
        // With a prefix of the decoder, AdapterHub's switches leave out the encoder's and the cross one.
        guard parts[.decoder] != nil else {
            throw PrefixError.cannotConvert(
                to: target.rawValue,
                reason: "AdapterHub always has a prefix of the decoder's self-attention, which this one lacks")
        }
        try ModelFolder.makeFolder(folder)
        var writer = SafetensorsWriter()
        for (kind, name) in PrefixFile.adapterHubNames {
            guard let values = parts[kind] else { continue }
            writer.add(
                "\(model.root).\(AdapterHubConfiguration.marker)\(details.name).\(name).control_trans",
                shape: [values.count], values: values)
        }
        struct Method: Encodable {
            let architecture = "prefix_tuning", bottleneck_size = 512, dropout = 0.0, non_linearity = "tanh"
            let flat = true, use_gating = false, shared_gating = true, leave_out: [Int] = []
            let encoder_prefix: Bool, cross_prefix: Bool, prefix_length: Int
        }
        struct File: Encodable {
            let config: Method
            let hidden_size: Int, model_type: String, name: String, model_name: String?, model_class: String
            let version = "adapters.1.0.0"
        }
        let file = File(
            config: Method(
                encoder_prefix: parts[.encoder] != nil, cross_prefix: parts[.cross] != nil, prefix_length: length),
            hidden_size: shape.width, model_type: type, name: details.name, model_name: baseModel,
            model_class: modelClass)
        try writer.write(to: folder.appendingPathComponent("adapter.safetensors"))
        try AtomicFile.write(
            JSONText.document(file).utf8, to: folder.appendingPathComponent("adapter_config.json"))
    }
}
