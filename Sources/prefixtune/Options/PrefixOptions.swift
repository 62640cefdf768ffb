import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning

/// What a prefix is and how it starts.
struct PrefixOptions: ParsableArguments {
    @Option(help: .n("Positions of the prefix; by default the paper's for the task.")) var prefixLength: Int?
    @Option(help: "Hidden width of the MLP that gives the prefix, or none; 512 by default, 800 for xsum.")
    var reparametrization: Width?
    @Option(
        name: .customLong("init"),
        help: """
            random, words:TEXT, file:TEXTFILE or adapter:DIR (or org/name on the hub); random by default. Other methods than \
            prefix start from adapters of their own (fine-tune and top-layers from a model's folder) or at random.
            """)
    var initialization: Initialization?
    @Option(help: .x("Dropout on the prefix.")) var prefixDropout: Float?
    @Option(
        help: .x(
            """
            Dropout on the model's residual branches; by default 0 for a prefix (0.1 for xsum), the model's own for \
            fine-tune, top-layers, adapter and lora.
            """))
    var modelDropout: Float?
    @Option(
        help: .x(
            """
            Dropout on the probabilities of the model's attention; by default 0 for a prefix, the model's own for fine-tune, \
            top-layers, adapter and lora, but 0 with --model-dropout 0.
            """))
    var attentionDropout: Float?
    @Option(
        parsing: .upToNextOption,
        help: "Attentions of an encoder–decoder model that get a prefix: decoder, encoder, cross; all by default.")
    var attentions: [AttentionKind] = []
    @Flag(help: "Let the text start at position 0 instead of after the prefix.") var textAtZero = false
    @Flag(help: "Encoder–decoder: let the text start after the prefix instead of at position 0.") var textAfterPrefix =
        false

    struct Width: ExpressibleByArgument {
        let value: Int?
        init?(argument: String) {
            if argument == "none" {
                value = nil
            } else if let width = Int(argument), width > 0 {
                value = width
            } else {
                return nil
            }
        }
    }

    enum Initialization: ExpressibleByArgument {
        case value(PrefixInitialization)
        case adapter(ModelReference)

        init?(argument: String) {
            let parts = argument.split(separator: ":", maxSplits: 1).map(String.init)
            switch (parts.first, parts.count == 2 ? parts[1] : nil) {
            case ("file", let path?):
                guard let file = InputFile(argument: path) else { return nil }
                self = .value(.file(file.url))
            case ("adapter", let path?):
                guard let reference = ModelReference(argument: path) else { return nil }
                self = .adapter(reference)
            default:
                guard let value = PrefixInitialization(argument) else { return nil }
                self = .value(value)
            }
        }

        /// The adapter's folder, where it is local.
        var file: URL? { if case .adapter(let reference) = self { reference.file } else { nil } }

        /// As it can be typed in any folder.
        var absolute: String {
            switch self {
            case .value(let value): value.description
            case .adapter(let reference): "adapter:" + reference.description
            }
        }

        /// With the adapter's folder as it is named: to be looked at, not to be read.
        var named: PrefixInitialization {
            switch self {
            case .value(let value): value
            case .adapter(let reference): .adapter(URL(fileURLWithPath: reference.description))
            }
        }

        /// With the adapter's folder, fetched where it is not here yet.
        func located(quiet: Bool) async throws -> PrefixInitialization {
            switch self {
            case .value(let value): value
            case .adapter(let reference): .adapter(try await reference.located(quiet: quiet))
            }
        }
    }

    func validate() throws {
        if let prefixLength, prefixLength < 1 {
            throw ValidationError("--prefix-length is \(prefixLength), but at least 1 is needed.")
        }
        for (name, value) in [
            ("prefix", prefixDropout), ("model", modelDropout), ("attention", attentionDropout),
        ] {
            guard let value, !(0..<1).contains(value) else { continue }
            throw ValidationError("--\(name)-dropout is \(value), but a number from 0 to below 1 is needed.")
        }
        if textAtZero, textAfterPrefix {
            throw ValidationError("Give --text-at-zero or --text-after-prefix, not both.")
        }
    }

    /// Puts what was given into a method's settings, but for the initialization.
    func fill(_ settings: inout MethodSettings) {
        settings.length = prefixLength
        settings.hiddenWidth = reparametrization.map { $0.value ?? 0 }
        settings.prefixDropout = prefixDropout
        settings.modelDropout = modelDropout
        settings.attentionDropout = attentionDropout
        settings.attentions = attentions.isEmpty ? nil : attentions
        settings.textPosition = textAtZero ? .zero : textAfterPrefix ? .afterPrefix : nil
    }
}

extension AttentionKind: ExpressibleByArgument {}
