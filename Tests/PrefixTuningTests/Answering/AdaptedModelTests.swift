import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// A model with adapters and what its texts come after, from files.
@Suite("Adapted model") @Compute struct AdaptedModelTests {
    @Test("a model alone has all positions and says nothing")
    func alone() throws {
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder)
            let adapted = try AdaptedModel.load(.init(model: folder, name: "a name"))
            #expect(adapted.model.name == "a name" && adapted.start == nil && adapted.mismatches.isEmpty)
            #expect(adapted.positions == 40 && adapted.reservedPositions == 0)
        }
    }

    @Test("LoRA, bottleneck adapters and a prefix from their files compute what their methods computed")
    func parts() throws {
        try withTrainingFolder { folder in
            let base = folder.appendingPathComponent("base")
            try TinyModel.writeWorded(to: base)
            let (lora, adapter) = (folder.appendingPathComponent("lora"), folder.appendingPathComponent("adapter"))
            let method = try LowRankMethod(folder: base, settings: .init(), modelName: "base", seed: 1)
            for parameter in method.parameters { Self.fill(parameter.value, seed: 2) }
            try method.write(to: lora)
            let bottleneck = try BottleneckMethod(folder: base, settings: .init(), modelName: "base", seed: 1)
            for parameter in bottleneck.parameters { Self.fill(parameter.value, seed: 3) }
            try bottleneck.write(to: adapter)

            var files = AdaptedModel.Files(model: base)
            files.lora = .init(lora)
            let tokens: [Int32] = [5, 17, 99, 3]
            let updated = try AdaptedModel.load(files)
            #expect(updated.mismatches.isEmpty)
            #expect(
                relativeDistance(updated.model.logits(tokens), method.model.logits(tokens)) < 1e-6)
            files.lora?.merges = true
            let merged = try AdaptedModel.load(files)
            #expect(relativeDistance(merged.model.logits(tokens), updated.model.logits(tokens)) < 1e-5)
            files.lora = nil
            files.adapter = adapter
            let adapted = try AdaptedModel.load(files)
            #expect(adapted.mismatches.isEmpty)
            #expect(
                relativeDistance(adapted.model.logits(tokens), bottleneck.model.logits(tokens)) < 1e-6)
            #expect(adapted.model.logits(tokens) != updated.model.logits(tokens))
        }
    }

    @Test("positions are those that a prefix leaves to text", arguments: [Prefix.TextPosition.afterPrefix, .zero])
    func positions(textPosition: Prefix.TextPosition) throws {
        try withTrainingFolder { folder in
            let (base, saved) = (folder.appendingPathComponent("base"), folder.appendingPathComponent("prefix"))
            try TinyModel.writeWorded(to: base)
            let shape = TinyModel.wordedConfiguration.shape
            let prefix = try DialectGolden.random(shape, at: textPosition, length: 4)
            try prefix.write(to: saved)
            var files = AdaptedModel.Files(model: base)
            files.prefix = saved
            let adapted = try AdaptedModel.load(files)
            #expect(adapted.prefix?.length == 4)
            #expect(adapted.positions == (textPosition == .zero ? 40 : 36))
            let tokens: [Int32] = [5, 17]
            #expect(
                adapted.model.logits(tokens, after: adapted.start)
                    == adapted.model.logits(tokens, after: try prefix.keyValues(for: shape)))
            // One that was never in a file is the same.
            let own = try ResidentPrefix(prefix, for: adapted.model)
            #expect(own.length == 4 && own.positions == adapted.prefix?.positions && own.source.url == nil)
            #expect(own.byteCount == adapted.prefix?.byteCount)
            #expect(
                adapted.model.logits(tokens, after: own.start) == adapted.model.logits(tokens, after: adapted.start))
            let other = try TinyModel.golden("tied")
            #expect(
                failure(PrefixError.self) { _ = try ResidentPrefix(prefix, for: other) }
                    == .otherModel(prefix: shape, model: other.configuration.shape))
        }
    }

    @Test("an infix takes its positions, and no attention to it is measured")
    func infix() throws {
        try withTrainingFolder { folder in
            let model = try TinyModel.worded()
            var settings = InfixMethod.Settings()
            settings.length = 2
            try InfixMethod(model: model, settings: settings, seed: 1).write(to: folder)
            let adapted = AdaptedModel(model, after: try ResidentPrefix(contentsOf: folder, for: model))
            #expect(adapted.positions == 38 && adapted.start?.afterPrompt?.count == 2)
            #expect(adapted.prefix?.source.title == InfixFile.title && adapted.mismatches.isEmpty)
            #expect(failure(AnalysisError.self) { _ = try AttentionMeter(adapted) } == .nothingBefore)
            #expect(failure(AnalysisError.self) { _ = try AttentionMeter(AdaptedModel(model)) } == .nothingBefore)
        }
    }

    @Test("adapters that were trained on other weights are told of, in a sentence, and used all the same")
    func mismatches() throws {
        try withTrainingFolder { folder in
            let base = folder.appendingPathComponent("base"), saved = folder.appendingPathComponent("prefix")
            try TinyModel.writeWorded(to: base)
            let other = try TinyModel.worded(TinyModel.wordedTensors(seed: 8))
            let otherDigest = try #require(other.digest)
            var prefix = try DialectGolden.random(TinyModel.wordedConfiguration.shape, at: .afterPrefix)
            prefix.baseDigest = otherDigest
            try prefix.write(to: saved)
            var files = AdaptedModel.Files(model: base, name: "base")
            files.prefix = saved
            let adapted = try AdaptedModel.load(files), digest = try #require(adapted.model.digest)
            #expect(
                adapted.mismatches.map(\.description) == [
                    "\(saved.path) was trained on other weights (digest \(otherDigest)) than those of base (\(digest)); what "
                        + "it does to them is not what it was trained for"
                ])
            #expect(adapted.start != nil)
            let mismatch = try ResidentPrefix(prefix, for: adapted.model).mismatch(with: adapted.model)
            #expect(
                mismatch?.description.hasPrefix("the prefix was trained on other weights (digest \(otherDigest))")
                    == true)
            prefix.baseDigest = digest
            try prefix.write(to: saved)
            #expect(try AdaptedModel.load(files).mismatches.isEmpty)
            prefix.baseDigest = nil
            try prefix.write(to: saved)
            #expect(try AdaptedModel.load(files).mismatches.isEmpty)
        }
    }

    /// Random values, so that an adapter does something.
    private static func fill(_ tensor: Tensor, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        tensor.assign((0..<tensor.count).map { _ in 0.2 * Float(generator.normal()) })
    }
}
