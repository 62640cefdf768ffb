import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// What an adapter's folder or file holds: a prefix in any dialect, a soft prompt, an infix, a LoRA adapter, or bottleneck
/// adapters.
///
/// What the file does not say is nil: most dialects leave the model's sizes to the model.
struct AdapterFacts: Encodable {
    /// PEFT's type, or the dialect's name.
    let kind: String
    let dialect: String
    let length: Int?
    /// Sizes of the decoder; heads are key heads, width is theirs together.
    let layers: Int?
    let heads: Int?
    let width: Int?
    /// Which of decoder, encoder and cross have a prefix; none of a soft prompt.
    let attentions: [String]
    /// Numbers that are put before the text; nil where only the model tells.
    let parameters: Int?
    /// Numbers in the file, where it holds the MLP that computes the prefix.
    let stored_parameters: Int?
    let frozen_positions: Int?
    /// "after-prefix" (position n, as the authors and PEFT place it) or "zero"; nil of a LoRA adapter.
    let text_position: String?
    let base_model: String?
    /// Of the weights that it was trained on, where the file records it.
    let base_digest: String?
    /// What llama.cpp calls the architecture, where a state file of it says so.
    let architecture: String?
    /// Updated matrices of a LoRA adapter.
    let matrices: Int?
    let file_bytes: Int

    private let title: String

    private enum CodingKeys: String, CodingKey {
        case kind, dialect, length, layers, heads, width, attentions, parameters, stored_parameters, frozen_positions
        case text_position, base_model, base_digest, architecture, matrices, file_bytes
    }

    /// Reads what a folder or file says of itself, and the prefix whole where it names the sizes of its model.
    ///
    /// - Throws: `PrefixError` or `CheckpointError`.
    @Compute init(_ url: URL) throws {
        do {
            try self.init(PrefixFile(url))
        } catch PrefixError.notAPrefix(_, "LORA") {
            try self.init(LowRankFile(url))
        } catch PrefixError.notAPrefix(_, BottleneckFile.type) {
            try self.init(BottleneckFile(url))
        } catch PrefixError.notAPrefix(_, InfixFile.type) {
            try self.init(InfixFile(url))
        }
    }

    @Compute private init(_ file: PrefixFile) throws {
        var parameters: Int?
        if let shape = file.modelShape {
            parameters = try file.prefix(for: shape).parameterCount
        } else if !file.isReparametrized {
            parameters = file.storedCount
        }
        let stack = file.stack
        let isPEFT = file.dialect.rawValue.hasPrefix("peft")
        kind = isPEFT ? String(file.dialect.title.prefix { $0 != "," && $0 != " " }) : file.dialect.rawValue
        dialect = file.dialect.rawValue
        title = file.dialect.title
        length = file.length
        (layers, heads, width) = (file.layerCount, stack?.keyHeadCount, file.keyWidth)
        attentions = file.attentions.map(\.rawValue)
        self.parameters = parameters
        stored_parameters = file.isReparametrized ? file.storedCount : nil
        frozen_positions = file.frozenLength > 0 ? file.frozenLength : nil
        text_position = try file.textPosition.rawValue
        base_model = file.baseModel
        base_digest = file.baseDigest?.description
        (architecture, matrices) = (file.llamaCppArchitecture, nil)
        file_bytes = Readable.size(of: file.weightsFile)
    }

    private init(_ file: LowRankFile) throws {
        let updates = try file.updates()
        (kind, dialect, title) = ("LORA", "lora-\(file.dialect.rawValue)", file.dialect.title)
        (length, layers, heads, width) = (nil, nil, nil, nil)
        attentions = []
        parameters = updates.parameterCount
        (stored_parameters, frozen_positions, text_position) = (nil, nil, nil)
        base_model = file.baseModel
        base_digest = file.baseDigest?.description
        (architecture, matrices) = (nil, updates.names.count)
        file_bytes = Readable.size(of: file.weightsFile)
    }

    private init(_ file: InfixFile) {
        (kind, dialect, title) = (InfixFile.type, "infix", InfixFile.title)
        length = file.length
        (layers, heads, width) = (file.stack.layerCount, file.stack.keyHeadCount, file.stack.keyWidth)
        attentions = []
        parameters = file.parameterCount
        (stored_parameters, frozen_positions, text_position) = (nil, nil, nil)
        base_model = file.baseModel
        base_digest = file.baseDigest?.description
        (architecture, matrices) = (nil, nil)
        file_bytes = Readable.size(of: file.weightsFile)
    }

    private init(_ file: BottleneckFile) {
        (kind, dialect) = (BottleneckFile.type, "bottleneck")
        title =
            "bottleneck adapters of width \(file.bottleneck) behind each "
            + (file.placement == .block ? "block" : "attention and MLP")
        (length, layers, heads, width) = (nil, nil, nil, nil)
        attentions = []
        parameters = file.parameterCount
        (stored_parameters, frozen_positions, text_position) = (nil, nil, nil)
        base_model = file.baseModel
        base_digest = file.baseDigest?.description
        (architecture, matrices) = (nil, nil)
        file_bytes = Readable.size(of: file.weightsFile)
    }

    var lines: [(String, String)] {
        let unknown = "not recorded; only the model tells"
        let model =
            if let layers, let heads, let width {
                "\(layers) layers with \(heads) key heads of width \(width / heads)"
            } else if let layers, let width, heads == nil {
                "\(layers) layers with keys of width \(width)\(architecture.map { ", which llama.cpp calls \($0)" } ?? "")"
            } else {
                unknown
            }
        var count = parameters.map(Readable.count)
        if let parameters, let length, length > 0, attentions.count == 1 {
            count = "\(Readable.count(parameters)) (\(length) × \(parameters / length))"
        }
        if let stored_parameters { count = "\(Readable.count(stored_parameters)) of an MLP that computes the prefix" }
        let start: String? =
            switch text_position {
            case nil: nil
            case Prefix.TextPosition.zero.rawValue: "at position 0, as without a prefix"
            default: "at position \(length.map(String.init) ?? "n"), after the prefix"
            }
        let isInsideModel = matrices != nil || kind == BottleneckFile.type
        let rows: [(String, String?)] = [
            ("kind", title),
            ("positions", isInsideModel ? nil : length.map(String.init) ?? unknown),
            ("for a model of", isInsideModel ? nil : model),
            ("attentions", attentions.isEmpty || attentions == ["decoder"] ? nil : attentions.joined(separator: ", ")),
            ("matrices", matrices.map(Readable.count)),
            ("parameters", count ?? unknown),
            ("frozen", frozen_positions.map { "the first \($0) position\($0 == 1 ? "" : "s")" }),
            ("text starts", start),
            ("base model", base_model ?? "not recorded"),
            ("file", Readable.bytes(file_bytes)),
        ]
        return rows.compactMap { row in row.1.map { (row.0, $0) } }
    }

    /// What the lines are headed by.
    var heading: String {
        if matrices != nil || kind == BottleneckFile.type { return "Adapter" }
        if kind == InfixFile.type { return "Infix" }
        return attentions.isEmpty ? "Soft prompt" : "Prefix"
    }
}
