import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning
import Tensors

/// A model, what it is adapted by, and what is put before its text.
struct ModelOptions: ParsableArguments {
    @Option(help: ModelName.optionalHelp) var model: ModelName?
    @Option(
        help: .adapter(
            "A trained prefix, soft prompt or infix: its folder or file, of any kind that inspect knows, or org/name."))
    var prefix: ModelReference?
    @Option(help: .adapter("A LoRA adapter: PEFT's folder, a file of loralib, or org/name.")) var lora: ModelReference?
    @Option(help: .x("The alpha of a loralib file, which does not say it; 32 by default.")) var loraAlpha: Float?
    @Flag(help: "Add the LoRA adapter to the weights when loading: faster, and the same to rounding.") var mergeLora =
        false
    @Option(help: .adapter("Bottleneck adapters that train --method adapter wrote: their folder, or org/name."))
    var adapter: ModelReference?
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
    @Option(help: CacheType.help) var cacheType = CacheType.float32

    func validate() throws {
        if prefix == nil, lora == nil, adapter == nil { try ModelName.validate(model, orAdapter: true) }
        if lora == nil, mergeLora || loraAlpha != nil {
            throw ValidationError(
                "--merge-lora and --lora-alpha have no meaning without --lora; add it or leave them out.")
        }
    }

    /// Whether the model is adapted by anything.
    var hasAdapter: Bool { prefix != nil || lora != nil || adapter != nil }

    /// Where all of them lie, fetched where they are not here yet.
    func files(_ common: CommonOptions) async throws -> AdaptedModel.Files {
        let prefix = try await prefix?.located(quiet: common.quiet), lora = try await lora?.located(quiet: common.quiet)
        let adapter = try await adapter?.located(quiet: common.quiet)
        let model = try ModelName.chosen(model, adapters: [prefix, adapter, lora].compactMap(\.self), common)
        var files = AdaptedModel.Files(
            model: try await model.located(quiet: common.quiet), name: model.description, precision: precision)
        files.prefix = prefix
        files.cacheType = cacheType
        files.lora = lora.map { .init($0, alpha: loraAlpha, merges: mergeLora) }
        files.adapter = adapter
        return files
    }

    /// Loads them, and says what there is to be said of them.
    @Compute func load(_ files: AdaptedModel.Files, _ common: CommonOptions) throws -> AdaptedModel {
        common.noteWidening(of: files.model, files.precision)
        let loaded = try AdaptedModel.load(files)
        common.warn(loaded.mismatches)
        if common.verbose, let prefix = loaded.prefix {
            common.note(
                "prefix of \(counted(prefix.length, "position")) (\(prefix.source.title)), trained on "
                    + (prefix.source.baseModel ?? "a model that is not recorded"))
        }
        return loaded
    }

    /// The same, of the files that ``files(_:)`` gives.
    @Compute func load(_ common: CommonOptions) async throws -> AdaptedModel {
        try load(await files(common), common)
    }

    /// What is loaded, as text by name: its fingerprints, and how it is used.
    func settings(_ files: AdaptedModel.Files) -> [String: String] {
        var settings: [String: String] = [:]
        let sources = ["model": files.model, "prefix": files.prefix, "lora": files.lora?.url, "adapter": files.adapter]
        for (name, url) in sources {
            guard let url else { continue }
            var fingerprint = Fingerprint()
            fingerprint.add(url)
            settings["fingerprint_of_the_\(name)"] = fingerprint.text
        }
        settings["precision"] = "\(precision)"
        settings["cache_type"] = cacheType.rawValue
        if lora != nil { settings["lora"] = "alpha \(loraAlpha ?? 32)\(mergeLora ? ", merged" : "")" }
        return settings
    }

    /// What an output must not be written over.
    var inputs: [String: URL] {
        let adapters = ["--prefix": prefix, "--lora": lora, "--adapter": adapter]
        return adapters.compactMapValues { $0?.file }.merging(["--model": model?.file].compactMapValues(\.self)) { $1 }
    }
}

extension CacheType: ExpressibleByArgument {
    /// What every command says of its option.
    static var help: ArgumentHelp {
        """
        How keys and values are held: those of the prefix, and of what the model reads and writes when it generates. bf16 rounds \
        them to 16 bits: half the memory, and long prefixes cost less.
        """
    }
}
