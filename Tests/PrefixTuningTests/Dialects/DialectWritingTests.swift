import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Prefixes written for other programs: read back to the last bit, or refused with the reason.
@Suite("Writing dialects of prefixes") @Compute struct DialectWritingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var target: PrefixTarget
        var shape: ModelShape
        var kinds: [AttentionKind] = [.decoder]
        var position: Prefix.TextPosition
        var dialect: PrefixDialect
        var modelType: String?
        var testDescription: String { "\(target) \(kinds.count)" }
    }

    nonisolated static let cases: [Case] = {
        let gpt2 = DialectGolden.gpt2, all = AttentionKind.allCases
        let bart = DialectGolden.bart(encoder: 2, decoder: 2), uneven = DialectGolden.bart(encoder: 3, decoder: 4)
        return [
            Case(target: .peft, shape: gpt2, position: .afterPrefix, dialect: .peft),
            Case(target: .peft, shape: bart, position: .afterPrefix, dialect: .peftSequenceToSequence),
            Case(target: .peft, shape: uneven, position: .afterPrefix, dialect: .peftSequenceToSequence),
            Case(target: .authors, shape: gpt2, position: .afterPrefix, dialect: .authors),
            Case(target: .authors, shape: bart, kinds: all, position: .zero, dialect: .authorsBART),
            Case(target: .rinna, shape: gpt2, position: .afterPrefix, dialect: .rinna),
            Case(target: .adapterhub, shape: gpt2, position: .zero, dialect: .adapterHub, modelType: "gpt2"),
            Case(
                target: .adapterhub, shape: uneven, kinds: all, position: .zero, dialect: .adapterHub, modelType: "bart"
            ),
            Case(target: .cartridge, shape: gpt2, position: .afterPrefix, dialect: .cartridges),
            Case(target: .prefixtune, shape: gpt2, position: .zero, dialect: .peft),
            Case(target: .prefixtune, shape: uneven, kinds: all, position: .zero, dialect: .encoderDecoder),
            Case(target: .prefixtune, shape: bart, kinds: [.cross], position: .afterPrefix, dialect: .encoderDecoder),
        ]
    }()

    @Test("written and read again, the same to the last bit", arguments: cases)
    func roundTrip(_ item: Case) throws {
        let prefix = try DialectGolden.random(item.shape, kinds: item.kinds, at: item.position)
        var details = PrefixConversion()
        details.modelType = item.modelType
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("out")
            try prefix.write(to: url, as: item.target, details: details)
            let file = try PrefixFile(url)
            #expect(file.dialect == item.dialect)
            let read = try file.prefix(for: item.shape)
            #expect(read.parts == prefix.parts)
            #expect(read.textPosition == prefix.textPosition)
            let again = folder.appendingPathComponent("again")
            try prefix.write(to: again, as: item.target, details: details)
            #expect(FileManager.default.contentsEqual(atPath: url.path, andPath: again.path))
        }
    }

    @Test("the frozen positions of a cartridge stay frozen")
    func frozenPositions() throws {
        let prefix = try DialectGolden.random(DialectGolden.llama, at: .afterPrefix, length: 5)
        for frozen in [0, 1, 4] {
            try withTrainingFolder { folder in
                let url = folder.appendingPathComponent("cartridge.pt")
                var details = PrefixConversion()
                details.frozenLength = frozen
                try prefix.write(to: url, as: .cartridge, details: details)
                let file = try PrefixFile(url)
                #expect(file.frozenLength == frozen)
                #expect(try file.prefix(for: DialectGolden.llama).values == prefix.values)
            }
        }
    }

    struct Refusal: Sendable {
        var target: PrefixTarget
        var shape = DialectGolden.gpt2
        var kinds: [AttentionKind] = [.decoder]
        var position = Prefix.TextPosition.afterPrefix
        var modelType: String?
        var says: String
    }

    nonisolated static let refusals: [Refusal] = {
        let all = AttentionKind.allCases, bart = DialectGolden.bart(encoder: 2, decoder: 2)
        return [
            Refusal(target: .peft, position: .zero, says: "PEFT lets the text start at position 3, after the prefix"),
            Refusal(target: .rinna, position: .zero, says: "rinna's script lets the text start at position 3"),
            Refusal(target: .cartridge, position: .zero, says: "trained with text from position 0 on"),
            Refusal(
                target: .authors, position: .zero, says: "the authors' GPT-2 class lets the text start at position 3"),
            Refusal(target: .adapterhub, says: "AdapterHub lets the text start at position 0"),
            Refusal(
                target: .peft, shape: bart, kinds: all, says: "no place for a prefix of encoder and cross attention"),
            Refusal(target: .peft, shape: bart, kinds: [.cross], says: "no place for a prefix of cross attention"),
            Refusal(target: .rinna, shape: bart, says: "for one with an encoder"),
            Refusal(target: .cartridge, shape: bart, says: "for one with an encoder"),
            Refusal(target: .authors, shape: bart, kinds: all, says: "BART class lets the text start at position 0"),
            Refusal(target: .authors, shape: bart, position: .zero, says: "none of encoder and cross attention"),
            Refusal(
                target: .authors, shape: DialectGolden.bart(encoder: 3, decoder: 2), kinds: all, position: .zero,
                says: "as many layers in the encoder as in the decoder"),
            Refusal(target: .adapterhub, position: .zero, says: "name the model's folder"),
            Refusal(target: .adapterhub, position: .zero, modelType: "opt", says: "no prefixes for models of type opt"),
        ]
    }()

    @Test("what a form cannot hold is refused, and nothing is written", arguments: refusals)
    func refused(_ item: Refusal) throws {
        let prefix = try DialectGolden.random(item.shape, kinds: item.kinds, at: item.position)
        var details = PrefixConversion()
        details.modelType = item.modelType
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("out")
            let error = failure(PrefixError.self) { try prefix.write(to: url, as: item.target, details: details) }
            #expect(error?.description.contains(item.says) == true, "\(error.map(String.init(describing:)) ?? "none")")
            #expect(!FileManager.default.fileExists(atPath: url.path))
        }
    }

    @Test("numbers that are none are not written", arguments: PrefixTarget.allCases)
    func notFinite(_ target: PrefixTarget) throws {
        var prefix = try DialectGolden.random(DialectGolden.gpt2, at: .afterPrefix)
        prefix.values[7] = .nan
        try withTrainingFolder { folder in
            let url = folder.appendingPathComponent("out")
            #expect(throws: CheckpointError.self) { try prefix.write(to: url, as: target) }
            #expect(!FileManager.default.fileExists(atPath: url.path))
        }
    }
}
