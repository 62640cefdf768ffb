import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Prefixes in the files of every program, against what the programs make of them (Tests/Goldens/dialects).
@Suite("Dialects of prefixes") @Compute struct DialectReadingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var file: String
        var dialect: PrefixDialect
        var shape: ModelShape
        var length = 3
        var kinds: [AttentionKind] = [.decoder]
        /// Relative to the greatest element: 0 where nothing is computed.
        var tolerance: Float = 0
        var golden: String?
        var baseModel: String?
        var testDescription: String { file }
    }

    nonisolated static let cases: [Case] = {
        let (gpt2, llama) = (DialectGolden.gpt2, DialectGolden.llama)
        func bart(_ encoder: Int, _ decoder: Int) -> ModelShape {
            DialectGolden.bart(encoder: encoder, decoder: decoder)
        }
        let all = AttentionKind.allCases
        return [
            Case(file: "peft-gqa", dialect: .peft, shape: llama, baseModel: "base"),
            Case(
                file: "peft-gqa/adapter_model.safetensors", dialect: .peft, shape: llama, golden: "peft-gqa",
                baseModel: "base"),
            Case(file: "peft-early", dialect: .peft, shape: gpt2, length: 4, baseModel: "base"),
            Case(file: "peft-seq2seq-2-2", dialect: .peftSequenceToSequence, shape: bart(2, 2), baseModel: "base"),
            Case(file: "peft-seq2seq-3-3", dialect: .peftSequenceToSequence, shape: bart(3, 3), baseModel: "base"),
            Case(file: "peft-seq2seq-3-2", dialect: .peftSequenceToSequence, shape: bart(3, 2), baseModel: "base"),
            Case(file: "peft-seq2seq-2-4", dialect: .peftSequenceToSequence, shape: bart(2, 4), baseModel: "base"),
            Case(file: "peft-cartridge", dialect: .peftCartridge, shape: llama, length: 5, baseModel: "base"),
            Case(file: "authors-mlp", dialect: .authors, shape: gpt2, tolerance: 1e-6),
            Case(
                file: "authors-mlp/pytorch_model.bin", dialect: .authors, shape: gpt2, tolerance: 1e-6,
                golden: "authors-mlp"),
            Case(file: "authors-deep", dialect: .authors, shape: gpt2, tolerance: 1e-6),
            Case(file: "authors-flat", dialect: .authors, shape: gpt2),
            Case(file: "authors-words", dialect: .authors, shape: gpt2),
            Case(file: "authors-bart", dialect: .authorsBART, shape: bart(2, 2), kinds: all, tolerance: 1e-6),
            Case(
                file: "authors-lightning.ckpt", dialect: .authorsBART, shape: bart(2, 2), kinds: all, tolerance: 1e-6,
                golden: "authors-lightning"),
            Case(file: "adapterhub-gpt2", dialect: .adapterHub, shape: gpt2, tolerance: 1e-6, baseModel: "base"),
            Case(
                file: "adapterhub-gpt2/pytorch_adapter.bin", dialect: .adapterHub, shape: gpt2, tolerance: 1e-6,
                golden: "adapterhub-gpt2", baseModel: "base"),
            Case(file: "adapterhub-bart", dialect: .adapterHub, shape: bart(3, 2), kinds: all, baseModel: "base"),
            Case(file: "rinna-rows.pt", dialect: .rinna, shape: gpt2, golden: "rinna-rows"),
            Case(file: "rinna-flat.pt", dialect: .rinna, shape: gpt2, golden: "rinna-flat"),
            Case(file: "rinna-view.pt", dialect: .rinna, shape: gpt2, golden: "rinna-view"),
            Case(file: "cartridge-lists.pt", dialect: .cartridges, shape: llama, length: 5, golden: "cartridge-lists"),
        ]
    }()

    @Test("the same numbers as the original", arguments: cases)
    func values(_ item: Case) throws {
        let file = try PrefixFile(DialectGolden.url(item.file))
        #expect(file.dialect == item.dialect)
        let prefix = try file.prefix(for: item.shape)
        #expect(prefix.length == item.length)
        #expect(prefix.shape == item.shape)
        #expect(prefix.textPosition == item.dialect.textPosition)
        #expect(prefix.baseModel == item.baseModel)
        #expect(Set(prefix.parts.keys) == Set(item.kinds))
        for kind in item.kinds {
            let expected = try DialectGolden.expected("\(item.golden ?? item.file).\(kind.rawValue)")
            let found = try #require(prefix.parts[kind])
            #expect(relativeError(found, expected) <= item.tolerance, "\(kind)")
        }
    }

    @Test("a cartridge in the parameter lists that the original saves")
    func parameterLists() throws {
        let prefix = try PrefixFile(DialectGolden.url("cartridge.pt")).prefix(for: DialectGolden.llama)
        #expect(prefix.values == (try DialectGolden.expected("cartridge.decoder")))
    }

    @Test("embeddings, and what they stand before")
    func softPrompts() throws {
        for (name, dialect, shape, place, base) in [
            ("peft-prompt", PrefixDialect.peftPromptTuning, DialectGolden.gpt2, SoftPrompt.Place.decoder, "base"),
            ("peft-prompt-seq2seq", .peftPromptTuning, DialectGolden.bart(encoder: 2, decoder: 2), .encoder, "base"),
            ("peft-p-tuning-mlp", .peftPTuning, DialectGolden.gpt2, .decoder, "base"),
            ("peft-p-tuning-lstm", .peftPTuning, DialectGolden.gpt2, .decoder, "base"),
            ("authors-embeddings", .authorsEmbeddings, DialectGolden.gpt2, .decoder, nil),
            ("authors-table", .authorsEmbeddings, DialectGolden.gpt2, .decoder, nil),
        ] {
            let file = try PrefixFile(DialectGolden.url(name))
            #expect(file.dialect == dialect, "\(name)")
            guard case .softPrompt(let prompt) = try file.contents(for: shape) else {
                Issue.record("\(name) is a prefix")
                continue
            }
            #expect((prompt.length, prompt.width) == (3, shape.width), "\(name)")
            #expect((prompt.place, prompt.baseModel) == (place, base), "\(name)")
            let expected = try DialectGolden.expected("\(name).embeddings")
            #expect(relativeError(prompt.values, expected) <= (dialect == .authorsEmbeddings ? 1e-6 : 0), "\(name)")
            let refusal = failure(PrefixError.self) { _ = try file.prefix(for: shape) }
            #expect(refusal == .softPrompt(file: file.url.path))
        }
    }

    @Test("a soft prompt becomes the prefix that gives what PEFT gives with it")
    func softPromptAsPrefix() throws {
        let model = try TinyModel.golden("tied"), ids: [Int32] = [5, 1, 60, 7, 7]
        for name in ["peft-prompt", "peft-p-tuning-mlp", "peft-p-tuning-lstm"] {
            let prefix = try PrefixFile(DialectGolden.url(name)).prefix(for: model)
            #expect((prefix.length, prefix.textPosition) == (3, .afterPrefix))
            let found = model.logits(ids, after: try prefix.keyValues(for: model.network.shape))
            #expect(relativeError(found, try DialectGolden.expected("\(name).logits")) < 2e-6, "\(name)")
        }
        let encoder = try PrefixFile(DialectGolden.url("peft-prompt-seq2seq"))
        guard case .softPrompt(let prompt) = try encoder.contents(for: DialectGolden.bart(encoder: 2, decoder: 2))
        else {
            return
        }
        #expect(failure(PrefixError.self) { _ = try prompt.prefix(on: model) } == .softPromptOfEncoder)
    }

    @Test("the frozen positions of a cartridge")
    func frozenPositions() throws {
        for (name, expected) in [("peft-cartridge", 2), ("cartridge-lists.pt", 2), ("peft-gqa", 0)] {
            #expect(try PrefixFile(DialectGolden.url(name)).frozenLength == expected, "\(name)")
        }
    }

    @Test("a configuration of nothing but the type, and one that counts query heads")
    func leanConfigurations() throws {
        let golden = DialectGolden.url("peft-gqa")
        let expected = try PrefixFile(golden).prefix(for: DialectGolden.llama).values
        for text in [
            #"{"peft_type": "PREFIX_TUNING"}"#, #"{"peft_type": "PREFIX_TUNING", "unknown": [1], "num_layers": null}"#,
            #"{"peft_type": "PREFIX_TUNING", "num_attention_heads": 4, "token_dim": 32, "num_layers": 2}"#,
        ] {
            try withTrainingFolder { folder in
                try Data(text.utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
                try FileManager.default.copyItem(
                    at: golden.appendingPathComponent("adapter_model.safetensors"),
                    to: folder.appendingPathComponent("adapter_model.safetensors"))
                #expect(try PrefixFile(folder).prefix(for: DialectGolden.llama).values == expected, "\(text)")
            }
        }
    }
}
