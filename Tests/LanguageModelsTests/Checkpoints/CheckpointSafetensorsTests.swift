import Foundation
import LanguageModels
import TestSupport
import Testing

@Suite struct CheckpointSafetensorsTests {
    private let goldens = Fixtures.goldens.appendingPathComponent("checkpoints")

    @Test func readsEveryFloatFormatOfTheReferenceImplementation() throws {
        let file = try SafetensorsFile(goldens.appendingPathComponent("formats.safetensors"))
        #expect(file.names == ["bf16", "bool", "f16", "f32", "f64", "i64", "scalar"])
        #expect(file.metadata == ["format": "pt", "note": "formats"])
        for name in ["f64", "f32", "f16", "bf16"] {
            #expect(file.shape(of: name) == [3, 100])
            #expect(try file.floats(name) == checkpointPattern(300), "\(name)")
            file.releasePages(of: name)
            #expect(try file.floats(name) == checkpointPattern(300), "\(name) after its pages were released")
        }
        #expect(file.shape(of: "scalar") == [])
        #expect(try file.floats("scalar") == [2.5])
        #expect(file.storedType(of: "i64") == .int64)
        #expect(throws: CheckpointError.unsupportedType(file: file.path, key: "i64", type: "I64")) {
            _ = try file.floats("i64")
        }
    }

    @Test func writesTheBytesOfTheReferenceImplementation() throws {
        try withCheckpointFolder { folder in
            var writer = SafetensorsWriter()
            writer.add("half", shape: [7, 1], values: checkpointPattern(7), as: .float16)
            writer.add("zeta", shape: [2, 3], values: checkpointPattern(6))
            writer.add("empty", shape: [0, 4], values: [])
            writer.add("alpha.weight", shape: [5]) { _ = $0.update(from: checkpointPattern(5)) }
            writer.add("escaped \"quotes\" \\ é", shape: [1], values: checkpointPattern(1))
            let url = folder.appendingPathComponent("ours.safetensors")
            try writer.write(to: url)
            let golden = try Data(contentsOf: goldens.appendingPathComponent("written.safetensors"))
            #expect(try Data(contentsOf: url) == golden)
            let file = try SafetensorsFile(url)
            #expect(try file.floats("half") == checkpointPattern(7))
            #expect(try file.floats("empty") == [])
        }
    }

    @Test func readsTensorsAtOddAddresses() throws {
        // Early files of the hub have headers of any length, so that no tensor is aligned.
        let header =
            #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
            + #""b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},"c":{"dtype":"F64","shape":[1],"data_offsets":[9,17]},"#
            + #""d":{"dtype":"F16","shape":[1],"data_offsets":[17,19]}}"#
        var bytes = safetensorsBytes(header: header, data: 1)
        for value: Float in [1.5, -3] { bytes += withUnsafeBytes(of: value.bitPattern.littleEndian) { Data($0) } }
        bytes += withUnsafeBytes(of: (0.25).bitPattern.littleEndian) { Data($0) }
        bytes += [0x00, 0x3C]
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("odd.safetensors")
            try bytes.write(to: url)
            let file = try SafetensorsFile(url)
            #expect(try file.floats("b") == [1.5, -3])
            #expect(try file.floats("c") == [0.25])
            #expect(try file.floats("d") == [1])
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func namesTheElementThatIsNotFinite(_ bad: Float) throws {
        try withCheckpointFolder { folder in
            var values = checkpointPattern(3000)
            values[2047] = bad
            var writer = SafetensorsWriter()
            writer.add("w", shape: [3000], values: values)
            let url = folder.appendingPathComponent("bad.safetensors")
            try writer.write(to: url)
            let file = try SafetensorsFile(url)
            #expect(try file.floats("w", checkingFinite: false).count == 3000)
            do {
                _ = try file.floats("w")
                Issue.record("the check let \(bad) pass")
            } catch CheckpointError.notFinite(let path, let key, let index, _) {
                #expect((path, key, index) == (url.path, "w", 2047))
            }
        }
    }

    @Test func refusesValuesBeyondHalfPrecisionAndKeepsTheOldFile() throws {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("half.safetensors")
            try Data("old".utf8).write(to: url)
            var writer = SafetensorsWriter()
            writer.add("w", shape: [3], values: [1, 65519, 65520], as: .float16)
            #expect(throws: CheckpointError.exceedsHalfPrecision(key: "w", index: 2, value: 65520)) {
                try writer.write(to: url)
            }
            #expect(try Data(contentsOf: url) == Data("old".utf8))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["half.safetensors"])
            let (most, middle) = (Float(bitPattern: 0x7f7f_7fff), Float(bitPattern: 0xff7f_8000))
            writer = SafetensorsWriter()
            writer.add("w", shape: [3], values: [1, most, middle], as: .bfloat16)
            let error = CheckpointError.exceedsBFloat16(key: "w", index: 2, value: middle)
            #expect(throws: error) { try writer.write(to: url) }
            #expect(
                error.description
                    == "element 2 of \"w\" is -3.3961775e+38, beyond the largest bfloat16 (3.3895314e+38); save as float32"
            )
            #expect(try Data(contentsOf: url) == Data("old".utf8))
        }
    }
}
