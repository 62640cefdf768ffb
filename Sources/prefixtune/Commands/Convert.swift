import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning
import Tensors

/// Writes a prefix in the form of another program.
struct Convert: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a prefix in the form that another program reads.",
        discussion: """
            Reads the prefixes of PEFT, the paper's authors, rinna, AdapterHub and the Cartridges repository, state files of \
            llama.cpp and prompt caches of mlx-lm, and writes the \
            same numbers for another of them, exactly or not at all: where the text starts is part of what a prefix was \
            trained for, and each program has its own way. A folder also gets the task, template and lengths that the prefix \
            was trained with. Folders that already hold a prefix are overwritten; a server's form goes into none that holds another \
            program's adapter.

            Unchanged servers run a prefix, too: llama-server (llama-slot), llama-completion (llama-session) and mlx_lm.generate \
            (mlx). Their folder gets the file of the cache, HOWTO.md with the commands, a chat template and canary.json, by \
            which deploy check compares answers. The model is loaded for it.

            Most forms do not say which model they are for. Name it with --model: its folder (config.json is enough), its \
            name on the hub, or its sizes, as layers=12,heads=12,head-width=64 (key heads; of an encoder–decoder model also encoder-layers=12; \
            width=768 where it is not heads × head-width). A soft prompt needs the model itself, which reads it.

            EXAMPLE
              prefixtune convert smileface_suffix.task0.weight smileface --to peft \\
                --model japanese-gpt-neox-small
              prefixtune convert e2e-prefix served --to llama-slot --model SmolLM2.gguf
            """)

    @Argument(help: "The folder or file of a prefix, or org/name on the hub.") var input: ModelReference
    @Argument(help: "The folder to write; a file for rinna and cartridge.") var output: URL
    @Option(
        help: """
            peft, authors, rinna, adapterhub, cartridge, llama-slot, llama-session, mlx or prefixtune (PEFT's folder, or for \
            an encoder–decoder model this program's own).
            """)
    var to = PrefixTarget.prefixtune
    @Option(help: .model("The model's folder or name on the hub, or its sizes.")) var model: ModelSizes?
    @OptionGroup(title: "Servers") var serving: ServingOptions
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws { try serving.check(for: to) }

    @Compute func compute() async throws {
        let input = try await input.located(quiet: common.quiet)
        try Self.check(
            output, against: ["the prefix": [input], "--model": [model?.file], "--lora": [serving.lora?.file]])
        let folder = try await model?.folder(quiet: common.quiet)
        if to.isServed { return try await serve(input, model: folder) }
        let file = try PrefixFile(input)
        let known = try model?.resolved(folder)
        guard let shape = known?.shape ?? file.modelShape else {
            throw ConvertError.unknownSizes(path: input.path, dialect: file.dialect.title)
        }
        let prefix: Prefix
        switch try known?.configuration.map(file.contents) ?? file.contents(for: shape) {
        case .prefix(let found): prefix = found
        case .softPrompt(let prompt):
            // Only the model itself can read it.
            guard let folder else { throw PrefixError.softPrompt(file: input.path) }
            prefix = try prompt.prefix(on: LanguageModel.load(folder))
        }
        var details = PrefixConversion()
        details.frozenLength = file.frozenLength
        details.modelType = known?.modelType
        let record = try TaskRecord.read(from: [input])
        try prefix.write(to: output, as: to, details: details)
        // A file has no place for it: what lies in its folder may be of another.
        if FileIdentity(output)?.isFolder == true {
            try TaskRecord.write(record, to: output)
            Self.removeServed(in: output)
        }
        common.note(
            "\(file.dialect.title): \(counted(prefix.length, "position")), written as \(to.rawValue) to \(output.path)")
    }
}

extension Convert {
    /// Removes a prefix that was written there for a server: else it would be taken for what the folder holds.
    private static func removeServed(in folder: URL) {
        guard let facts = try? DeploymentFacts(folder: folder),
            PrefixTarget.allCases.contains(where: { $0.isServed && Deployment.fileName(of: $0) == facts.file })
        else { return }
        for name in [DeploymentFacts.fileName, facts.file] {
            try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
        }
    }

    /// Refuses a place to write a prefix to, where that or a file that may be written in it is read.
    static func check(_ output: URL, against inputs: KeyValuePairs<String, [URL?]>) throws {
        let names = [
            TaskRecord.fileName, "adapter_model.safetensors", "adapter.safetensors", "adapter_config.json",
            "pytorch_model.bin", DeploymentFacts.fileName, "prefix.bin", "session.bin", "prompt_cache.safetensors",
            "HOWTO.md", "chat_template.jinja",
        ]
        for place in [output] + names.map(output.appendingPathComponent) {
            try ResultOutput.check(["the place to write to": place], against: inputs)
        }
    }
}

extension PrefixTarget: ExpressibleByArgument {}

/// What can go wrong in converting, beside what the library says.
enum ConvertError: Error, Equatable {
    /// The file does not say which model it is for.
    case unknownSizes(path: String, dialect: String)
    /// mlx-lm loads no GGUF files.
    case mlxModelNeeded(model: String)
}

extension ConvertError: CustomStringConvertible {
    /// One sentence: what happened, the value received, what to do.
    var description: String {
        switch self {
        case .unknownSizes(let path, let dialect):
            "\(path) (\(dialect)) does not say how many layers and heads its model has; name the model with --model, or "
                + "give its sizes, as --model layers=12,heads=12,head-width=64"
        case .mlxModelNeeded(let model):
            "\(model) is a GGUF file, which mlx-lm does not load; name the folder or hub name that it is to load with --mlx-model"
        }
    }
}

/// The sizes of a model, from its folder or as they are given.
struct ModelSizes: ExpressibleByArgument {
    private enum Source {
        case model(ModelName)
        case sizes(ModelShape)
    }

    private let source: Source

    init?(argument: String) {
        guard argument.contains("="), !FileManager.default.fileExists(atPath: argument) else {
            guard let reference = ModelName(argument: argument) else { return nil }
            source = .model(reference)
            return
        }
        var sizes: [String: Int] = [:]
        for part in argument.split(separator: ",") {
            let pair = part.split(separator: "=").map { $0.trimmingCharacters(in: .whitespaces) }
            guard pair.count == 2, let number = Int(pair[1]), (1...1 << 20).contains(number),
                sizes.updateValue(number, forKey: pair[0]) == nil
            else { return nil }
        }
        let names: Set = ["layers", "heads", "head-width", "encoder-layers", "width"]
        guard names.isSuperset(of: sizes.keys), let layers = sizes["layers"], let heads = sizes["heads"],
            let headWidth = sizes["head-width"], layers <= 1 << 12, heads <= 1 << 12
        else { return nil }
        source = .sizes(
            ModelShape(
                layerCount: layers, keyHeadCount: heads, headWidth: headWidth,
                width: sizes["width"] ?? heads * headWidth, positionCount: .max, vocabularySize: 1,
                encoder: sizes["encoder-layers"].map {
                    AttentionStack(layerCount: $0, keyHeadCount: heads, headWidth: headWidth)
                }))
    }

    /// The model's folder, where it is local.
    var file: URL? { if case .model(let reference) = source { reference.file } else { nil } }

    /// Whether it lies on this machine, under no name of the hub.
    var isLocal: Bool {
        if case .model(let reference) = source { reference.file != nil || reference.isEmbedded } else { false }
    }

    /// What the model was called; nil where sizes were given.
    var name: String? { if case .model(let reference) = source { reference.description } else { nil } }

    /// The model's folder, fetched where it is not here yet; nil where sizes were given.
    func folder(quiet: Bool) async throws -> URL? {
        guard case .model(let reference) = source else { return nil }
        return try await reference.located(quiet: quiet)
    }

    /// The sizes, and the `model_type` and all else of a model's folder.
    ///
    /// - Parameter folder: The model's.
    /// - Throws: `CheckpointError`.
    func resolved(
        _ folder: URL?
    ) throws -> (shape: ModelShape, modelType: String?, configuration: (any ModelConfiguration)?)? {
        switch (source, folder) {
        case (.sizes(let shape), _): return (shape, nil, nil)
        case (.model, nil): return nil
        case (.model, let url?):
            let configuration = try modelFiles(at: url).configuration
            return (configuration.shape, configuration.parts.modelType, configuration)
        }
    }
}
