import Foundation
@testable import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// What an adapted model holds in 16 bits, and what stays as it is.
@Suite("Adapted model, cache types") @Compute struct AdaptedModelCacheTests {
    private static func adapted(
        _ folder: URL, at textPosition: Prefix.TextPosition = .afterPrefix, _ type: CacheType
    ) throws -> AdaptedModel {
        let (base, saved) = (folder.appendingPathComponent("base"), folder.appendingPathComponent("prefix"))
        if !FileManager.default.fileExists(atPath: base.path) {
            try TinyModel.writeWorded(to: base)
            try DialectGolden.random(TinyModel.wordedConfiguration.shape, at: textPosition, length: 4).write(to: saved)
        }
        var files = AdaptedModel.Files(model: base)
        files.prefix = saved
        files.cacheType = type
        return try AdaptedModel.load(files)
    }

    @Test("prefixes from files and from memory are held as the model says, and scores follow")
    func prefixes() throws {
        try withTrainingFolder { folder in
            let floats = try Self.adapted(folder, .float32), halves = try Self.adapted(folder, .bfloat16)
            #expect(floats.model.cacheType == .float32 && halves.model.cacheType == .bfloat16)
            let prefix = try DialectGolden.random(TinyModel.wordedConfiguration.shape, at: .afterPrefix, length: 4)
            for resident in [try #require(halves.prefix), try ResidentPrefix(prefix, for: halves.model)] {
                #expect(resident.start.decoder?.layers.allSatisfy { $0.source.type == .bfloat16 } == true)
                #expect(resident.byteCount < floats.prefix?.byteCount ?? 0)
            }
            #expect(floats.start?.decoder?.layers.allSatisfy { $0.source.type == .float32 } == true)
            let example = TokenizedExample(tokens: [5, 17, 99, 3, 8], targetStart: 2)
            let expected = try floats.scorer().score([example])[0].logprobs
            let found = try halves.scorer().score([example])[0].logprobs
            #expect(found != expected && relativeDistance(found, expected) < 0.01)
        }
    }

    @Test("all ways to an answer use it")
    func answers() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        var all: [[Generation?]] = []
        for type in CacheType.allCases {
            let adapted = try Self.adapted(folder, type), prompts = ["the text", "a river", "near"]
            var options = DecodingOptions(.greedy, maxNewTokens: 8, endTokens: [0])
            options.logProbabilities = 1
            var found: [Generation?] = prompts.map { _ in nil }
            for try await event in try adapted.generate(prompts, options: options) {
                if case .ended(let request, let ending) = event {
                    found[request] = ending.generation
                }
            }
            let tokens = try prompts.map { try adapted.model.tokenizer.encode($0) }
            let generator = Generator(
                adapted.model.network, tokenizer: adapted.model.tokenizer, cacheType: type)
            let plain = try generator.generate(tokens, after: adapted.start, options: options)
            #expect(plain == found)
            let sides = try SideBySide(
                adapted.model.network, after: [adapted.start], prompts: tokens, options: options, cacheType: type
            ).answers()
            #expect(sides.map { $0[0] } == plain)
            let examples = prompts.map { Example(prompt: $0, location: DataLocation(file: "prompts", line: 1)) }
            var changes = DecodingChanges(), answers: [Generation] = []
            (changes.maxNewTokens, changes.logProbabilities) = (8, 1)
            let run = try AnswerRun(
                examples, by: adapted, options: AnswerOptions(.jsonl, for: adapted.model, changes: changes))
            try run.answers { answers.append($1[0].generation) }
            let asked = try generator.generate(run.prompts, after: adapted.start, options: run.options.decoding)
            #expect(answers == asked)
            all.append(found)
        }
        #expect(all[0] != all[1])
    }

    @Test("what stands behind a prompt is rounded where it is generated from")
    func infix() throws {
        let model = try TinyModel.worded()
        var settings = InfixMethod.Settings()
        settings.length = 2
        let start = try #require(try InfixMethod(model: model, settings: settings, seed: 1).start())
        let prompts: [[Int32]] = [[3, 99, 250, 0], [5, 0]]
        let begun = model.network.begin(prompts, after: [start, start], as: .bfloat16)
        #expect(begun.map(\.read) == [3, 1])
        #expect(
            begun.allSatisfy { $0.sequence.start.allSatisfy { $0.layers.allSatisfy { $0.source.type == .bfloat16 } } })
        var options = DecodingOptions(.greedy, maxNewTokens: 6)
        options.logProbabilities = 1
        let generator = Generator(model.network, cacheType: .bfloat16)
        let together = try generator.generate(prompts, after: start, options: options)
        #expect(try prompts.flatMap { try generator.generate([$0], after: start, options: options) } == together)
        #expect(try Generator(model.network).generate(prompts, after: start, options: options) != together)
    }
}
