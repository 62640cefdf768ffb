import Foundation
import LanguageModels
import PrefixTuning
import Tensors

extension Convert {
    /// Writes a prefix for a server, whose model is run: it reads soft prompts, chooses placeholders and answers the canary.
    ///
    /// - Parameters:
    ///   - input: The prefix's place.
    ///   - folder: The model's; nil where there is none.
    @Compute func serve(_ input: URL, model folder: URL?) async throws {
        let file: PrefixFile
        do {
            file = try PrefixFile(input)
        } catch PrefixError.notAPrefix(let path, let kind) {
            throw to.refusal(ofAdapter: kind) ?? PrefixError.notAPrefix(file: path, kind: kind)
        }
        guard let folder, let model else {
            throw PrefixError.cannotConvert(
                to: to.rawValue,
                reason:
                    "the order of keys, the placeholders and the canary are the model's; name its folder or file with --model"
            )
        }
        let files = try modelFiles(at: folder), name = model.name ?? folder.path
        let known = ServedModel(try files.configuration)
        let record = try TaskRecord.read(from: [input])
        let options = try serving.options(
            files, for: to, name: model.isLocal ? folder.standardizedFileURL.path : name, record: record)
        // What the architecture rules out needs no weights.
        if let shape = file.modelShape, case .prefix(let prefix) = try file.contents(for: shape) {
            try prefix.check(for: to, known, serving.settings)
        }
        var places = AdaptedModel.Files(model: folder, name: name, precision: serving.precision ?? .float32)
        let lora = try await serving.lora?.located(quiet: common.quiet)
        places.lora = lora.map { .init($0) }
        let loaded = try AdaptedModel.load(places)
        common.warn(loaded.mismatches)
        let prefix = try file.prefix(for: loaded.model)
        common.warn([
            BaseMismatch(
                adapter: input.path, trainedOn: file.baseDigest, model: loaded.model.name, digest: loaded.model.digest)
        ])
        let deployment = try Deployment(prefix, on: loaded.model, as: to, options: options)
        warn(deployment.facts)
        try deployment.write(to: output)
        try TaskRecord.write(record, to: output)
        common.note(
            "\(file.dialect.title): \(counted(prefix.length, "position")), written as \(to.rawValue) to \(output.path); HOWTO.md has the "
                + "commands")
    }

    /// Warns of a canary that is of little use.
    private func warn(_ facts: DeploymentFacts) {
        if let canary = serving.canary, canary != facts.prompt {
            common.note(
                "Warning: --canary does not begin with the token that --anchor begins with; the anchor is the canary.")
        }
        guard to == .llamaSlot, !facts.tellsApart else { return }
        common.note(
            "Warning: by the canary a server that evaluated the placeholders cannot be told safely from one that has the prefix: both answer "
                + "the same, or rounding can decide before the answers part; give another --canary.")
    }
}
