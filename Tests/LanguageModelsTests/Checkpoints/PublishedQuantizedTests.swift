import Foundation
import TestSupport
import Testing

@testable import LanguageModels
@testable import Tensors

/// Models whose matrices stay quantised in memory: gradients reach a prefix through the weights that the stored numbers
/// stand for, and nothing else is held.
@Suite("Published models, quantised") @Compute struct PublishedQuantizedTests {
    @Test("gradients of a prefix equal those through the same weights in 32 bits", arguments: PublishedModel.quantized)
    func gradients(_ published: PublishedModel) throws {
        let expected = try published.expected()
        let quantized = try published.assembled { try LanguageModel.load($0, for: .tuning) }.network
        let plain = try plainNetwork(published)
        #expect(heldWeights(of: quantized).compressed.count == 2 * Self.matrices.count + 2)
        #expect(heldWeights(of: plain).compressed.isEmpty)

        func gradient(_ model: any CausalModel) throws -> (loss: [Float], gradient: [Float]) {
            let tape = Tape(), p = try published.prefixMatrix().leaf(on: tape)
            let loss = probabilities(
                of: expected.withPrefix.token_ids, after: expected.prompt, KeyValues(rowsOf: p, shape: model.shape),
                model
            ).loss
            tape.backward(from: loss)
            return (loss.values, try #require(p.gradient?.value).values)
        }
        let found = try gradient(quantized), reference = try gradient(plain)
        #expect(relativeError(reference.loss, [-expected.withPrefix.logprobs.reduce(0, +)]) < 1e-5)
        #expect(isNear(relativeError(found.loss, reference.loss), "losses", "\(published)"))
        #expect(isNear(relativeError(found.gradient, reference.gradient), "gradients", "\(published)"))
    }

    @Test("a prefix trains", arguments: PublishedModel.quantized)
    func training(_ published: PublishedModel) throws {
        let expected = try published.expected()
        let model = try published.assembled { try LanguageModel.load($0, for: .tuning) }.network
        // What the model says without a prefix is not what it says with this one: to be learned.
        let target = expected.without.token_ids
        var prefix = try published.prefixMatrix(), losses: [Float] = []
        for _ in 0..<20 {
            let tape = Tape(), p = prefix.leaf(on: tape)
            let loss = probabilities(
                of: target, after: expected.prompt, KeyValues(rowsOf: p, shape: model.shape), model
            ).loss
            losses += loss.values
            tape.backward(from: loss)
            let gradient = try #require(p.gradient?.value).values
            prefix = Tensor(zip(prefix.values, gradient).map { $0 - 0.3 * $1 }, shape: prefix.shape)
        }
        let first = try #require(losses.first), last = try #require(losses.last)
        #expect(last < 0.9 * first, "\(losses)")
    }

    /// The matrices of a block: name, input, output, in units of a model of width 16 and inner width 32.
    private nonisolated static let matrices: [(name: String, input: Int, output: Int)] = [
        ("attention.query_key_value", 16, 48), ("attention.dense", 16, 16), ("mlp.dense_h_to_4h", 16, 32),
        ("mlp.dense_4h_to_h", 32, 16),
    ]

    /// The same model with its weights written out in 32 bits.
    private func plainNetwork(_ published: PublishedModel) throws -> any CausalModel {
        let folder = Fixtures.goldens.appendingPathComponent("published/\(published.weights)")
        let file = try SafetensorsFile(folder.appendingPathComponent("model.safetensors"))
        var tensors: [String: (shape: [Int], values: [Float])] = [:], parts: Set<String> = []
        for layer in 0..<2 {
            for (name, input, output) in Self.matrices {
                let module = "gpt_neox.layers.\(layer).\(name)"
                let matrix = try #require(
                    try CheckpointReader(file).quantizedMatrix(
                        module, input: input, output: output, bias: nil,
                        inputScales: name == "mlp.dense_4h_to_h" ? "gpt_neox.layers.\(layer).mlp.act.scales" : nil))
                tensors["\(module).weight"] = ([output, input], matrix.decompressed())
                parts.formUnion(file.names.filter { $0.hasPrefix("\(module).") && $0 != "\(module).bias" })
                parts.formUnion(file.names.filter { $0.hasSuffix("act.scales") })
            }
        }
        for name in file.names where !parts.contains(name) {
            tensors[name] = (try #require(file.shape(of: name)), try file.floats(name))
        }
        let configuration = try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
        return try configuration.network(
            WeightLoader(CheckpointReader(TensorsInMemory(tensors)), use: .frozen(differentiable: true)))
    }
}

/// What a quantised model takes in memory, measured on one whose sizes are not tiny.
@Suite("Memory of quantised models") @Compute struct PublishedMemoryTests {
    /// A GPT-NeoX file of width 256 that holds zeros.
    private struct BlankCheckpoint: TensorSource {
        var tensors: [String: (type: StoredType, shape: [Int], bytes: [UInt8]?)] = [:]

        var names: [String] { tensors.keys.sorted() }
        var byteCount: Int { tensors.values.reduce(0) { $0 + $1.shape.reduce($1.type.size, *) } }
        func file(of name: String) -> String { "blank" }
        func shape(of name: String) -> [Int]? { tensors[name]?.shape }
        func storedType(of name: String) -> StoredType? { tensors[name]?.type }
        func releasePages(of name: String) {}
        func copy(
            _ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
        ) throws { destination.update(repeating: 0) }
        func copyBytes(_ name: String, into destination: UnsafeMutableRawBufferPointer) throws {
            let bytes = tensors[name]?.bytes
            destination.copyBytes(from: bytes ?? Array(repeating: 0, count: destination.count))
        }

        mutating func add(_ name: String, _ type: StoredType, _ shape: Int..., bytes: [UInt8]? = nil) {
            tensors[name] = (type, shape, bytes)
        }

        mutating func addMatrix(_ name: String, input: Int, output: Int, format: String) {
            switch format {
            case "nf4":
                let state =
                    #"{"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [\#(output), \#(input)]}"#
                add("\(name).weight", .uint8, input * output / 2, 1)
                add("\(name).weight.absmax", .float32, input * output / 64)
                add("\(name).weight.quant_map", .float32, 16)
                add(
                    "\(name).weight.quant_state.bitsandbytes__nf4", .uint8, state.utf8.count, bytes: Array(state.utf8))
            case "int8":
                add("\(name).weight", .int8, output, input)
                add("\(name).SCB", .float32, output)
            case "awq":
                add("\(name).qweight", .int32, input, output / 8)
                add("\(name).qzeros", .int32, input / 128, output / 8)
                add("\(name).scales", .float16, input / 128, output)
            default: add("\(name).weight", .float16, output, input)
            }
            add("\(name).bias", .float16, output)
        }
    }

    @Test("at most 1.15 times the file", arguments: ["nf4", "int8", "awq", "float16"])
    func heldBytes(format: String) throws {
        let width = 256, inner = 1024, layers = 3, vocabulary = 512
        var source = BlankCheckpoint()
        source.add("gpt_neox.embed_in.weight", .float16, vocabulary, width)
        source.add("embed_out.weight", .float16, vocabulary, width)
        var norms = ["gpt_neox.final_layer_norm"]
        for layer in 0..<layers {
            let block = "gpt_neox.layers.\(layer)"
            norms += ["\(block).input_layernorm", "\(block).post_attention_layernorm"]
            source.addMatrix("\(block).attention.query_key_value", input: width, output: 3 * width, format: format)
            source.addMatrix("\(block).attention.dense", input: width, output: width, format: format)
            source.addMatrix("\(block).mlp.dense_h_to_4h", input: width, output: inner, format: format)
            source.addMatrix("\(block).mlp.dense_4h_to_h", input: inner, output: width, format: format)
        }
        for norm in norms {
            source.add("\(norm).weight", .float16, width)
            source.add("\(norm).bias", .float16, width)
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("prefixtune-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("config.json")
        let settings: [String: Any] = [
            "model_type": "gpt_neox", "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 4,
            "intermediate_size": inner, "vocab_size": vocabulary, "max_position_embeddings": 64,
        ]
        try JSONSerialization.data(withJSONObject: settings).write(to: file)
        let network = try ModelConfigurationFile.read(from: file).network(
            WeightLoader(
                CheckpointReader(source), use: .frozen(differentiable: true, precision: .stored)))
        let held = heldWeights(of: network).bytes
        print("\(format): \(held) bytes held for \(source.byteCount) in the file")
        #expect(Double(held) <= 1.15 * Double(source.byteCount))
        // Not less either: then something was not counted.
        #expect(Double(held) >= 0.98 * Double(source.byteCount))
    }
}
