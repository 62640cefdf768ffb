import Foundation
import Tokenizers

/// The files that a model is made of, wherever and in whatever form they lie: what a model is loaded from.
///
/// Nothing else looks for a file of a model by its name. Each value is read when it is asked for; who reads a form that keeps
/// all of them in one file keeps that file open.
public protocol ModelFiles: Sendable {
    /// What the model is called where nobody says: the place of the files.
    var name: String { get }

    /// Sizes and conventions of the network.
    ///
    /// - Throws: ``CheckpointError``, naming file and key.
    var configuration: any ModelConfiguration { get throws }

    /// The tokens that the model's makers prescribe for its output.
    ///
    /// - Throws: As ``configuration``.
    var conventions: GenerationConventions { get throws }

    /// Turns text into token ids and back.
    ///
    /// - Throws: `TokenizerError`, naming the file.
    var tokenizer: Tokenizer { get throws }

    /// What the makers call the model, where its files say so.
    ///
    /// - Throws: ``CheckpointError``, naming the file.
    var title: String? { get throws }

    /// Whether matrices are stored as integers that ``WeightPrecision/stored`` keeps and 32 bits widen.
    var holdsIntegers: Bool { get }

    /// The Jinja templates that a conversation is written with, by name: "default" is for all, "tool_use" for those with tools. Empty
    /// where the model has none.
    ///
    /// - Throws: ``CheckpointError``, naming the file.
    var chatTemplates: [String: String] { get throws }

    /// The weights, by the names, in the shapes and in the order of elements that `transformers` gives them (see
    /// ``ModelParts``): a form that has others translates.
    ///
    /// - Throws: ``CheckpointError`` where there are none, or where they are damaged.
    var tensors: any TensorSource { get throws }

    /// Refuses weights, early and by name, that are known to be stored in a form that cannot be read.
    ///
    /// - Throws: ``CheckpointError``.
    func checkStorage() throws
}

extension ModelFiles {
    /// None.
    public var title: String? { nil }
    /// None.
    public var chatTemplates: [String: String] { [:] }
    /// The template called "default", which is for all conversations; nil where there is none.
    ///
    /// - Throws: ``CheckpointError``, naming the file.
    public var chatTemplate: String? { get throws { try chatTemplates["default"] } }
    /// No: folders that are quantised stay as they are at every precision.
    public var holdsIntegers: Bool { false }
}

/// The files of the model at a place, whose form is told by what lies there.
///
/// - Parameter url: The folder of a model, as Hugging Face's hub has it; a GGUF file, of a set the first; or a folder that holds one
///   GGUF file, or one set, and no `config.json`.
/// - Throws: ``CheckpointError`` where a GGUF file is damaged, or a folder holds several.
public func modelFiles(at url: URL) throws -> any ModelFiles {
    if GGUFFile.isRecognized(url) { return try GGUFFile(url) }
    let folder = HuggingFaceFolder(url)
    guard folder.firstFile == nil, let file = try GGUFFile.only(in: url) else { return folder }
    return try GGUFFile(file)
}

/// Whether a model lies at a place, in any form that ``modelFiles(at:)`` knows, complete or not.
///
/// - Throws: ``CheckpointError`` where a folder holds several GGUF files.
public func holdsModel(at url: URL) throws -> Bool {
    try GGUFFile.isRecognized(url) || HuggingFaceFolder(url).firstFile != nil || GGUFFile.only(in: url) != nil
}
