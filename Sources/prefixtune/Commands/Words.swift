import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning
import Tensors
import Tokenizers

/// Shows the words that a prefix is near to.
struct Words: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "The words of the vocabulary that a prefix is nearest to.",
        discussion: """
            Nearness is the cosine of the angle between vectors. Each position of a soft prompt is compared with the \
            embeddings of all tokens. Each key and value of a prefix is compared with those that the model itself computes, \
            in that layer, for every token standing alone at the position's place. In layer 0 of self-attention these do not \
            depend on what else is there; in later layers, and in cross-attention, they do, and the words are a hint only.

            EXAMPLE
              prefixtune words --prefix e2e-prefix --top 5
            """)

    @Option(help: ModelName.optionalHelp) var model: ModelName?
    @Option(help: .adapter("The prefix or soft prompt: its folder or file, or org/name.")) var prefix: ModelReference
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
    @Option(parsing: .upToNextOption, help: .n("Layers to look at, from 0; 0 by default.")) var layers: [Int] = []
    @Option(
        parsing: .upToNextOption,
        help: "Attentions to look at: decoder, encoder, cross; by default all that the prefix stands before.")
    var attentions: [AttentionKind] = []
    @Option(help: .n("Words per position.")) var top = 5
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        if top < 1 { throw ValidationError("--top is \(top), but at least 1 is needed.") }
    }

    @Compute func compute() async throws {
        let place = try await prefix.located(quiet: common.quiet)
        let model = try ModelName.chosen(self.model, adapters: [place], common)
        let loaded = try LanguageModel.load(
            await model.located(quiet: common.quiet), precision: precision, name: model.description)
        let file = try PrefixFile(place)
        common.warn(
            [
                BaseMismatch(
                    adapter: file.url.path, trainedOn: file.baseDigest, model: loaded.name, digest: loaded.digest)
            ])
        let found = try nearest(to: file.contents(for: loaded.configuration), loaded)
        let text = json ? try JSONText.document(found.map { WordFacts($0, loaded) }) : table(found, loaded)
        try ResultOutput.write(to: nil) { try $0(text) }
    }

    @Compute private func nearest(to contents: PrefixFile.Contents, _ model: LanguageModel) throws -> [NearestWords] {
        switch contents {
        case .softPrompt(let prompt):
            guard layers.isEmpty, attentions.isEmpty else {
                throw ValidationError("A soft prompt has no layers: --layers and --attentions have no meaning here.")
            }
            return try model.nearestWords(to: prompt, count: top)
        case .prefix(let prefix):
            var display = ProgressDisplay(quiet: common.quiet, unit: ProgressDisplay.percent)
            return try model.nearestWords(
                to: prefix, before: attentions.isEmpty ? nil : attentions, layers: layers.isEmpty ? [0] : layers,
                count: top
            ) { display.update(Int(100 * $0), of: 100, facts: "of the vocabulary read") }
        }
    }

    @Compute private func table(_ entries: [NearestWords], _ model: LanguageModel) -> String {
        var text = "", place: NearestWords.Place?
        for entry in entries {
            if let own = entry.place, own != place {
                text += (place == nil ? "" : "\n") + "\(own.attention.rawValue) attention, layer \(own.layer)\n"
                place = own
            }
            let words = entry.words.map {
                TerminalText.quoted(WordFacts.text($0.token, model)) + String(format: " %.3f", $0.similarity)
            }
            let isFirst = entry.quantity != .value
            text +=
                TerminalText.padded(isFirst ? "\(entry.position)" : "", to: 4, atStart: true) + "  "
                + TerminalText.padded(entry.quantity.rawValue, to: 10) + words.joined(separator: "  ") + "\n"
        }
        return text
    }
}

/// Words of one position as JSON.
private struct WordFacts: Encodable {
    struct Word: Encodable {
        let token_id: Int32
        let text: String
        let similarity: Float
    }

    let position: Int
    let quantity: NearestWords.Quantity
    let attention: AttentionKind?
    let layer: Int?
    let words: [Word]

    @Compute init(_ entry: NearestWords, _ model: LanguageModel) {
        position = entry.position
        quantity = entry.quantity
        attention = entry.place?.attention
        layer = entry.place?.layer
        words = entry.words.map {
            Word(token_id: $0.token, text: Self.text($0.token, model), similarity: $0.similarity)
        }
    }

    /// What a token stands for; its name where its bytes alone are no text.
    @Compute static func text(_ token: Int32, _ model: LanguageModel) -> String {
        let bytes = model.tokenizer.bytes(of: token), name = model.tokenizer.token(for: token) ?? "\(token)"
        guard !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self) else { return name }
        return text
    }
}
