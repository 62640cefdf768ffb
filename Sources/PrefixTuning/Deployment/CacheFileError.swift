import Foundation

/// What can be wrong with a file of a server's cache, or with what is to be written into one.
public enum CacheFileError: Error, Equatable {
    /// A cache of integers was asked for.
    case quantizedType(String)
    /// A type that no cache has.
    case unknownType(String)
    /// A version of a program whose files are not known.
    case unknownVersion(program: String, version: String, known: [String])
    /// The file begins as a state file does, but ends early or contradicts itself.
    case damaged(file: String, problem: String)
    /// The file has another version than those that can be read.
    case otherVersion(file: String, kind: String, found: UInt32, known: [UInt32])
    /// The file holds what is no prefix.
    case unusable(file: String, reason: String)
    /// Which order keys have, or which layers have windows, only the model tells.
    case modelNeeded(file: String)
    /// The file is of a model of another architecture.
    case otherArchitecture(file: String, found: String, model: String)
    /// The file's layers or rows are not those of the model.
    case otherSizes(file: String, found: String, model: String)
    /// The tokenizer has too few tokens that no text contains.
    case tooFewPlaceholders(found: Int, needed: Int)
    /// Tokens that a prompt cannot begin with, because their text is other tokens.
    case inexactPlaceholders([Int32], text: String, becomes: [Int32])
    /// The last placeholder, which text that follows can become one token with.
    case openPlaceholder(Int32, text: String)
    /// There are not as many of them as the prefix has positions.
    case placeholderCount(found: Int, needed: Int)
    /// A file that is not ours stands where one is to be written, or would be read in place of what is written.
    case occupied(file: String, reason: String)
    /// The folder is none that a prefix was written to for a server.
    case notADeployment(folder: String, reason: String)
    /// The folder is for another program than the one that is asked.
    case notForServer(folder: String, target: String)
}

extension CacheFileError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .quantizedType(let name):
            "a cache of type \(name) keeps blocks of integers, and recent llama.cpp turns its keys and values before it rounds them, "
                + "so that no prefix can be written for it; run the server with f32, f16 or bf16, and give that"
        case .unknownType(let name): "the cache type is \"\(name)\", but f32, f16 or bf16 is needed"
        case .unknownVersion(let program, let version, let known):
            "the files of \(program) \(version) are not known; known are those of \(known.joined(separator: ", "))"
        case .damaged(let file, let problem): "\(file) is a damaged state file: \(problem); write it again"
        case .otherVersion(let file, let kind, let found, let known):
            "\(file) is a \(kind) of version \(found), but only version \(known.map(String.init).joined(separator: ", ")) can be "
                + "read; save it with another version of llama.cpp"
        case .unusable(let file, let reason): "\(file) holds no prefix: \(reason)"
        case .modelNeeded(let file):
            "\(file) does not say in which order its keys are, nor which layers see a window only; name the model"
        case .otherArchitecture(let file, let found, let model):
            "\(file) is of a model that llama.cpp calls \(found), but this one is called \(model); name the model that it is of"
        case .otherSizes(let file, let found, let model):
            "\(file) has \(found), but this model has \(model); name the model that it is of"
        case .tooFewPlaceholders(let found, let needed):
            "\(needed) placeholders are needed, one for each position of the prefix, but the tokenizer has \(found) tokens that text "
                + "does not contain and that stay as they are side by side; choose tokens yourself"
        case .inexactPlaceholders(let tokens, let text, let becomes):
            "the placeholders \(Self.list(tokens)) are \(Self.quoted(text)) as text, which the tokenizer makes "
                + "\(Self.list(becomes)) of; choose tokens that stay as they are"
        case .openPlaceholder(let token, let text):
            "text can become one token with the last placeholder, \(token) (\(Self.quoted(text))); let the last be a token that text does "
                + "not contain"
        case .placeholderCount(let found, let needed):
            "\(found) placeholders were given for a prefix of \(needed) positions; give one for each"
        case .occupied(let file, let reason): "\(file) \(reason); choose another folder"
        case .notADeployment(let folder, let reason):
            "\(folder) holds no prefix for a server: \(reason); \(Self.advice)"
        case .notForServer(let folder, let target):
            "\(folder) was written as \(target), which llama-server does not read; \(Self.advice)"
        }
    }

    /// What helps where a folder is none for llama-server: the end of the sentence.
    package static let advice = "write the prefix as llama-slot"

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }

    private static func list(_ tokens: [Int32]) -> String {
        tokens.prefix(12).map(String.init).joined(separator: ",") + (tokens.count > 12 ? ",…" : "")
    }

    private static func quoted(_ text: String) -> String { "\"\(text.prefix(120))\"" }
}
