import Foundation
import LanguageModels
import Tokenizers

/// What a model folder holds.
struct ModelFacts: Encodable {
    let architecture: String
    let layers: Int
    let heads: Int
    /// Key and value heads, where they are fewer.
    let key_heads: Int
    let head_width: Int
    /// Layers of the encoder, where there is one.
    let encoder_layers: Int?
    let width: Int
    let inner_width: Int
    let positions: Int
    let vocabulary: Int
    let activation: String
    let parameters: Int
    /// Whether the output head is the token table.
    let tied_head: Bool
    /// How the weights are stored, most frequent first.
    let stored_as: [String]
    let file_bytes: Int
    /// What the makers call it, where its file says so.
    let title: String?
    /// Whether its files say how a conversation is written.
    let has_chat_template: Bool
    /// Nil where the folder has none.
    let tokenizer: TokenizerFacts?

    struct TokenizerFacts: Encodable {
        let kind: String
        let vocabulary: Int
        let end_of_text: String?
        let end_of_text_id: Int32?
    }

    /// Reads configuration, headers and tokenizer.
    ///
    /// - Throws: `CheckpointError` or `TokenizerError`, also where the weights do not have the configuration's shapes.
    init(_ folder: URL) throws {
        let files = try modelFiles(at: folder), configuration = try files.configuration
        let shape = configuration.shape, source = try files.tensors
        // The token table is the one tensor that every architecture has, and the first thing that differs.
        let parts = configuration.parts
        guard let table = source.names.first(where: { parts.place(of: $0) == .tokenTable }) else {
            let name = "\(parts.tokenTable).weight"
            throw CheckpointError.missingTensor(file: source.file(of: name), key: name, similar: [])
        }
        if let found = source.shape(of: table), found.first != shape.vocabularySize {
            throw CheckpointError.wrongShape(
                file: source.file(of: table), key: table, expected: [shape.vocabularySize, shape.width], found: found)
        }
        architecture = configuration.architecture
        layers = shape.layerCount
        heads = configuration.headCount
        key_heads = shape.keyHeadCount
        head_width = shape.headWidth
        encoder_layers = shape.encoder?.layerCount
        width = shape.width
        inner_width = configuration.innerWidth
        positions = shape.positionCount
        vocabulary = shape.vocabularySize
        activation = configuration.activationName
        // A head of its own is used wherever the file has one, whatever config.json says.
        tied_head = !source.names.contains { parts.place(of: $0) == .head }
        let head = shape.vocabularySize * shape.width
        parameters =
            configuration.parameterCount
            + (tied_head == configuration.tiesWordEmbeddings ? 0 : tied_head ? -head : head)
        var types: [String: Int] = [:]
        for name in source.names { types[source.storedType(of: name)?.rawValue ?? "?", default: 0] += 1 }
        stored_as = types.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
        file_bytes = Set(source.names.map { source.file(of: $0) })
            .reduce(0) { $0 + Readable.size(of: URL(fileURLWithPath: $1)) }
        title = try files.title
        has_chat_template = try files.chatTemplate != nil
        do {
            let loaded = try files.tokenizer
            tokenizer = TokenizerFacts(
                kind: loaded.kind, vocabulary: loaded.vocabularySize,
                end_of_text: loaded.endOfText.flatMap { loaded.token(for: $0) },
                end_of_text_id: loaded.endOfText)
        } catch TokenizerError.noTokenizer {
            tokenizer = nil
        }
    }

    var lines: [(String, String)] {
        (title.map { [("name", TerminalText.withoutControls($0))] } ?? []) + [
            ("architecture", "\(architecture), \(layersText), \(headsText) of width \(head_width)"),
            ("widths", "\(width) (residual stream), \(inner_width) (MLP, \(activation))"),
            ("positions", Readable.count(positions)),
            ("vocabulary", Readable.count(vocabulary)),
            ("parameters", Readable.count(parameters)),
            ("output head", tied_head ? "tied to the token table" : "of its own"),
            ("weights", "\(Readable.bytes(file_bytes)), stored as \(stored_as.joined(separator: ", "))"),
            ("tokenizer", tokenizer.map(Self.line) ?? "none in this folder: it cannot generate or be trained"),
        ] + (has_chat_template ? [("chat template", "yes")] : [])
    }

    private var layersText: String {
        encoder_layers.map { "\($0) encoder and \(layers) decoder layers" } ?? "\(layers) layers"
    }

    private var headsText: String {
        key_heads == heads ? "\(heads) heads" : "\(heads) query and \(key_heads) key heads"
    }

    private static func line(_ facts: TokenizerFacts) -> String {
        "\(facts.kind), \(Readable.count(facts.vocabulary)) tokens, end of text "
            + (facts.end_of_text_id.map { "\(facts.end_of_text ?? "?") (\($0))" } ?? "not marked")
    }
}
