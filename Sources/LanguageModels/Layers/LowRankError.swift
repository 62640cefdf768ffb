import Foundation

/// What can be wrong between low-rank updates and the model they are used with.
public enum LowRankError: Error, Equatable {
    /// Two names mean one matrix.
    case updatedTwice(file: String, name: String)
    /// A or B do not fit the matrix.
    case wrongShape(file: String, key: String, expected: [Int], found: [Int])
    /// The model has no such matrices, or holds them in a form that nothing can be added to.
    case unused(file: String, names: [String], merging: Bool)
    /// The adapter holds tensors in place of the model's that the model does not have, or holds quantised.
    case unusedTensors(file: String, names: [String])
}

extension LowRankError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .updatedTwice(let file, let name):
            "\(file) updates the matrix \"\(name)\" under two names; export the adapter again"
        case .wrongShape(let file, let key, let expected, let found):
            "\"\(key)\" of \(file) has shape \(found), but the model's matrix needs \(expected); name the model that the "
                + "adapter was trained on"
        case .unused(let file, let names, let merging):
            "\(file) updates \(names.count) matri\(names.count == 1 ? "x" : "ces") that the model "
                + (merging ? "does not have or holds in another form than 32 bits: " : "does not have: ")
                + names.prefix(5).map { "\"\($0)\"" }.joined(separator: ", ")
                + (names.count > 5 ? " and \(names.count - 5) more" : "")
                + "; name the model that the adapter was trained on"
                + (merging ? ", or use the adapter without merging it" : "")
        case .unusedTensors(let file, let names):
            "\(file) holds \(names.count) tensor\(names.count == 1 ? "" : "s") to stand in place of the model's, which the model "
                + "does not have, or has quantised: " + names.prefix(5).map { "\"\($0)\"" }.joined(separator: ", ")
                + (names.count > 5 ? " and \(names.count - 5) more" : "")
                + "; name the model that the adapter was trained on"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
