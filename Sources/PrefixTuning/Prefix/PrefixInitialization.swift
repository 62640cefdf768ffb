import Foundation
import LanguageModels
import Tensors
import Tokenizers

/// Where the values of a prefix come from before training.
public enum PrefixInitialization: Equatable, Sendable {
    /// Random, in the authors' distributions.
    case random
    /// The activations of the frozen model on some words, tokenized with a leading space as in the authors' code.
    case words(String)
    /// The activations of the frozen model on a text file, used as it is, of any length that fits.
    case file(URL)
    /// An existing prefix.
    case adapter(URL)

    /// The values to start from, for each kind of attention a constant [n × 2·layers·keyWidth]; none for random ones.
    ///
    /// - Parameter length: The number of positions asked for, or nil to take what the source has.
    /// - Throws: ``PrefixError`` where the source is empty or has another length.
    @Compute func values(for model: LanguageModel, length: Int?) throws -> [AttentionKind: Tensor] {
        switch self {
        case .random: return [:]
        case .words(let words):
            // A leading space alone would be a token, too.
            guard words.contains(where: { !$0.isWhitespace }) else {
                throw PrefixError.badInitialText(tokens: 0, length: length)
            }
            return try activations(of: try model.tokenizer.encode(" " + words), model, length)
        case .file(let url):
            let text = try DataFile(url).contents()
            return try activations(of: try model.tokenizer.encode(bytes: text), model, length)
        case .adapter(let folder):
            let prefix = try PrefixFile(folder).prefix(for: model)
            guard length == nil || length == prefix.length else {
                throw PrefixError.otherLength(adapter: prefix.length, asked: length ?? 0)
            }
            return prefix.parts.mapValues { Tensor($0, shape: [prefix.length, $0.count / prefix.length]) }
        }
    }

    @Compute private func activations(
        of tokens: [Int32], _ model: LanguageModel, _ length: Int?
    ) throws -> [AttentionKind: Tensor] {
        guard !tokens.isEmpty, length == nil || length == tokens.count else {
            throw PrefixError.badInitialText(tokens: tokens.count, length: length)
        }
        let positions = model.network.shape.positionCount
        guard tokens.count < positions else {
            throw PrefixError.tooLong(length: tokens.count, positions: positions)
        }
        try PrefixError.requireRows(of: model, for: tokens)
        return model.keyValues(of: tokens)
    }
}

extension PrefixInitialization: Codable {
    /// Of `random`, `words:TEXT`, `file:TEXTFILE` or `adapter:FOLDER`, as on the command line.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        // Absolute, and without a look at the disk: what is read from a file equals what was written into it.
        func path(_ text: String) -> URL { URL(filePath: text, directoryHint: .notDirectory).absoluteURL }
        switch (parts[0], parts.count == 2 && parts[1] != "" ? parts[1] : nil) {
        case ("random", nil) where parts.count == 1: self = .random
        case ("words", let words?): self = .words(words)
        case ("file", let file?): self = .file(path(file))
        case ("adapter", let folder?): self = .adapter(path(folder))
        default: return nil
        }
    }

    /// From a text of the same forms.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer(), text = try container.decode(String.self)
        guard let value = Self(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "it is \"\(text)\", but random, words:TEXT, file:TEXTFILE or adapter:FOLDER is needed"
            )
        }
        self = value
    }

    /// As such a text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension PrefixInitialization: CustomStringConvertible {
    /// Such a text.
    public var description: String {
        switch self {
        case .random: "random"
        case .words(let words): "words:" + words
        case .file(let file): "file:" + file.path
        case .adapter(let folder): "adapter:" + folder.path
        }
    }
}
