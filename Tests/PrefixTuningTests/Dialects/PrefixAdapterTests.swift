import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Adapters that PEFT wrote, read and used here, and adapters written here (Tests/Goldens/prefix/generate.py).
@Suite("Prefix adapters") @Compute struct PrefixAdapterTests {
    struct Case: Decodable {
        var prompt_ids, completion_ids: [Int32]
        var logprobs, logprobs_without_prefix: [Double]
    }

    nonisolated static let adapters = [("adapter-flat", "tied", 5), ("adapter-projected", "untied-erf", 4)]

    @Test("log-probabilities equal PEFT's", arguments: adapters)
    func logProbabilities(adapter: String, base: String, length: Int) throws {
        let model = try TinyModel.golden(base), shape = model.network.shape
        let prefix = try Prefix(folder: PrefixGolden.folder.appendingPathComponent(adapter), model: shape)
        #expect(prefix.length == length)
        #expect(prefix.baseModel == base)
        #expect(prefix.textPosition == .afterPrefix)
        #expect(prefix.parameterCount == length * shape.prefixRowWidth)
        let start = try prefix.keyValues(for: shape)
        let cases: [Case] = try PrefixGolden.decode("\(adapter)/logprobs.json")
        #expect(cases.count == 4)
        var greatest = 0.0
        for item in cases {
            let example = TokenizedExample(
                tokens: item.prompt_ids + item.completion_ids, targetStart: item.prompt_ids.count)
            for (start, expected) in [(start, item.logprobs), (nil, item.logprobs_without_prefix)] {
                let found = model.losses(example, after: start)
                try #require(found.count == expected.count)
                for (loss, expected) in zip(found, expected) { greatest = max(greatest, abs(-loss - expected)) }
            }
        }
        #expect(greatest < 1e-5, "\(greatest)")
    }

    @Test("a prefix written and read again is the same to the last bit", arguments: Prefix.TextPosition.allCases)
    func roundTrip(position: Prefix.TextPosition) throws {
        let shape = try TinyModel.golden("tied").network.shape
        var generator = SeededGenerator(seed: 1)
        let values = (0..<3 * shape.prefixRowWidth).map { _ in Float(generator.normal()) }
        let prefix = try Prefix(
            length: 3, values: values, shape: shape, textPosition: position, baseModel: "models/\"tied\"")
        try withTrainingFolder { folder in
            try prefix.write(to: folder.appendingPathComponent("new/adapter"))
            let read = try Prefix(folder: folder.appendingPathComponent("new/adapter"), model: shape)
            #expect(read == prefix)
            #expect(read.values.map(\.bitPattern) == values.map(\.bitPattern))
            #expect(read.textPosition == position)
        }
    }

    @Test("PEFT's keys, and no others", arguments: adapters)
    func keys(adapter: String, base: String, length: Int) throws {
        let shape = try TinyModel.golden(base).network.shape
        let golden = PrefixGolden.folder.appendingPathComponent(adapter)
        try withTrainingFolder { folder in
            try Prefix(folder: golden, model: shape).write(to: folder)
            let peft = try Self.json(golden), ours = try Self.json(folder)
            #expect(Set(ours.keys).isSubset(of: peft.keys))
            // Everything that PEFT gives a value other than null.
            #expect(Set(ours.keys) == Set(peft.filter { !($0.value is NSNull) }.keys))
            let differing: Set = ["prefix_projection", "encoder_hidden_size"]
            for (key, value) in ours where !differing.contains(key) {
                #expect("\(value)" == peft[key].map { "\($0)" }, "\(key)")
            }
            #expect(ours["prefix_projection"] as? Bool == false)
            let theirs = try SafetensorsFile(golden.appendingPathComponent("adapter_model.safetensors"))
            let written = try SafetensorsFile(folder.appendingPathComponent("adapter_model.safetensors"))
            #expect(written.names == theirs.names)
            for name in theirs.names {
                #expect(written.shape(of: name) == theirs.shape(of: name))
                #expect(written.storedType(of: name) == theirs.storedType(of: name))
                let shape = try #require(theirs.shape(of: name))
                #expect(
                    try CheckpointReader(written).read(name, shape: shape)
                        == CheckpointReader(theirs).read(name, shape: shape))
            }
            #expect(written.metadata["format"] == "pt")
        }
    }

    @Test("text at position 0 is seen at position 0")
    func textAtZero() throws {
        // After a prefix of n, text is at n, n + 1, …: a model whose table of positions is moved by n must then say
        // what the unmoved one says where the text keeps its own positions.
        let n = 3
        var moved = TinyModel.wordedTensors()
        let table = "transformer.wpe.weight"
        var (shape, positions) = try #require(moved[table])
        positions = [Float](repeating: 9, count: n * shape[1]) + positions.dropLast(n * shape[1])
        moved[table] = (shape, positions)
        let model = try TinyModel.worded(), other = try TinyModel.worded(moved)
        let sizes = model.network.shape
        var generator = SeededGenerator(seed: 2)
        let values = (0..<n * sizes.prefixRowWidth).map { _ in Float(generator.normal()) }
        let atZero = try Prefix(length: n, values: values, shape: sizes, textPosition: .zero)
        var after = atZero
        after.textPosition = .afterPrefix
        let tokens: [Int32] = [5, 299, 17, 17, 3, 120]
        let found = model.logits(tokens, after: try atZero.keyValues(for: sizes))
        #expect(found == other.logits(tokens, after: try after.keyValues(for: sizes)))
        #expect(relativeError(found, model.logits(tokens, after: try after.keyValues(for: sizes))) > 1e-2)
        let byHand = KeyValues(
            rowsOf: Tensor(values, shape: [n, sizes.prefixRowWidth]), shape: sizes, shiftsPositions: false)
        #expect(found == model.logits(tokens, after: InitialKeyValues(decoder: byHand)))
    }

    static func json(_ folder: URL) throws -> [String: Any] {
        let data = try Data(contentsOf: folder.appendingPathComponent("adapter_config.json"))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }
}
