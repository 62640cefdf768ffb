import Foundation
import LanguageModels
import Tokenizers

/// What a model folder holds.
struct ModelFacts: Encodable {
    let architecture = "GPT-2"
    let layers: Int
    let heads: Int
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
    /// Nil where the folder has none.
    let tokenizer: TokenizerFacts?

    struct TokenizerFacts: Encodable {
        let kind = "byte-level BPE"
        let vocabulary: Int
        let end_of_text: String?
        let end_of_text_id: Int32?
    }

    /// Reads configuration, headers and tokenizer.
    ///
    /// - Throws: `CheckpointError` or `TokenizerError`, also where the weights do not have the configuration's shapes.
    init(_ folder: URL) throws {
        let configuration = try GPT2Configuration.read(from: folder.appendingPathComponent("config.json"))
        let index = folder.appendingPathComponent("model.safetensors.index.json")
        let single = folder.appendingPathComponent("model.safetensors")
        let source: any TensorSource =
            !FileManager.default.fileExists(atPath: single.path) && FileManager.default.fileExists(atPath: index.path)
            ? try ShardedSafetensors(index: index) : try SafetensorsFile(single)
        let nested = source.shape(of: "transformer.wte.weight") != nil ? "transformer." : ""
        let table = nested + "wte.weight", expected = [configuration.vocabularySize, configuration.width]
        guard let found = source.shape(of: table) else {
            throw CheckpointError.missingTensor(file: source.file(of: table), key: table, similar: [])
        }
        guard found == expected else {
            throw CheckpointError.wrongShape(file: source.file(of: table), key: table, expected: expected, found: found)
        }
        layers = configuration.layerCount
        heads = configuration.headCount
        width = configuration.width
        inner_width = configuration.innerWidth
        positions = configuration.positionCount
        vocabulary = configuration.vocabularySize
        activation = configuration.activation.rawValue
        // A head of its own is used wherever the file has one, whatever config.json says.
        tied_head = source.shape(of: "lm_head.weight") == nil
        var own = configuration
        own.tiesWordEmbeddings = tied_head
        parameters = own.parameterCount
        var types: [String: Int] = [:]
        for name in source.names { types[source.storedType(of: name)?.rawValue ?? "?", default: 0] += 1 }
        stored_as = types.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
        file_bytes = Set(source.names.map { source.file(of: $0) })
            .reduce(0) { $0 + Readable.size(of: URL(fileURLWithPath: $1)) }
        do {
            let loaded = try Tokenizer(folder: folder)
            tokenizer = TokenizerFacts(
                vocabulary: loaded.vocabularySize, end_of_text: loaded.endOfText.flatMap { loaded.token(for: $0) },
                end_of_text_id: loaded.endOfText)
        } catch TokenizerError.noTokenizer {
            tokenizer = nil
        }
    }

    var lines: [(String, String)] {
        [
            ("architecture", "\(architecture), \(layers) layers, \(heads) heads of width \(width / heads)"),
            ("widths", "\(width) (residual stream), \(inner_width) (MLP, \(activation))"),
            ("positions", Readable.count(positions)),
            ("vocabulary", Readable.count(vocabulary)),
            ("parameters", Readable.count(parameters)),
            ("output head", tied_head ? "tied to the token table" : "of its own"),
            ("weights", "\(Readable.bytes(file_bytes)), stored as \(stored_as.joined(separator: ", "))"),
            ("tokenizer", tokenizer.map(Self.line) ?? "none in this folder: it cannot generate or be trained"),
        ]
    }

    private static func line(_ facts: TokenizerFacts) -> String {
        "\(facts.kind), \(Readable.count(facts.vocabulary)) tokens, end of text "
            + (facts.end_of_text_id.map { "\(facts.end_of_text ?? "?") (\($0))" } ?? "not marked")
    }
}
