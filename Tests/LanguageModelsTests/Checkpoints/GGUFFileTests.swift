import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing
import Tokenizers

/// GGUF files against the folders of the same models, and blocks against the values of the `gguf` package.
@Suite("GGUF files") struct GGUFFileTests {
    private static func file(_ name: String) -> URL { Fixtures.goldens.appendingPathComponent("gguf/\(name).gguf") }

    private static let folders = [
        "llama": "architectures/llama-plain-old", "llama-3": "architectures/llama-3",
        "mistral": "architectures/mistral-window", "qwen2": "architectures/qwen2-tied",
        "qwen3": "architectures/qwen3-wide", "gpt2": "gpt2/tied", "gptneox": "architectures/neox-parallel",
        "gemma3": "architectures/gemma3-bare-old", "smollm3": "architectures/smollm3-interval-old",
        "phi3": "architectures/phi3-window", "phi3-long": "architectures/phi3-long-old",
        "bloom": "architectures/bloom-tied",
        "t5-plain": "gguf/t5-plain", "t5-gated": "gguf/t5-gated",
        "blocks": "gguf/blocks", "split-00001-of-00002": "architectures/llama-plain-old",
    ]

    @Compute private func network(_ files: any ModelFiles, _ precision: WeightPrecision) throws -> (
        any CausalModel, Digest?
    ) {
        let loader = WeightLoader(
            CheckpointReader(try files.tensors), use: .frozen(differentiable: true, precision: precision))
        return (try files.configuration.network(loader), loader.weightsDigest)
    }

    @Compute private func logits(_ network: any CausalModel) -> [Float] {
        let texts: [[Int32]] = [[3, 5, 7, 11, 2, 13, 4, 6, 1, 9, 10, 12], [2, 4]], batch = TokenBatch(texts)
        let sources = network.shape.encoder == nil ? [] : texts.map { Array($0.reversed()) }
        let sequences = network.begin(texts, about: sources, after: texts.map { _ in nil }).map(\.sequence)
        let cache = KVCache(shape: network.shape, sequences: sequences, keepsTokens: false)
        return network.head(network.hiddenStates(batch, cache: cache, dropout: nil)).values
    }

    @Test("a file is the model of its folder: the same weights, the same logits", arguments: folders.keys.sorted())
    @Compute func sameModel(_ name: String) throws {
        let folder = HuggingFaceFolder(Fixtures.goldens.appendingPathComponent(try #require(Self.folders[name])))
        let file = try modelFiles(at: Self.file(name))
        #expect(file is GGUFFile)
        let (found, expected) = (try file.configuration, try folder.configuration)
        #expect(found.architecture == expected.architecture)
        #expect(found.shape == expected.shape && found.parameterCount == expected.parameterCount)
        #expect(found.activationName == expected.activationName && found.endTokens == expected.endTokens)
        let (one, digest) = try network(file, .float32), (other, same) = try network(folder, .float32)
        // 1 was added to Gemma's gains and is taken off again: the last bit may be another.
        #expect(digest != nil && (digest == same || name == "gemma3"))
        let (ours, theirs) = (logits(one), logits(other))
        // Llama 3's factors come as 32-bit floats, whose product with a frequency is not the formula's last bit.
        #expect(["llama-3", "phi3-long"].contains(name) ? relativeError(ours, theirs) < 1e-5 : ours == theirs)
    }

    @Test("integers that stay as they are stored stand for the same weights") @Compute func integers() throws {
        let files = try GGUFFile(Self.file("blocks"))
        let (exact, digest) = try network(files, .float32), expected = logits(exact)
        for precision in [WeightPrecision.stored, .int8, .int8Float32Gradients] {
            let (kept, same) = try network(files, precision)
            #expect(same == digest)
            // Inputs are rounded to 8 bits, and these weights are wild.
            #expect(relativeError(logits(kept), expected) < 0.1)
        }
    }

    @Test(
        "integers are copied in the order of rows that floats are, whatever was turned about",
        arguments: ["blocks", "gpt2-q8_0"])
    func integerRows(_ name: String) throws {
        let source = try GGUFFile(Self.file(name)).tensors
        var tensors = 0
        for name in source.names {
            guard let type = source.storedType(of: name), let layout = type.integerLayout,
                let shape = source.shape(of: name)
            else { continue }
            let count = shape.reduce(1, *), groups = count / BlockFormat.group
            var values = [Float](repeating: .nan, count: count)
            try values.withUnsafeMutableBufferPointer { try source.copy(name, into: $0, checkingFinite: true) }
            // The file's matrix is [output × input]; GPT-2's lies turned in the folder.
            let isTurned = name.hasPrefix("transformer."),
                (output, input) = isTurned ? (shape[1], shape[0]) : (shape[0], shape[1])
            for rows in [0..<output, 3..<7] {
                var (q, scales) = (
                    [Int8](repeating: 0, count: rows.count * input), [Float](repeating: .nan, count: groups)
                )
                var offsets = [Float](repeating: 0, count: groups)
                try q.withUnsafeMutableBufferPointer { q in
                    try scales.withUnsafeMutableBufferPointer { scales in
                        try offsets.withUnsafeMutableBufferPointer {
                            let offsets = layout.offsets == nil ? UnsafeMutableBufferPointer(rebasing: $0[..<0]) : $0
                            try source.copyIntegers(name, rows: rows, into: q, scales: scales, offsets: offsets)
                        }
                    }
                }
                for row in rows {
                    for column in 0..<input {
                        let index = (row - rows.lowerBound) * input + column, group = index / BlockFormat.group
                        let found = Float(q[index]) * scales[group] + offsets[group]
                        let value = isTurned ? values[column * output + row] : values[row * input + column]
                        #expect(
                            abs(found - value) <= (type == .q6_k ? 0.51 * scales[group] : 0),
                            "\(name) row \(row) column \(column)")
                    }
                }
            }
            tensors += 1
        }
        #expect(tensors > 7)
    }

    @Test("blocks are widened to the values of the original, bit for bit, and their integers stand for them")
    func blocks() throws {
        let vectors = try SafetensorsFile(Fixtures.goldens.appendingPathComponent("gguf/vectors.safetensors"))
        for format in BlockFormat.allCases {
            let name = "\(format)".uppercased(), values = try vectors.floats("\(name).values")
            let count = values.count / format.elements
            #expect(vectors.shape(of: "\(name).blocks") == [count, format.bytes])
            try vectors.withBytes(of: "\(name).blocks") { bytes in
                let source = try #require(bytes.baseAddress)
                var widened = [Float](repeating: .nan, count: values.count)
                format.widen(source, blocks: count, into: &widened)
                #expect(widened.map(\.bitPattern) == values.map(\.bitPattern), "\(name)")
                #expect(format.firstNotFinite(source, blocks: count) == nil)

                let layout = format.layout, groupCount = values.count / BlockFormat.group
                var integers = [Int8](repeating: 99, count: values.count)
                var scales = [Float](repeating: .nan, count: groupCount)
                var offsets = [Float](repeating: (layout.offsets != nil) ? .nan : 0, count: groupCount)
                offsets.withUnsafeMutableBufferPointer {
                    format.split(
                        source, blocks: count, into: &integers, scales: &scales,
                        offsets: (layout.offsets != nil) ? $0.baseAddress : nil)
                }
                let isExact = ![.q2_k, .q3_k, .q6_k].contains(format)
                for index in values.indices {
                    let group = index / BlockFormat.group
                    let value = scales[group] * Float(integers[index]) + offsets[group]
                    if isExact {
                        #expect(value == values[index], "\(name) element \(index)")
                    } else {
                        #expect(abs(value - values[index]) <= 0.51 * abs(scales[group]), "\(name) element \(index)")
                    }
                    if layout.width == .int4 {
                        #expect(((layout.offsets != nil) ? 0...15 : -8...7).contains(integers[index]))
                    }
                }
            }
        }
    }

    @Test("what files say of rotations and windows becomes what config.json would say") func settings() throws {
        var metadata: [String: GGUFBytes.Value] = [
            "embedding_length": .uint32(32), "block_count": .uint32(4), "attention.head_count": .uint32(4),
            "feed_forward_length": .uint32(64), "context_length": .uint32(64), "attention.key_length": .uint32(8),
            "attention.layer_norm_rms_epsilon": .float(1e-5),
        ]
        func read(
            _ architecture: String, _ more: [String: GGUFBytes.Value]
        ) throws -> any ModelConfiguration {
            var file = GGUFBytes()
            file.metadata = [("general.architecture", .text(architecture))]
            file.metadata += metadata.merging(more) { $1 }.map { ("\(architecture).\($0.key)", $0.value) }
            file.metadata += [
                ("tokenizer.ggml.model", .text("gpt2")), ("tokenizer.ggml.pre", .text("gpt-2")),
                ("tokenizer.ggml.tokens", .texts(["a", "b"])), ("tokenizer.ggml.token_type", .integers([1, 1])),
            ]
            file.tensors = [.init(name: "token_embd.weight", dimensions: [32, 8])]
            file.data = Data(repeating: 0, count: 1024)
            return try withCheckpointFolder { folder in
                let url = folder.appendingPathComponent("x.gguf")
                try file.bytes.write(to: url)
                return try GGUFFile(url).configuration
            }
        }
        func llama(_ more: [String: GGUFBytes.Value]) throws -> RotaryEmbedding {
            try #require(try read("llama", more) as? LlamaConfiguration).rotary
        }
        let plain = try llama([:])
        let linear = plain.frequencies.map { $0 / 4 }
        // A factor without a type is linear's; 2023's key for it; and one that is 1 is none.
        for more in [
            ["rope.scaling.type": .text("linear"), "rope.scaling.factor": .float(4)],
            ["rope.scaling.factor": .float(4)],
            ["rope.scale_linear": .float(4)],
        ] as [[String: GGUFBytes.Value]] {
            #expect(try llama(more).frequencies == linear)
        }
        #expect(try llama(["rope.scaling.factor": .float(1)]).frequencies == plain.frequencies)
        #expect(
            try llama(["rope.scaling.type": .text("none"), "rope.scaling.factor": .float(4)]).frequencies
                == plain.frequencies)
        let yarn: [String: GGUFBytes.Value] = [
            "rope.scaling.type": .text("yarn"), "rope.scaling.factor": .float(16),
            "rope.scaling.original_context_length": .uint32(64), "rope.scaling.attn_factor": .float(1),
        ]
        #expect(try abs(llama(yarn).scale - 1.2772589) < 1e-6)
        #expect {
            _ = try llama(yarn.merging(["rope.scaling.attn_factor": .float(2)]) { $1 })
        } throws: {
            "\($0)".hasSuffix("key \"llama.rope.scaling.attn_factor\": the value is 2.0, but only 1 can be read")
        }

        metadata["attention.sliding_window"] = .uint32(16)
        func gemma(_ more: [String: GGUFBytes.Value]) throws -> Gemma3Configuration {
            try #require(try read("gemma3", more) as? Gemma3Configuration)
        }
        #expect(try gemma([:]).isLocal == [true, true, true, true])
        #expect(try gemma(["attention.sliding_window_pattern": .uint32(2)]).isLocal == [true, false, true, false])
        let list = GGUFBytes.Value.list(of: 7, count: 4, Data([0, 1, 1, 0]))
        #expect(try gemma(["attention.sliding_window_pattern": list]).isLocal == [false, true, true, false])
        let bases = try gemma(["rope.global.freq_base": .float(5000), "rope.local.freq_base": .float(100)])
        #expect(bases.globalRotary.frequencies[1] == 1 / powf(5000, 0.25))
        #expect(bases.localRotary.frequencies[1] == 1 / powf(100, 0.25))
        #expect(try gemma(["rope.scaling.factor": .float(8)]).globalRotary.frequencies[0] == 1.0 / 8)
        #expect(try gemma([:]).attentionScale == 1 / Float(8).squareRoot())
        #expect(try gemma(["final_logit_softcapping": .float(0)]).width == 32)
        #expect(throws: CheckpointError.self) { _ = try gemma(["final_logit_softcapping": .float(30)]) }
        metadata["block_count"] = .uint32(62)
        metadata["attention.key_length"] = .uint32(16)
        #expect(try gemma([:]).attentionScale == 1 / Float(8).squareRoot())
    }

    @Test("T5's tokenizer and conventions come with the file") func t5() throws {
        let file = try GGUFFile(Self.file("t5-gated")), tokenizer = try file.tokenizer
        #expect(try file.configuration is T5Configuration)
        #expect(try file.conventions.endTokens == [1] && file.conventions.beginToken == nil)
        #expect(try tokenizer.encode("ab  c", addingSpecialTokens: true) == [3, 4, 5, 3, 6, 1])
        #expect(tokenizer.padding == 0 && tokenizer.endOfText == 1 && tokenizer.decode([3, 4, 5, 3, 6]) == "ab c")
    }

    @Test("what else a file says") func metadata() throws {
        let file = try GGUFFile(Self.file("qwen2"))
        #expect(try file.title == "tiny qwen2" && file.architecture == "qwen2")
        #expect(try file.chatTemplate?.hasPrefix("{% for message") == true)
        #expect(try file.conventions.beginToken == 0)
        #expect(GGUFFile.isRecognized(Self.file("gpt2")))
        #expect(!GGUFFile.isRecognized(Fixtures.goldens.appendingPathComponent("gguf/manifest.json")))
        #expect(!GGUFFile.isRecognized(Fixtures.goldens))
    }

    @Test("a set of files is opened by its first, and only whole") func sets() throws {
        let second = Fixtures.goldens.appendingPathComponent("gguf/split-00002-of-00002.gguf")
        #expect {
            _ = try GGUFFile(second)
        } throws: {
            "\($0)".hasSuffix("key \"split.no\": this is file 2 of 2; give the first: split-00001-of-00002.gguf")
        }
        try withCheckpointFolder { folder in
            let alone = folder.appendingPathComponent("split-00001-of-00002.gguf")
            try FileManager.default.copyItem(at: Self.file("split-00001-of-00002"), to: alone)
            #expect {
                _ = try GGUFFile(alone)
            } throws: {
                "\($0)".hasPrefix("cannot read \(folder.path)/split-00002-of-00002.gguf")
            }
            let renamed = folder.appendingPathComponent("model.gguf")
            try FileManager.default.moveItem(at: alone, to: renamed)
            #expect {
                _ = try GGUFFile(renamed)
            } throws: {
                "\($0)".contains("which are to be called …-00001-of-00002.gguf, but this is model.gguf")
            }
        }
    }
}
