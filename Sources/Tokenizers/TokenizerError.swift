import Foundation

/// What can go wrong when a tokenizer is read, trained or written.
public enum TokenizerError: Error, Equatable, Sendable {
    /// The folder holds neither `tokenizer.json`, nor `vocab.json` with `merges.txt`, nor `vocab.txt`, nor a SentencePiece
    /// model.
    case noTokenizer(folder: String)
    /// A file exists but could not be read.
    case unreadable(file: String, reason: String)
    /// A pointer of git-lfs stands in place of a file.
    case pointer(file: String)
    /// A file is not the JSON or the list of merges that it should be; `place` is a line or a byte offset.
    case malformed(file: String, place: String, reason: String)
    /// A file asks for something that this tokenizer does not implement.
    case unsupported(file: String, component: String, value: String)
    /// A component contradicts itself or another one, for instance a merge whose result is not in the vocabulary.
    case inconsistent(file: String, component: String, reason: String)
    /// Encoding a text would take more work or memory than any sound tokenizer needs; `component` says what takes it.
    case tooMuchWork(component: String, bytes: Int)
    /// A library failed to encode a text, for want of memory or because its model is damaged.
    case notEncoded(bytes: Int, reason: String)
    /// A file could not be written; what stood there before is untouched.
    case unwritable(file: String, reason: String)
    /// The vocabulary asked of the trainer does not hold the 256 bytes and the special tokens, or is absurdly large.
    case vocabularySizeOutOfRange(requested: Int, allowed: ClosedRange<Int>)
    /// A special token given to the trainer is empty or given twice.
    case badSpecialToken(String)
}

extension TokenizerError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .noTokenizer(let folder):
            "No tokenizer in \(folder): put tokenizer.json there, or vocab.json together with merges.txt, or "
                + "vocab.txt, or a SentencePiece model."
        case .unreadable(let file, let reason):
            "Cannot read \(file): \(reason). Check that it exists and that you may read it."
        case .pointer(let file): LargeFilePointer.sentence(file: file) + "."
        case .malformed(let file, let place, let reason):
            "\(file) is damaged at \(place): \(reason). Fetch the file again."
        case .unsupported(let file, let component, let value):
            "\(file) asks for \(component) \(value), which is not supported; "
                + "export the tokenizer without it."
        case .inconsistent(let file, let component, let reason):
            "\(file) contradicts itself in \(component): \(reason). Export the tokenizer again."
        case .tooMuchWork(let component, let bytes):
            "The tokenizer's \(component) takes too much work or memory on a text of \(bytes) bytes; "
                + "cut the text into shorter ones, or export the tokenizer without that."
        case .notEncoded(let bytes, let reason):
            "A text of \(bytes) bytes could not be encoded: \(reason). Cut the text into shorter ones."
        case .unwritable(let file, let reason):
            "Cannot write \(file): \(reason). Choose a folder that exists, is writable and has room."
        case .vocabularySizeOutOfRange(let requested, let allowed):
            "A vocabulary of \(requested) tokens cannot be trained: "
                + "choose between \(allowed.lowerBound) and \(allowed.upperBound)."
        case .badSpecialToken(let token):
            "Special token \"\(token)\" is empty or given twice: give each special token once."
        }
    }

    /// The same sentence as ``description``.
    public var errorDescription: String? { description }
}
