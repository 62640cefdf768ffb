import Foundation
import LanguageModels

/// What can be wrong with a prefix or its file.
public enum PrefixError: Error, Equatable {
    /// The values do not fill the rows of a prefix.
    case wrongSize(found: Int, expected: String)
    /// The prefix belongs to a model of other sizes.
    case otherModel(prefix: ModelShape, model: ModelShape)
    /// The prefix leaves no position for text.
    case tooLong(length: Int, positions: Int)
    /// The folder's `adapter_config.json` is missing or says something unexpected.
    case badConfiguration(file: String, reason: String)
    /// The adapter is of a kind that is not a prefix.
    case notAPrefix(file: String, kind: String)
    /// The configuration is that of another kind of adapter than LoRA.
    case notLowRank(file: String, kind: String)
    /// The folder does not describe an infix.
    case notAnInfix(file: String)
    /// The folder does not describe bottleneck adapters.
    case notBottleneckAdapters(file: String)
    /// A tensor of the file has another shape than a prefix of this kind.
    case wrongTensor(file: String, key: String, expected: String, found: [Int])
    /// The file is in none of the known forms.
    case unknownDialect(file: String, reason: String)
    /// The file holds embeddings, which only the model can turn into a prefix.
    case softPrompt(file: String)
    /// The embeddings stand before the text that an encoder reads, where they are no prefix.
    case softPromptOfEncoder
    /// The model has an encoder, whose text has no place between prompt and answer.
    case infixOfEncoder(architecture: String)
    /// A form that another program reads cannot hold the prefix.
    case cannotConvert(to: String, reason: String)
    /// The form names the model's architecture, which is not known.
    case architectureNeeded(to: String)
    /// The text to start from has no tokens, or a number of them that contradicts the length asked for.
    case badInitialText(tokens: Int, length: Int?)
    /// The text to start from has a token that the model has no embedding of.
    case unknownToken(Int32, vocabulary: Int)
    /// The prefix to start from has another length than asked for.
    case otherLength(adapter: Int, asked: Int)
    /// The model has no attention of this kind.
    case noSuchAttention(AttentionKind, architecture: String)
    /// Two prefixes do not go together.
    case cannotCombine(reason: String)
    /// A setting of a prefix has no meaning.
    case badSetting(name: String, value: String, needed: String)
}

extension PrefixError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .wrongSize(let found, let expected):
            "a prefix of \(found) values was found, but \(expected) are needed for this model"
        case .otherModel(let prefix, let model):
            "the prefix belongs to a model of \(Self.sizes(prefix)), but this one has \(Self.sizes(model)); "
                + "name the model that the prefix was trained on"
        case .tooLong(let length, let positions):
            "a prefix of \(length) positions leaves no room for text in a model of \(positions) positions; "
                + "choose a shorter one"
        case .badConfiguration(let file, let reason):
            "\(file): \(reason)"
        case .notAPrefix(let file, let kind):
            "\(file): an adapter of type \(kind) was found, but a prefix is needed here"
        case .notLowRank(let file, let kind):
            "\(file): an adapter of type \(kind) was found, but LORA is needed here"
        case .notAnInfix(let file):
            "\(file): it does not describe an infix"
        case .notBottleneckAdapters(let file):
            "\(file): it does not describe bottleneck adapters"
        case .wrongTensor(let file, let key, let expected, let found):
            "tensor \"\(key)\" of \(file) has shape \(found), but \(expected) is needed for this model; name the model that "
                + "the prefix was trained on"
        case .unknownDialect(let file, let reason):
            "\(file) is no prefix that can be read: \(reason); name the folder or file of a prefix"
        case .softPrompt(let file):
            "\(file) holds a soft prompt, which only the model can turn into a prefix, by reading it; this place needs a prefix"
        case .softPromptOfEncoder:
            "the soft prompt stands before the text that an encoder reads, whose positions attend to each other in both "
                + "directions: it is no prefix of keys and values"
        case .infixOfEncoder(let architecture):
            "an infix stands between prompt and answer in one text, but in \(architecture) an encoder reads the prompt and a "
                + "decoder writes the answer; choose a decoder-only model, or another method"
        case .cannotConvert(let target, let reason):
            "the prefix cannot be written as \(target): \(reason)"
        case .architectureNeeded(let target):
            "the prefix cannot be written as \(target): AdapterHub's keys begin with what the architecture calls its layers; name "
                + "the model's folder"
        case .badInitialText(let tokens, let length):
            tokens == 0
                ? "the text to initialise the prefix from has no tokens; give at least one word"
                : "the text to initialise the prefix from has \(tokens) tokens, but the prefix length was set to "
                    + "\(length.map(String.init) ?? "another number"); leave the length out, or give a text of that length"
        case .unknownToken(let token, let vocabulary):
            "the text to start from contains the token \(token), but the model's embeddings end at \(vocabulary - 1); use the "
                + "tokenizer that belongs to the model, or words without that token"
        case .otherLength(let adapter, let asked):
            "the adapter to start from has \(adapter) positions, but the prefix length was set to \(asked); "
                + "leave the length out"
        case .noSuchAttention(let kind, let architecture):
            "a prefix for \(kind.rawValue) attention was asked for, but \(architecture) has no such attention; leave it out"
        case .cannotCombine(let reason):
            "the two prefixes cannot be combined: \(reason)"
        case .badSetting(let name, let value, let needed):
            "the prefix's \(name) is \(value), but \(needed) is needed"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }

    /// Refuses tokens that the model has no embedding of: tokenizers may have tokens that were added after the model was made.
    static func requireRows(of model: LanguageModel, for tokens: [Int32]) throws {
        let vocabulary = model.configuration.shape.vocabularySize
        if let token = tokens.first(where: { !(0..<vocabulary).contains(Int($0)) }) {
            throw PrefixError.unknownToken(token, vocabulary: vocabulary)
        }
    }

    private static func sizes(_ shape: ModelShape) -> String {
        "\(shape.layerCount) layers with \(shape.keyHeadCount) key heads of width \(shape.headWidth)"
    }
}

extension PrefixError {
    /// Widths beyond this fit into no memory, and their products into no integer.
    static let greatestHiddenWidth = 1 << 20

    /// Throws where a network of such a width cannot be made.
    static func check(hiddenWidth width: Int) throws {
        guard (1...greatestHiddenWidth).contains(width) else {
            throw badSetting(
                name: "hidden width", value: "\(width)",
                needed: width < 1 ? "at least 1" : "at most \(greatestHiddenWidth)")
        }
    }
}
