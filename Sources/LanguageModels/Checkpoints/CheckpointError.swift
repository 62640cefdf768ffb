import Foundation
import Tokenizers

/// What can be wrong with the files of a model, when reading or writing them.
///
/// Cases carry data only; ``description`` writes the sentence.
public enum CheckpointError: Error, Equatable, Sendable {
    /// The file cannot be opened, read or mapped.
    case unreadable(file: String, reason: String)
    /// There are no addresses left for a file of so many bytes.
    case outOfMemory(file: String, bytes: Int)
    /// A pointer of git-lfs stands in place of the file.
    case pointer(file: String)
    /// The file is no safetensors file, or a damaged one. Nothing of it was used.
    case malformed(file: String, problem: String)
    /// The file is no file of `torch.save`, or a damaged one. Nothing of it was used.
    case malformedArchive(file: String, problem: String)
    /// A file of `torch.save` names a class or function that no tensor needs. Nothing of it was run.
    case refusedClass(file: String, name: String)
    /// The file is no GGUF file, or a damaged one. Nothing of it was used.
    case malformedGGUF(file: String, problem: String)
    /// A tensor of a GGUF file is of a type that cannot be read.
    case unsupportedBlocks(file: String, key: String, type: String)
    /// The description of one tensor contradicts itself or the file.
    case malformedTensor(file: String, key: String, problem: String)
    /// A tensor that the model needs is not in the file.
    case missingTensor(file: String, key: String, similar: [String])
    /// A matrix is not in the file, and the configuration says that the token embedding does not stand in for it.
    case missingUntied(file: String, key: String)
    /// A tensor has another shape than the model's configuration asks for.
    case wrongShape(file: String, key: String, expected: [Int], found: [Int])
    /// A tensor is stored in a number format that cannot be converted to float32.
    case unsupportedType(file: String, key: String, type: String)
    /// A tensor holds NaN or infinity.
    case notFinite(file: String, key: String, index: Int, value: Float)
    /// The file holds tensors that nothing asked for.
    case unexpectedTensors(file: String, keys: [String])
    /// The same tensor was asked for twice: two layers share one key by mistake.
    case takenTwice(file: String, key: String)
    /// A configuration file is not valid; `path` names the key.
    case invalidConfiguration(file: String, path: String, reason: String)
    /// A file could not be written. What stood at its place before is untouched.
    case cannotWrite(file: String, reason: String)
    /// Another process writes to the folder.
    case inUse(folder: String, holder: String)
    /// The weights alone take more bytes than the machine has, or allows the process.
    case exceedsMemory(file: String, count: Int, needed: Int, available: Int)
    /// The weights were to be multiplied as bfloat16, which the processor, of this name, cannot do.
    case unsupportedPrecision(processor: String?)
    /// A value does not fit the 16-bit format that the file was to be written in.
    case exceedsHalfPrecision(key: String, index: Int, value: Float)
    /// A value does not fit bfloat16, which the file was to be written in.
    case exceedsBFloat16(key: String, index: Int, value: Float)
}

extension CheckpointError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .outOfMemory(let file, let bytes):
            "out of memory: \(file), \(bytes) bytes, cannot be mapped; make more memory free, or raise the limit of addresses (ulimit -v)"
        case .unreadable(let file, let reason):
            "cannot read \(file): \(reason)"
        case .pointer(let file): LargeFilePointer.sentence(file: file)
        case .malformed(let file, let problem):
            "\(file) is not a valid safetensors file: \(problem); fetch or export the file again"
        case .malformedArchive(let file, let problem):
            "\(file) is not a valid PyTorch checkpoint: \(problem); fetch or export the file again"
        case .refusedClass(let file, let name):
            "\(file) names \"\(name)\", which no tensor needs and which could run code, so it was not read; "
                + "save only the state_dict, or use a safetensors file"
        case .malformedGGUF(let file, let problem):
            "\(file) is not a valid GGUF file: \(problem); fetch or convert the file again"
        case .unsupportedBlocks(let file, let key, let type):
            "tensor \"\(key)\" of \(file) is stored as \(type); F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, "
                + "IQ4_NL and IQ4_XS can be read, so take the model in another file, such as its Q4_K_M or Q8_0"
        case .malformedTensor(let file, let key, let problem):
            "\(file) is damaged at tensor \"\(key)\": \(problem); fetch or export the file again"
        case .missingTensor(let file, let key, let similar):
            "\(file) has no tensor \"\(key)\"\(Self.suggestion(similar)); "
                + "check that the file belongs to this config.json"
        case .missingUntied(let file, let key):
            "\(file) has no tensor \"\(key)\", and \"tie_word_embeddings\" of its config.json is false or missing, so that "
                + "the token embedding does not stand in for it; set the key to true where it should, else fetch a "
                + "checkpoint that has the tensor"
        case .wrongShape(let file, let key, let expected, let found):
            "tensor \"\(key)\" of \(file) has shape \(found), but the configuration asks for \(expected); "
                + "check that the file belongs to this config.json"
        case .unsupportedType(let file, let key, let type):
            "tensor \"\(key)\" of \(file) is stored as \(type); "
                + "F32, F16, BF16 and F64 can be read, so export the model in one of these"
        case .notFinite(let file, let key, let index, let value):
            "tensor \"\(key)\" of \(file) holds \(value) at element \(index); "
                + "the weights are damaged or training diverged, so use another checkpoint"
        case .unexpectedTensors(let file, let keys):
            "\(file) holds \(keys.count) tensor\(keys.count == 1 ? "" : "s") that this model does not use: "
                + Self.list(keys) + "; check that the file belongs to this config.json"
        case .takenTwice(let file, let key):
            "tensor \"\(key)\" of \(file) was read twice; every tensor belongs to one layer"
        case .invalidConfiguration(let file, let path, let reason):
            "\(file)\(path.isEmpty ? "" : ", key \"\(path)\""): \(reason)"
        case .cannotWrite(let file, let reason):
            "cannot write \(file): \(reason)"
        case .inUse(let folder, let holder):
            "\(folder) is being written to by \(holder); wait for its end, or choose another output folder"
        case .exceedsMemory(let file, let count, let needed, let available):
            "the \(count) weights of \(file) take \(Self.size(needed)), but there are \(Self.size(available)) of memory here; "
                + "hold them in fewer bits, or take a smaller model or a larger machine"
        case .unsupportedPrecision(let processor):
            "products of bfloat16 need a processor with AVX512_BF16, and this one\(processor.map { " (\($0))" } ?? "") has none; "
                + Self.otherPrecisions
        case .exceedsHalfPrecision(let key, let index, let value):
            "element \(index) of \"\(key)\" is \(value), beyond the largest 16-bit float (65504); save as float32"
        case .exceedsBFloat16(let key, let index, let value):
            "element \(index) of \"\(key)\" is \(value), beyond the largest bfloat16 (3.3895314e+38); save as float32"
        }
    }

    /// What to do where bfloat16 cannot be multiplied: the end of the sentence.
    package static let otherPrecisions =
        "hold 16-bit weights as they are stored, which takes as little memory, or round them to 8 bits, which is faster"

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }

    private static func size(_ bytes: Int) -> String { String(format: "%.1f GB", Double(bytes) / 1e9) }

    private static func list(_ keys: [String]) -> String {
        let shown = keys.prefix(5).map { "\"\($0)\"" }.joined(separator: ", ")
        return keys.count > 5 ? shown + " and \(keys.count - 5) more" : shown
    }

    private static func suggestion(_ similar: [String]) -> String {
        similar.isEmpty ? "" : " (it has \(list(similar)))"
    }
}
