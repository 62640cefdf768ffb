import Foundation
import Testing

@testable import LanguageModels
@testable import Tensors

/// Quantised matrices that are damaged, or laid out as nothing here reads.
@Compute @Suite struct QuantizationRefusalTests {
    struct Case: Sendable, CustomStringConvertible {
        var name: String
        var description: String
        var words: String
        var edit: @Sendable (inout EditedSource) -> Void

        init(
            _ name: String, _ description: String, says words: String,
            _ edit: @escaping @Sendable (inout EditedSource) -> Void
        ) {
            (self.name, self.description, self.words, self.edit) = (name, description, words, edit)
        }
    }

    private nonisolated static let state = "weight.quant_state.bitsandbytes__nf4"
    private nonisolated static func json(
        type: String = "nf4", block: Int = 64, shape: String = "[40, 64]", rest: String = ""
    ) -> EditedSource.Replacement {
        .json("{\"quant_type\": \"\(type)\", \"blocksize\": \(block), \"shape\": \(shape)\(rest)}")
    }

    private nonisolated static let cases: [Case] = [
        Case("nf4", "no state", says: "no tensor \"nf4.weight.quant_state") { $0.removed = ["nf4.\(state)"] },
        Case("nf4", "no codebook", says: "no tensor \"nf4.weight.quant_map\"") {
            $0.removed = ["nf4.weight.quant_map"]
        },
        Case("nf4", "no scales", says: "no tensor \"nf4.weight.absmax\"") { $0.removed = ["nf4.weight.absmax"] },
        Case("nf4", "no weight", says: "no tensor \"nf4.weight\"") { $0.removed = ["nf4.weight"] },
        Case("nf4", "broken JSON", says: "\"nf4.\(state)\"") { $0.replacements["nf4.\(state)"] = .json("{\"quant") },
        Case("nf4", "no block size", says: "blocksize") {
            $0.replacements["nf4.\(state)"] = .json("{\"quant_type\": \"nf4\", \"shape\": [40, 64]}")
        },
        Case("nf4", "another kind", says: "\"fp4\"") { $0.replacements["nf4.\(state)"] = json(type: "fp4") },
        Case("nf4", "blocks of 0", says: "blocks of 0 ") { $0.replacements["nf4.\(state)"] = json(block: 0) },
        Case("nf4", "blocks of 96", says: "blocks of 96 ") { $0.replacements["nf4.\(state)"] = json(block: 96) },
        Case("nf4", "huge blocks", says: "blocks of ") { $0.replacements["nf4.\(state)"] = json(block: 1 << 62) },
        Case("nf4", "another shape", says: "[64, 40]") { $0.replacements["nf4.\(state)"] = json(shape: "[64, 40]") },
        Case("nf4", "huge shape", says: "4611686018427387904") {
            $0.replacements["nf4.\(state)"] = json(shape: "[4611686018427387904, 4]")
        },
        Case("nf4", "too few codes", says: "[1280, 1]") { $0.replacements["nf4.weight"] = .zeros(.uint8, [1279, 1]) },
        Case("nf4", "too few scales", says: "[39]") { $0.replacements["nf4.weight.absmax"] = .zeros(.float32, [39]) },
        Case("nf4", "an infinite scale", says: "inf at element 3") {
            $0.replacements["nf4.weight.absmax"] = .floats((0..<40).map { $0 == 3 ? .infinity : 1 })
        },
        Case("nf4", "a codebook of 8", says: "[8]") { $0.replacements["nf4.weight.quant_map"] = .zeros(.float32, [8]) },
        Case("nf4", "scales of 8 bits without a codebook", says: "nested_blocksize") {
            $0.replacements["nf4.weight.absmax"] = .zeros(.uint8, [40])
        },
        Case("nf4", "scales of 8 bits without their scales", says: "nf4.weight.nested_quant_map") {
            $0.replacements["nf4.weight.absmax"] = .zeros(.uint8, [40])
            $0.replacements["nf4.\(state)"] = json(rest: ", \"nested_blocksize\": 256, \"nested_offset\": 0.5")
        },
        Case("int8", "no scales", says: "no tensor \"int8.SCB\"") { $0.removed = ["int8.SCB"] },
        Case("int8", "no weight", says: "no tensor \"int8.weight\"") { $0.removed = ["int8.weight"] },
        Case("int8", "unsigned", says: "U8, where I8 belongs") {
            $0.replacements["int8.weight"] = .zeros(.uint8, [9, 13])
        },
        Case("int8", "a GPU's layout", says: "col_turing") {
            $0.replacements["int8.weight_format"] = .init(type: .uint8, shape: [], bytes: [2])
        },
        Case("int8", "an unknown layout", says: "layout 77") {
            $0.replacements["int8.weight_format"] = .init(type: .uint8, shape: [], bytes: [77])
        },
        Case("int8", "many layouts", says: "\"int8.weight_format\"") {
            $0.replacements["int8.weight_format"] = .zeros(.uint8, [2])
        },
        Case("int8", "transposed", says: "[13, 9]") { $0.replacements["int8.weight"] = .zeros(.int8, [13, 9]) },
        Case("awq", "no zeros", says: "no tensor \"awq.qzeros\"") { $0.removed = ["awq.qzeros"] },
        Case("awq", "no scales", says: "no tensor \"awq.scales\"") { $0.removed = ["awq.scales"] },
        Case("awq", "GEMV", says: "GEMV layout") { $0.replacements["awq.qweight"] = .zeros(.int32, [24, 8]) },
        Case("awq", "GEMV-fast", says: "GEMV-fast") { $0.replacements["awq.qweight"] = .zeros(.int16, [6, 64]) },
        Case("awq", "GPTQ by shape", says: "GPTQ") { $0.replacements["awq.qweight"] = .zeros(.int32, [8, 24]) },
        Case("awq", "GPTQ by key", says: "GPTQ") { $0.replacements["awq.g_idx"] = .zeros(.int32, [64]) },
        Case("awq", "another shape", says: "[64, 4]") { $0.replacements["awq.qweight"] = .zeros(.int32, [64, 4]) },
        Case("awq", "groups that do not divide", says: "3 groups") {
            $0.replacements["awq.scales"] = .zeros(.float16, [3, 24])
        },
        Case("awq", "groups of 16", says: "4 groups") { $0.replacements["awq.scales"] = .zeros(.float16, [4, 24]) },
        Case("awq", "no groups", says: "0 groups") { $0.replacements["awq.scales"] = .zeros(.float16, [0, 24]) },
        Case("awq", "zeros of other groups", says: "[1, 3]") {
            $0.replacements["awq.qzeros"] = .zeros(.int32, [1, 3])
        },
        Case("awq", "scales of 32 bits", says: "F32, where F16 belongs") {
            $0.replacements["awq.scales"] = .zeros(.float32, [2, 24])
        },
        Case("awq", "a scale that is no number", says: "nan at element 1") {
            $0.replacements["awq.scales"] = .init(
                type: .float16, shape: [2, 24], bytes: [0, 0, 1, 0x7c] + Array(repeating: 0, count: 92))
        },
        Case("awq", "a divisor of 0", says: "element 0 is 0") {
            $0.replacements["absent"] = .zeros(.float32, [64])
        },
    ]
    private nonisolated static let sizes = ["nf4": (64, 40), "int8": (13, 9), "awq": (64, 24)]

    @Test(arguments: cases)
    func refuses(_ refused: Case) throws {
        var source = try EditedSource.golden()
        refused.edit(&source)
        let (input, output) = try #require(Self.sizes[refused.name])
        let reader = CheckpointReader(source)
        let error = #expect(throws: CheckpointError.self) {
            try reader.quantizedMatrix(
                refused.name, input: input, output: output, bias: nil, inputScales: "absent")
        }
        #expect(error?.description.contains(refused.words) == true, "\(error?.description ?? "nothing was thrown")")
        #expect(error?.description.contains("\"\(refused.name == "awq" ? "a" : refused.name)") == true)
        guard refused.name == "awq" else { return }
        // Whatever it is read for.
        let other = #expect(throws: CheckpointError.self) {
            try CheckpointReader(source).quantizedIntegers(
                refused.name, input: input, output: output, bias: nil, inputScales: "absent", backward: .float32)
        }
        #expect(other?.description.contains(refused.words) == true, "\(other?.description ?? "nothing was thrown")")
    }

    /// Files of PyTorch say by a text how a matrix of 8 bits is laid out.
    @Test(arguments: ["row", "col_turing", "col_ampere"])
    func readsTheLayoutThatATextNames(_ layout: String) throws {
        let file = try PyTorchFile(pyTorchGoldens.appendingPathComponent("int8/\(layout).bin"))
        func matrix() throws -> CompressedMatrix? {
            try CheckpointReader(file).quantizedMatrix("a", input: 8, output: 4, bias: nil, inputScales: nil)
        }
        guard layout != "row" else {
            let found = try matrix()
            #expect(found != nil)
            return
        }
        let error = #expect(throws: CheckpointError.self) { try matrix() }
        #expect(error?.description.contains("layout \(layout) of a GPU") == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("\"a.weight\"") == true)
    }

    /// A configuration that asks for other sizes, of any kind of matrix.
    @Test(arguments: ["nf4", "int8", "awq"])
    func refusesOtherSizes(name: String) throws {
        let (input, output) = try #require(Self.sizes[name])
        for (input, output) in [(output, input), (input + 32, output), (input, output + 8), (1 << 20, 1 << 20)] {
            #expect(throws: CheckpointError.self) {
                try CheckpointReader(try EditedSource.golden()).quantizedMatrix(
                    name, input: input, output: output, bias: nil, inputScales: nil)
            }
        }
    }

    @Test(arguments: [StoredType.float16, .bfloat16], [MatrixOrientation.inputByOutput, .outputByInput])
    func refusesSixteenBitsThatAreNoNumbers(type: StoredType, orientation: MatrixOrientation) throws {
        for (bits, value) in [(0x7c, "inf"), (0xfc, "-inf"), (0x7e, "nan")] {
            var source = try EditedSource.golden()
            let upper = type == .float16 ? UInt8(bits) : bits == 0x7e ? 0x7f : UInt8(bits & 0x80 | 0x7f)
            let lower: UInt8 = type == .float16 ? 0 : bits == 0x7e ? 0xc0 : 0x80
            let bytes = [UInt8](repeating: 0, count: 10) + [lower, upper]
            source.replacements["w"] = .init(type: type, shape: [2, 3], bytes: bytes)
            let output = orientation == .outputByInput ? 2 : 3
            let error = #expect(throws: CheckpointError.self) {
                try CheckpointReader(source).storedMatrix(
                    "w", input: 5 - output, output: output, orientation: orientation, bias: nil)
            }
            #expect(error?.description.contains("\"w\" of edited holds \(value) at element 5") == true)
        }
    }

    @Test func readsTheConfiguration() throws {
        func configuration(_ text: String) throws -> QuantizationConfiguration {
            try QuantizationConfiguration(ConfigurationReader(Data(text.utf8), file: "config.json"))
        }
        for text in [
            #"{"quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "nf4"}"#,
            #"{"load_in_8bit": true}"#,
            #"{"quant_method": "awq", "bits": 4, "group_size": 128, "version": "GEMM", "zero_point": true}"#,
            #"{"quant_method": "awq", "bits": 4, "group_size": -1}"#,
        ] { try configuration(text).check(file: "config.json") }
        for (text, words) in [
            (#"{"quant_method": "gptq", "bits": 4}"#, "\"gptq\""),
            (#"{}"#, "quant_method"),
            (#"{"quant_method": "awq", "bits": 3}"#, "3 bits"),
            (#"{"quant_method": "awq", "bits": 4, "version": "gemv_fast"}"#, "\"gemv_fast\""),
            (#"{"quant_method": "awq", "bits": 4, "group_size": 16}"#, "groups of 16"),
        ] {
            let error = #expect(throws: CheckpointError.self) { try configuration(text).check(file: "config.json") }
            #expect(error?.description.contains(words) == true)
        }
    }

    @Test func readsTheConfigurationOfAFile() throws {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("config.json")
            #expect(throws: CheckpointError.self) { try QuantizationConfiguration.read(from: url) }
            try Data(#"{"model_type": "opt"}"#.utf8).write(to: url)
            #expect(try QuantizationConfiguration.read(from: url) == nil)
            try Data(#"{"quantization_config": {"quant_method": "AWQ", "bits": 4}}"#.utf8).write(to: url)
            #expect(try QuantizationConfiguration.read(from: url)?.method == "awq")
            try Data(#"{"quantization_config": {"quant_method": "awq", "bits": "4"}}"#.utf8).write(to: url)
            #expect(throws: CheckpointError.self) { try QuantizationConfiguration.read(from: url) }
        }
    }
}
