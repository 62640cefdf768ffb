import Foundation
import LanguageModels
import Tensors

/// The checkpoints of the paper's authors: of their GPT-2 and BART classes.
extension PrefixFile {
    /// GPT-2: an MLP over `wte`, with two or three layers in `control_trans`; or `control_trans` alone, P itself.
    func authorsPrefix(_ model: ModelShape) throws -> Stored.Content {
        guard model.encoder == nil else {
            throw PrefixError.badConfiguration(
                file: weightsFile.path,
                reason:
                    "the checkpoint has one prefix, as the authors' GPT-2 class makes it, but this model has an encoder; "
                    + "name the model that it was trained on")
        }
        guard shape(of: "wte2.weight") == nil else {
            throw PrefixError.badConfiguration(
                file: weightsFile.path,
                reason:
                    "the checkpoint has \"\(root)wte2.weight\", the virtual tokens of infix-tuning, which stand between "
                    + "prompt and answer: it is not a prefix")
        }
        let reader = reader, width = model.prefixRowWidth
        let rows =
            switch shape(of: "control_trans")?.count {
            case nil: try network(table: "wte", network: "control_trans", width: width, from: reader)
            case 5: try pastKeyValues(model, from: reader)
            default: try flat("control_trans", width: width, from: reader)
            }
        try reader.finish()
        return .prefix([.decoder: rows], shape: model, .afterPrefix, baseModel: nil)
    }

    /// P as GPT-2 itself returns its keys and values: [2·L × 1 × heads × n × head width].
    private func pastKeyValues(_ model: ModelShape, from reader: CheckpointReader) throws -> StoredRows {
        let (rows, heads, head) = (2 * model.layerCount, model.keyHeadCount, model.headWidth)
        let (shape, past) = try read(
            "control_trans", from: reader, expected: "[\(rows) × 1 × \(heads) × n × \(head)]"
        ) { $0[0] == rows && $0[1] == 1 && $0[2] == heads && $0[4] == head }
        let length = shape[3]
        var values = [Float](repeating: 0, count: past.count)
        for row in 0..<rows {
            for h in 0..<heads {
                for position in 0..<length {
                    let from = ((row * heads + h) * length + position) * head
                    let to = ((position * rows + row) * heads + h) * head
                    for i in 0..<head { values[to + i] = past[from + i] }
                }
            }
        }
        return .values(values, count: length)
    }

    /// Embeddings, from an MLP or as they are.
    func authorsSoftPrompt(_ model: ModelShape) throws -> Stored.Content {
        let reader = reader
        let rows: StoredRows
        if shape(of: "control_trans.0.weight") != nil {
            rows = try network(table: "wte", network: "control_trans", width: model.width, from: reader)
        } else {
            let table = try read("wte.weight", from: reader, expected: "[n × \(model.width)]") {
                $0.count == 2 && $0[1] == model.width
            }
            rows = .values(table.values, count: table.shape[0])
        }
        try reader.finish()
        return .softPrompt(rows, width: model.width)
    }

    /// The names of table and network of each attention in the authors' BART class.
    static let authorsNames: [(kind: AttentionKind, table: String, network: String)] = [
        (.decoder, "wte", "control_trans"), (.cross, "wte2", "control_trans2"),
        (.encoder, "wte_enc", "control_trans_enc"),
    ]

    /// BART: an MLP for each attention.
    func authorsBARTPrefix(_ model: ModelShape) throws -> Stored.Content {
        guard model.encoder != nil else {
            throw PrefixError.badConfiguration(
                file: weightsFile.path,
                reason:
                    "the checkpoint has prefixes of an encoder and of cross-attention, but this model has a decoder only; "
                    + "name the model that it was trained on")
        }
        let reader = reader
        var parts: [AttentionKind: StoredRows] = [:]
        for (kind, table, name) in Self.authorsNames where shape(of: "\(table).weight") != nil {
            let part = try network(
                table: table, network: name, width: model.stack(kind)?.prefixRowWidth ?? 0, from: reader)
            if let other = parts.values.first, other.count != part.count {
                throw PrefixError.wrongTensor(
                    file: weightsFile.path, key: "\(root)\(table).weight", expected: "[\(other.count) × d]",
                    found: shape(of: "\(table).weight") ?? [])
            }
            parts[kind] = part
        }
        // A file of Lightning holds BART itself beside them.
        if root.isEmpty { try reader.finish() }
        return .prefix(parts, shape: model, .zero, baseModel: nil)
    }
}
