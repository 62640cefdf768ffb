import Foundation
import Tensors
import TestSupport
import Testing

@testable import LanguageModels

/// Keys and values in 16 bits: near those in 32, rounded once, and the same whatever stands beside them.
@Suite("Cache types") @Compute struct CacheTypeTests {
    struct NoCases: Decodable {}

    nonisolated static let models = [
        "gpt2/tied", "architectures/opt-pre", "architectures/neox-parallel", "architectures/llama-3",
        "architectures/mistral-window", "architectures/qwen3-wide", "architectures/gemma3-window",
    ]

    private static func network(_ path: String) throws -> any CausalModel {
        let folder = Fixtures.goldens.appendingPathComponent(path)
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        return try configuration.network(
            WeightLoader(CheckpointReader(folder: folder), use: .frozen(differentiable: false)))
    }

    private static func random(_ rows: Int, _ width: Int, seed: UInt64 = 5) -> Tensor {
        var random = SeededGenerator(seed: seed)
        return Tensor((0..<rows * width).map { _ in 0.5 * Float(random.normal()) }, shape: [rows, width])
    }

    /// Values of bfloat16, as floats.
    private static func rounded(_ tensor: Tensor) -> Tensor {
        Tensor(
            tensor.values.map { value in
                let bits = value.bitPattern
                return Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000)
            }, shape: tensor.shape)
    }

    /// Log-probabilities of a text read in parts, the first part at once and the rest token by token.
    private static func run(
        _ model: any CausalModel, after start: KeyValues, keepsTokens: Bool, as type: CacheType = .float32
    ) -> [Float] {
        let tokens = (0..<14).map { Int32($0 * 5 % model.shape.vocabularySize) }
        let cache = KVCache(
            shape: model.shape, sequences: [.init(after: start)], keepsTokens: keepsTokens, as: type)
        let parts = keepsTokens ? [Array(tokens[..<6])] + tokens[6...].map { [$0] } : [tokens]
        return parts.flatMap {
            logProbabilities(model.hiddenStates(TokenBatch([$0]), cache: cache, dropout: nil), head: model.head).values
        }
    }

    @Test("log-probabilities near those of a cache in 32 bits", arguments: models)
    func nearness(path: String) throws {
        let model = try Self.network(path), shape = model.shape
        let prefix = Self.random(7, shape.decoder.prefixRowWidth)
        let exact = KeyValues(rowsOf: prefix, shape: shape)
        let halves = KeyValues(rowsOf: prefix, stack: shape.decoder, as: .bfloat16)
        let expected = Self.run(model, after: exact, keepsTokens: true)
        let found = Self.run(model, after: halves, keepsTokens: true, as: .bfloat16)
        // A bfloat16 has 8 bits: each key and value is off by 2^-9 of itself at most.
        let error = relativeError(found, expected)
        #expect(error > 1e-6 && isNear(error, "log-probabilities in bf16", path, tolerance: 1e-2))
        // Its tokens alone, and the prefix alone.
        #expect(Self.run(model, after: exact, keepsTokens: true, as: .bfloat16) != expected)
        #expect(Self.run(model, after: halves, keepsTokens: true) != expected)
    }

    @Test("a prefix is rounded once, to the nearest", arguments: models)
    func roundedPrefix(path: String) throws {
        let model = try Self.network(path), shape = model.shape
        let prefix = Self.random(7, shape.decoder.prefixRowWidth)
        let halves = KeyValues(rowsOf: prefix, stack: shape.decoder, as: .bfloat16)
        let matrix = Self.rounded(prefix)
        #expect(halves.matrix(keyWidth: shape.keyWidth).values == matrix.values && matrix.values != prefix.values)
        for keepsTokens in [false, true] {
            let found = Self.run(model, after: halves, keepsTokens: keepsTokens)
            let expected = Self.run(model, after: KeyValues(rowsOf: matrix, shape: shape), keepsTokens: keepsTokens)
            #expect(relativeError(found, expected) < 1e-6)
        }
    }

    @Test("half the memory")
    func memory() {
        let stack = AttentionStack(layerCount: 12, keyHeadCount: 12, headWidth: 64)
        let prefix = Self.random(200, stack.prefixRowWidth)
        let floats = KeyValues(rowsOf: prefix, stack: stack),
            halves = KeyValues(rowsOf: prefix, stack: stack, as: .bfloat16)
        #expect(floats.byteCount >= 200 * stack.prefixRowWidth * 4)
        #expect(halves.byteCount >= 200 * stack.prefixRowWidth * 2)
        #expect(Double(halves.byteCount) <= 0.5 * Double(floats.byteCount))
        #expect(InitialKeyValues(decoder: halves).byteCount == halves.byteCount)
    }

    @Test("all at once, few at a time, one by one: the same bits", arguments: GenerationBatchTests.strategies)
    func independence(strategy: DecodingOptions.Strategy) throws {
        let golden = try GenerationGolden()
        var options = golden.options(strategy)
        options.logProbabilities = 2
        let halves = InitialKeyValues(
            decoder: KeyValues(rowsOf: golden.prefixMatrix, stack: golden.model.shape.decoder, as: .bfloat16))
        let prompts = golden.file.prompts, starts = prompts.indices.map { [nil, halves, golden.prefix][$0 % 3] }
        func generate(_ limits: GenerationRun.Limits, as type: CacheType) throws -> [Generation] {
            try Generator(golden.model, limits: limits, cacheType: type).generate(
                prompts, after: starts, options: options)
        }
        let together = try generate(.init(), as: .bfloat16)
        for (rows, tokens) in [(1, 1), (9, 30)] {
            #expect(try generate(.init(rows: rows, promptTokens: tokens), as: .bfloat16) == together)
        }
        #expect(try generate(.init(), as: .float32) != together)
    }

    @Test("a pool keeps its rows when it grows", arguments: CacheType.allCases)
    func growth(type: CacheType) throws {
        let stack = AttentionStack(layerCount: 2, keyHeadCount: 2, headWidth: 8)
        let pool = KeyValuePool(stack: stack, as: type), filler = PageFiller(), count = 300
        let projected = Self.random(count, 50)
        var rows: [Int32] = [], pages: [KeyValuePage] = []
        for first in stride(from: 0, to: count, by: 3) {
            let part = Tensor(Array(projected.values[first * 50..<(first + 3) * 50]), shape: [3, 50])
            let (taken, held) = filler.take(3, from: pool)
            rows += taken
            pages += held
            for layer in 0..<2 { pool.store(part, keyColumn: 10 + layer, rows: taken, layer: layer) }
        }
        let expected = type == .float32 ? projected : Self.rounded(projected)
        let found = KeyValues(layers: pool.layers, rows: .list(rows), positions: 0).matrix(keyWidth: 16)
        #expect(pool.capacity == 512 && Set(rows).count == count && pages.count >= 19)
        for row in 0..<count {
            for layer in 0..<2 {
                let first = row * 64 + layer * 32, from = row * 50 + 10 + layer
                #expect(Array(found.values[first..<first + 32]) == Array(expected.values[from..<from + 32]))
            }
        }
    }

    @Test(
        "what a decoder reads of its sources is rounded once for all of them",
        arguments: EncoderDecoderGoldenTests.models)
    func sources(name: String) throws {
        let golden = try EncoderDecoderGoldenTests.Golden(name)
        let model = try golden.model(), cases = golden.cases.generation
        let prompts = cases.sources.map { _ in [model.startToken ?? 0] }
        let begun = model.begin(prompts, about: cases.sources, after: prompts.map { _ in nil }, as: .bfloat16)
        let layers = begun.compactMap { $0.sequence.source.last?.layers.first?.source }
        #expect(layers.count == prompts.count && layers.allSatisfy { $0.type == .bfloat16 })
        #expect(Set(layers.map(\.identity)).count == 1)
        func prefix(_ type: CacheType) throws -> InitialKeyValues {
            func part(_ kind: AttentionKind) throws -> KeyValues {
                let stack = try #require(model.shape.stack(kind))
                let matrix = try golden.tensor("prefix.\(kind.rawValue)")
                return KeyValues(rowsOf: matrix, stack: stack, shiftsPositions: false, as: type)
            }
            return InitialKeyValues(
                decoder: try part(.decoder), encoder: try part(.encoder), cross: try part(.cross))
        }
        for setting in cases.cases {
            var options = setting.options.options(for: name)
            options.logProbabilities = 1
            func generate(_ type: CacheType, limits: GenerationRun.Limits = .init()) throws -> [Generation] {
                try Generator(model, limits: limits, cacheType: type).generate(
                    cases.sources, after: setting.prefix ? try prefix(type) : nil, options: options)
            }
            let halves = try generate(.bfloat16), floats = try generate(.float32)
            #expect(try generate(.bfloat16, limits: .init(rows: 1, promptTokens: 1)) == halves)
            #expect(halves != floats)
        }
    }
}
