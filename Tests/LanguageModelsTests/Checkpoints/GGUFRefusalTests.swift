import Foundation
import LanguageModels
import Testing

/// Crafted files: each is a mistake that a parser of this format has made somewhere.
@Suite("Hostile GGUF files") struct GGUFRefusalTests {
    /// What opening a file, and reading its configuration, throws.
    private func failure(_ bytes: Data) throws -> String? {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("x.gguf")
            try bytes.write(to: url)
            do {
                _ = try GGUFFile(url).configuration
                return nil
            } catch let error as CheckpointError {
                return error.description.replacingOccurrences(of: url.path, with: "x.gguf")
            }
        }
    }

    private func failure(_ change: (inout GGUFBytes) -> Void) throws -> String? {
        var file = GGUFBytes()
        file.data = Data(repeating: 0, count: 4096)
        change(&file)
        return try failure(file.bytes)
    }

    private func invalid(_ problem: String) -> String {
        "x.gguf is not a valid GGUF file: \(problem); fetch or convert the file again"
    }

    private func damaged(_ problem: String, _ name: String = "x") -> String {
        "x.gguf is damaged at tensor \"\(name)\": \(problem); fetch or export the file again"
    }

    @Test("beginnings") func beginnings() throws {
        #expect(try failure { $0.magic = Data("GGML".utf8) } == invalid("it does not begin with \"GGUF\""))
        #expect(try failure { $0.version = 1 } == invalid("it is of version 1, and only 2 and 3 can be read"))
        #expect(try failure { $0.version = 4 } == invalid("it is of version 4, and only 2 and 3 can be read"))
        #expect(
            try failure { $0.version = UInt32(3).byteSwapped }
                == invalid("its numbers have the highest byte first, and only the other order can be read"))
        #expect(try failure(Data("GGUF".utf8)) == invalid("it ends at byte 4, in the middle of its version"))
        var tensorCount = GGUFBytes()
        tensorCount.tensorCount = .max
        let size = tensorCount.bytes.count
        #expect(
            try failure(tensorCount.bytes)
                == invalid("it states 18446744073709551615 tensors, for which its \(size) bytes have no room"))
        var entryCount = GGUFBytes()
        entryCount.entryCount = 1 << 60
        #expect(
            try failure(entryCount.bytes)
                == invalid(
                    "it states 1152921504606846976 entries of metadata, for which its \(size) bytes have no room"))
        entryCount.entryCount = 2
        #expect(try failure(entryCount.bytes)?.contains("in the middle of the number of bytes of key 1") == true)
    }

    @Test("metadata") func metadata() throws {
        func one(_ key: String, _ value: GGUFBytes.Value) throws -> String? {
            try failure { $0.metadata.append((key, value)) }
        }
        let long = GGUFBytes.Value(type: 8, GGUFBytes.text([65], length: 1 << 62))
        #expect(
            try one("k", long)?.hasPrefix(
                "x.gguf is not a valid GGUF file: it states 4611686018427387904 bytes of the value of \"k\"") == true)
        let many = GGUFBytes.Value.list(of: 10, count: 1 << 61, Data())  // × 8 bytes is 0 in 64 bits
        #expect(try one("k", many)?.contains("it states 2305843009213693952 elements of \"k\"") == true)
        #expect(try one("k", .list(of: 8, count: 1000, Data()))?.contains("it states 1000 elements of \"k\"") == true)
        #expect(try one("k", .list(of: 9, count: 1, Data())) == invalid("\"k\" is a list of lists"))
        #expect(
            try one("k", .list(of: 77, count: 1, Data()))
                == invalid("the list \"k\" has elements of the unknown type 77"))
        #expect(try one("k", .init(type: 13, Data())) == invalid("\"k\" is of the unknown type 13"))
        #expect(
            try one("k", .flag(2)) == invalid("the value of \"k\" is the byte 2, neither true nor false"))
        #expect(
            try one("general.architecture", .text("llama")) == invalid("the key \"general.architecture\" occurs twice"))
        #expect(try one("", .flag(1)) == invalid("key 1 has 0 bytes, where 1 to 65536 belong"))
        var wrong = GGUFBytes()
        wrong.metadata = [("general.architecture", .uint32(3))]
        #expect(
            try failure(wrong.bytes)
                == "x.gguf, key \"general.architecture\": a text is needed, but the file has 3")
        wrong.metadata = []
        #expect(
            try failure(wrong.bytes)
                == "x.gguf, key \"general.architecture\": the key is missing: it is no file of a model")
        wrong.metadata = [("general.architecture", .text("mamba"))]
        let unknown = try failure(wrong.bytes)
        #expect(
            unknown?.hasPrefix("x.gguf, key \"general.architecture\": the architecture is \"mamba\", but only gpt2, ")
                == true)
        #expect(
            unknown?.hasSuffix("can be read from a GGUF file; the model's folder may do, as the hub has it") == true)
    }

    @Test("alignment") func alignment() throws {
        for value in [GGUFBytes.Value.uint32(0), .uint32(24), .uint32(1 << 21), .text("32"), .float(32)] {
            let found = try failure { $0.metadata.append(("general.alignment", value)) }
            #expect(
                found?.contains("where a power of two up to 1048576 belongs") == true, "\(String(describing: found))")
        }
    }

    @Test("tensors") func tensors() throws {
        func one(_ tensors: GGUFBytes.Tensor...) throws -> String? { try failure { $0.tensors = tensors } }
        #expect(
            try one(.init(dimensions: [1, 1, 1, 1, 1])) == damaged("it has 5 dimensions, where 1 to 4 belong"))
        #expect(
            try one(.init(dimensionCount: .max))?.contains("it has 4294967295 dimensions, where 1 to 4 belong") == true)
        #expect(try one(.init(dimensions: [])) == damaged("it has 0 dimensions, where 1 to 4 belong"))
        #expect(try one(.init(dimensions: [0])) == damaged("a dimension is 0"))
        #expect(try one(.init(dimensions: [.max])) == damaged("a dimension is 18446744073709551615"))
        #expect(
            try one(.init(dimensions: [1 << 32, 1 << 32])) == damaged("it has more elements than can be counted"))
        #expect(try one(.init(dimensions: [1 << 62])) == damaged("its data has no end"))
        #expect(
            try one(.init(dimensions: [48], type: 2)) == damaged("its rows of 48 do not fill blocks of 32 (Q4_0)"))
        #expect(
            try one(.init(dimensions: [288], type: 12)) == damaged("its rows of 288 do not fill blocks of 256 (Q4_K)"))
        #expect(try one(.init(offset: 8)) == damaged("its data starts at byte 8, which is no multiple of 32"))
        let cut = "but the file has 4096 data bytes: it was cut off"
        #expect(
            try one(.init(dimensions: [2048])) == damaged("its data would be 8192 bytes from byte 0 on, \(cut)"))
        #expect(
            try one(.init(offset: 1 << 60))
                == damaged("its data would be 128 bytes from byte 1152921504606846976 on, \(cut)"))
        #expect(try one(.init(offset: .max - 31)) == damaged("its data has no end"))
        #expect(
            try one(.init(dimensions: [32]), .init(name: "y", offset: 96))
                == damaged("its data starts at byte 96, inside the tensor before it", "y"))
        #expect(
            try one(.init(), .init(offset: 128)) == invalid("there are two tensors \"x\""))
        for (number, name) in [
            (4, "Q4_2, a type that was given up"), (33, "Q4_0_8_8, a type that was given up"), (16, "IQ2_XXS"),
            (39, "MXFP4"), (77, "the unknown type 77"), (UInt32.max, "the unknown type 4294967295"),
        ] as [(UInt32, String)] {
            #expect(
                try one(.init(type: number))
                    == "tensor \"x\" of x.gguf is stored as \(name); F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to "
                    + "Q6_K, IQ4_NL and IQ4_XS can be read, so take the model in another file, such as its Q4_K_M or Q8_0"
            )
        }
    }

    @Test("scales that are no numbers are refused, as floats and as integers") func scales() throws {
        for (type, half, size) in [(2, 0, 18), (12, 2, 144), (14, 208, 210)] as [(UInt32, Int, Int)] {
            var file = GGUFBytes()
            file.tensors = [.init(dimensions: [256, 2], type: type)]
            var block = Data(repeating: 1, count: size * (type == 2 ? 8 : 1) * 2)
            block[half] = 0
            block[half + 1] = 0x7c
            file.data = block
            try withCheckpointFolder { folder in
                let url = folder.appendingPathComponent("x.gguf")
                try file.bytes.write(to: url)
                let source = try GGUFFile(url).tensorsAsStored
                var values = [Float](repeating: 0, count: 512)
                let found = #expect(throws: CheckpointError.self) {
                    try values.withUnsafeMutableBufferPointer { try source.copy("x", into: $0, checkingFinite: true) }
                }
                #expect(found?.description.contains("tensor \"x\" of \(url.path) holds") == true)
                var (integers, scales, offsets) = (
                    [Int8](repeating: 0, count: 512), [Float](repeating: 0, count: 16), [Float](repeating: 0, count: 16)
                )
                #expect(throws: CheckpointError.self) {
                    try integers.withUnsafeMutableBufferPointer { q in
                        try scales.withUnsafeMutableBufferPointer { s in
                            try offsets.withUnsafeMutableBufferPointer {
                                try source.copyIntegers("x", rows: 0..<2, into: q, scales: s, offsets: $0)
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("a vector in blocks has no values") func vectors() throws {
        var file = GGUFBytes()
        file.tensors = [.init(dimensions: [256], type: 12)]
        file.data = Data(repeating: 1, count: 144)
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("x.gguf")
            try file.bytes.write(to: url)
            let source = try GGUFFile(url).tensorsAsStored
            var values = [Float](repeating: 0, count: 256), bytes = [UInt8](repeating: 0, count: 144)
            #expect {
                try values.withUnsafeMutableBufferPointer { try source.copy("x", into: $0, checkingFinite: true) }
            } throws: {
                "\($0)".contains("a vector cannot be stored in blocks (Q4_K)")
            }
            #expect(throws: CheckpointError.self) {
                try bytes.withUnsafeMutableBytes { try source.copyBytes("x", into: $0) }
            }
        }
    }

    @Test("sizes that contradict each other or the tensors") func sizes() throws {
        func model(_ change: (inout [String: GGUFBytes.Value]) -> Void) throws -> String? {
            var values: [String: GGUFBytes.Value] = [
                "llama.embedding_length": .uint32(32), "llama.block_count": .uint32(1),
                "llama.attention.head_count": .uint32(4), "llama.feed_forward_length": .uint32(64),
                "llama.context_length": .uint32(64), "llama.attention.layer_norm_rms_epsilon": .float(1e-5),
                "tokenizer.ggml.model": .text("gpt2"), "tokenizer.ggml.pre": .text("gpt-2"),
                "tokenizer.ggml.tokens": .texts(["a", "b"]), "tokenizer.ggml.token_type": .integers([1, 1]),
            ]
            change(&values)
            return try failure { file in
                file.metadata += values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
                file.tensors = [.init(name: "token_embd.weight", dimensions: [32, 8])]
            }
        }
        #expect(try model { _ in } == nil)
        for key in ["llama.attention.head_count", "llama.context_length", "llama.attention.layer_norm_rms_epsilon"] {
            #expect(try model { $0[key] = nil } == "x.gguf, key \"\(key)\": the key is missing")
        }
        #expect(
            try model { $0["llama.block_count"] = .uint32(0) }
                == "x.gguf, key \"llama.block_count\": the value is 0, but must be between 1 and 4096")
        #expect(
            try model { $0["llama.attention.head_count"] = .uint32(0) }
                == "x.gguf, key \"llama.attention.head_count\": the value is 0, but must be between 1 and 4096")
        #expect(
            try model { $0["llama.attention.head_count_kv"] = .uint32(3) }?
                .hasSuffix("3 key heads do not divide 4 query heads") == true)
        #expect(
            try model { $0["llama.attention.head_count_kv"] = .integers([4, 2]) }?
                .hasSuffix("for each of 1 layers is needed, but the file has a list of 2") == true)
        #expect(
            try model {
                $0["llama.attention.head_count_kv"] = .integers([4, 2])
                $0["llama.block_count"] = .uint32(2)
            }?.hasSuffix("layers with different numbers of key heads cannot be read") == true)
        #expect(try model { $0["llama.attention.head_count_kv"] = .integers([2]) } == nil)
        #expect(
            try model { $0["llama.embedding_length"] = .text("32") }?.contains("key \"llama.embedding_length\"") == true
        )
        #expect(
            try model { $0["llama.expert_count"] = .uint32(8) }?.contains("a mixture of 8 experts cannot be read")
                == true)
        #expect(
            try model { $0["llama.context_length"] = .uint64(.max) }?.contains("key \"llama.context_length\"") == true)
    }
}
