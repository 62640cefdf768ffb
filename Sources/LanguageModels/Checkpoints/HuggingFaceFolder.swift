import Foundation
import Tokenizers

/// A model's folder as Hugging Face's hub has it: `config.json` and `generation_config.json`, the weights (safetensors or
/// PyTorch, whole or in shards), the files of a tokenizer.
public struct HuggingFaceFolder: ModelFiles {
    /// The file of sizes and conventions, which a model's folder is told by.
    public static let configurationName = "config.json"
    /// The file of weights as this package writes it.
    public static let weightsName = "model.safetensors"

    /// Where it lies.
    public let url: URL

    /// The folder at a place, whether it holds a model or not.
    public init(_ url: URL) { self.url = url }

    /// The path of the folder.
    public var name: String { url.path }

    /// The first file by which others would take the folder for a model's; nil where there is none.
    public var firstFile: String? { [Self.configurationName, Self.weightsName].first(where: has) }

    /// What `config.json` says of a language model.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)`` or
    ///   ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key.
    public var configuration: any ModelConfiguration {
        get throws { try ModelConfigurationFile.read(from: file(Self.configurationName)) }
    }

    /// What `config.json` says of an encoder, which is no language model.
    ///
    /// - Throws: As ``configuration``.
    public var encoderConfiguration: BERTConfiguration {
        get throws { try BERTConfiguration.read(from: file(Self.configurationName)) }
    }

    /// What `generation_config.json`, else `config.json` prescribes.
    ///
    /// - Throws: As ``configuration``.
    public var conventions: GenerationConventions {
        get throws {
            try GenerationConventions(
                configuration, ConfigurationReader(file(Self.configurationName)),
                generation: settings("generation_config.json"))
        }
    }

    /// The tokenizer of the folder's files.
    ///
    /// - Throws: `TokenizerError`, naming the file.
    public var tokenizer: Tokenizer { get throws { try Tokenizer(folder: url) } }

    /// What `chat_template.jinja`, else `tokenizer_config.json` says, and the files of `additional_chat_templates`.
    ///
    /// - Throws: ``CheckpointError``, naming the file.
    public var chatTemplates: [String: String] {
        get throws {
            let name = "chat_template.jinja", others = "additional_chat_templates"
            var templates =
                try has(name) ? ["default": text(name)] : tokenizerSettings?.namedTexts("chat_template") ?? [:]
            for file in (try? FileManager.default.contentsOfDirectory(atPath: file(others).path)) ?? []
            where file.hasSuffix(".jinja") {
                templates[String(file.dropLast(6))] = try text("\(others)/\(file)")
            }
            return templates
        }
    }

    private func text(_ name: String) throws -> String {
        let mapping = try MappedFile(file(name))
        return String(decoding: mapping.bytes, as: UTF8.self)
    }

    /// What `tokenizer_config.json` says; nil where there is none.
    var tokenizerSettings: ConfigurationReader? { get throws { try settings("tokenizer_config.json") } }

    /// The first of `model.safetensors`, `model.safetensors.index.json`, `pytorch_model.bin` and
    /// `pytorch_model.bin.index.json` that is there. An index lists the files of a checkpoint in several parts.
    ///
    /// - Throws: ``CheckpointError`` where there are none, or where they are damaged.
    public var tensors: any TensorSource {
        get throws {
            for name in [Self.weightsName, "pytorch_model.bin"] {
                if has(name) { return try TensorFile.open(file(name)) }
                if has("\(name).index.json") { return try ShardedCheckpoint(index: file("\(name).index.json")) }
            }
            guard FileManager.default.fileExists(atPath: url.path) else {
                throw CheckpointError.unreadable(file: url.path, reason: "there is no such folder")
            }
            throw CheckpointError.unreadable(
                file: url.path,
                reason: "it holds neither model.safetensors nor pytorch_model.bin, nor the index.json of either; "
                    + "fetch the model's weights into it")
        }
    }

    /// Refuses what `quantization_config` of `config.json` says cannot be read.
    ///
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key.
    public func checkStorage() throws {
        let file = file(Self.configurationName)
        try QuantizationConfiguration.read(from: file)?.check(file: file.path)
    }

    private func file(_ name: String) -> URL { url.appendingPathComponent(name) }

    private func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name).path) }

    private func settings(_ name: String) throws -> ConfigurationReader? {
        has(name) ? try ConfigurationReader(file(name)) : nil
    }
}

extension CheckpointReader {
    /// A reader over the weights in a model folder; see ``HuggingFaceFolder/tensors``.
    ///
    /// - Throws: ``CheckpointError`` where there are none, or where they are damaged.
    public init(folder: URL) throws { self.init(try HuggingFaceFolder(folder).tensors) }
}
