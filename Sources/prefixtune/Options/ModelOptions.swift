import ArgumentParser
import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// A model, what it is adapted by, and what is put before its text.
struct ModelOptions: ParsableArguments {
    @Option(help: "The model: its folder, or org/name[@revision] on the hub.") var model: ModelReference
    @Option(
        help: "A trained prefix, soft prompt or infix: its folder or file, of any kind that inspect knows, or org/name."
    )
    var prefix: ModelReference?
    @Option(help: "A LoRA adapter: PEFT's folder, a file of loralib, or org/name.") var lora: ModelReference?
    @Option(help: "The alpha of a loralib file, which does not say it; 32 by default.") var loraAlpha: Float?
    @Flag(help: "Add the LoRA adapter to the weights when loading: faster, and the same to rounding.") var mergeLora =
        false
    @Option(help: "Bottleneck adapters that train --method adapter wrote: their folder, or org/name.")
    var adapter: ModelReference?
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32

    func validate() throws {
        if lora == nil, mergeLora || loraAlpha != nil {
            throw ValidationError(
                "--merge-lora and --lora-alpha have no meaning without --lora; add it or leave them out.")
        }
    }

    /// Loads all of them, fetched where they are not here yet.
    @Compute func load(_ common: CommonOptions) async throws -> LoadedModel {
        let folder = try await model.located(quiet: common.quiet)
        let prefix = try await prefix?.located(quiet: common.quiet)
        let lora = try await lora?.located(quiet: common.quiet)
        let lowRank = try lora.map { try LowRankFile($0) }
        let adapters = try lowRank?.updates(merging: mergeLora, alpha: loraAlpha)
        let adapterFolder = try await adapter?.located(quiet: common.quiet)
        let bottleneckFile = try adapterFolder.map { try BottleneckFile($0) }
        let bottleneck = try bottleneckFile?.adapters()
        let model = try LanguageModel.load(
            folder, precision: precision, adapters: adapters,
            trained: bottleneck.map { TrainedAdapters(bottleneck: $0) }, name: model.description)
        for (place, digest) in [(lora, lowRank?.baseDigest), (adapterFolder, bottleneckFile?.baseDigest)] {
            common.warn((place?.path ?? "", digest), on: model.name, model.weightsDigest)
        }
        let sources = ["model": folder, "prefix": prefix, "lora": lora, "adapter": adapterFolder].compactMapValues(
            \.self)
        let positions = model.network.shape.positionCount
        guard let prefix else {
            return LoadedModel(model: model, start: nil, positions: positions, sources: sources)
        }
        if InfixFile.isInfix(prefix) {
            let file = try InfixFile(prefix)
            common.warn((prefix.path, file.baseDigest), on: model.name, model.digest)
            let start = InitialKeyValues(afterPrompt: try file.infix(for: model))
            return LoadedModel(
                model: model, start: start, positions: positions - start.decoderPositions, sources: sources)
        }
        let file = try PrefixFile(prefix), loaded = try file.prefix(for: model)
        common.warn((prefix.path, file.baseDigest), on: model.name, model.digest)
        if common.verbose {
            common.note(
                "prefix of \(counted(loaded.length, "position")) (\(file.dialect.title)), trained on "
                    + (loaded.baseModel ?? "a model that is not recorded"))
        }
        let taken = loaded.textPosition == .afterPrefix ? loaded.length : 0
        return LoadedModel(
            model: model, start: try loaded.keyValues(for: model.network.shape), positions: positions - taken,
            prefix: loaded, sources: sources)
    }

    /// What is loaded, as text by name: its fingerprints, and how it is used.
    @Compute func settings(_ loaded: LoadedModel) -> [String: String] {
        var settings: [String: String] = [:]
        for (name, url) in loaded.sources {
            var fingerprint = Fingerprint()
            fingerprint.add(url)
            settings["fingerprint of the \(name)"] = fingerprint.text
        }
        settings["precision"] = "\(precision)"
        if lora != nil { settings["lora"] = "alpha \(loraAlpha ?? 32)\(mergeLora ? ", merged" : "")" }
        return settings
    }

    /// What an output must not be written over.
    var inputs: [String: URL] {
        let references = ["--model": model, "--prefix": prefix, "--lora": lora, "--adapter": adapter]
        return references.compactMapValues { $0?.file }
    }
}

/// A model ready to generate and to score.
@Compute struct LoadedModel {
    let model: LanguageModel
    /// What every text comes after, or has behind its prompt.
    let start: InitialKeyValues?
    /// How many positions are left for text.
    let positions: Int
    /// The prefix that ``start`` is made of.
    var prefix: Prefix?
    /// Where its parts were read from: model, prefix, lora, adapter.
    var sources: [String: URL] = [:]
}
