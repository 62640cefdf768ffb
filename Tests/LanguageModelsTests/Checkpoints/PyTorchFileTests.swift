import Foundation
import LanguageModels
import TestSupport
import Testing

/// Files of `torch.save` against what `torch.load` makes of them.
@Suite struct PyTorchFileTests {
    static let files = [
        "formats.pt", "formats.bin", "views.pt", "views.bin", "checkpoint.ckpt", "protocol2.pt", "protocol3.pt",
        "protocol4.pt", "protocol5.pt", "protocol2.bin", "protocol3.bin", "protocol4.bin", "protocol5.bin", "tensor.pt",
        "parameter.pt", "list.pt", "lists.pt", "attributes.pt", "many.pt", "zip64.pt", "windows.bin", "python2.bin",
    ]

    private static func open(_ name: String) throws -> PyTorchFile {
        try PyTorchFile(pyTorchGoldens.appendingPathComponent(name))
    }

    @Test func everyGoldenIsTested() throws {
        let found = try FileManager.default.contentsOfDirectory(atPath: pyTorchGoldens.path)
            .filter { $0.hasSuffix(".pt") || $0.hasSuffix(".bin") || $0.hasSuffix(".ckpt") }
        #expect(found.sorted() == Self.files.sorted())
    }

    /// Names, shapes, types and every element, to the bit; the storages hold only what is exact in float32.
    @Test(arguments: files)
    func readsWhatPyTorchReads(_ name: String) throws {
        let expected = try SafetensorsFile(pyTorchGoldens.appendingPathComponent("expected.safetensors"))
        let file = try Self.open(name)
        let keys = expected.names.filter { $0.hasPrefix(name + "/") }
        #expect(!keys.isEmpty)
        #expect(file.names == keys.map { String($0.dropFirst(name.count + 1)) })
        for key in keys {
            let tensor = String(key.dropFirst(name.count + 1))
            #expect(file.shape(of: tensor) == expected.shape(of: key), "\(key)")
            #expect(file.storedType(of: tensor) == expected.storedType(of: key), "\(key)")
            let bytes = try expected.withBytes(of: key) { Array($0) }
            #expect(try file.bytes(of: tensor) == bytes, "\(key)")
            if expected.storedType(of: key)?.isConvertible == true {
                let floats = try expected.floats(of: key)
                #expect(try file.floats(of: tensor) == floats, "\(key)")
                if expected.shape(of: key) != [] {
                    #expect(try file.floatsByRows(of: tensor) == [floats, floats], "\(key) by rows")
                    #expect(try expected.floatsByRows(of: key) == [floats, floats], "\(key) by rows")
                }
            }
            file.releasePages(of: tensor)
            #expect(try file.bytes(of: tensor) == bytes, "\(key) after its pages were released")
        }
    }

    @Test func tellsATensorAloneFromADictionary() throws {
        for name in ["tensor.pt", "parameter.pt"] {
            let file = try Self.open(name)
            #expect(file.isBareTensor)
            #expect(file.names == [PyTorchFile.nameOfBareTensor])
        }
        #expect(try !Self.open("list.pt").isBareTensor)
    }

    @Test func passesOverWhatIsNoTensor() throws {
        let file = try Self.open("checkpoint.ckpt")
        #expect(file.names.contains("model_state_dict.norm.num_batches_tracked"))
        #expect(file.names.contains("optimizer.state.0.exp_avg"))
        #expect(file.names.contains("history.0.loss"))
        #expect(!file.names.contains { $0.hasPrefix("epoch") || $0.hasPrefix("shape") })
    }

    @Test func refusesIntegersAsFloats() throws {
        let file = try Self.open("formats.pt")
        #expect(throws: CheckpointError.unsupportedType(file: file.path, key: "int64", type: "I64")) {
            try file.floats(of: "int64")
        }
        #expect(throws: CheckpointError.missingTensor(file: file.path, key: "int128", similar: [])) {
            try file.floats(of: "int128")
        }
        #expect(throws: CheckpointError.missingTensor(file: file.path, key: "int128", similar: [])) {
            try file.bytes(of: "int128")
        }
    }

    @Test func findsNaN() throws {
        var bytes = try Data(contentsOf: pyTorchGoldens.appendingPathComponent("python2.bin"))
        // The last two floats of the only storage.
        bytes.replaceSubrange(bytes.count - 8..<bytes.count - 4, with: [0, 0, 0x80, 0x7F])
        bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xC0, 0x7F])
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("nan.pt")
            try bytes.write(to: url)
            let file = try PyTorchFile(url)
            #expect(throws: CheckpointError.notFinite(file: url.path, key: "weight", index: 8, value: .infinity)) {
                try file.floats(of: "weight")
            }
            #expect(try file.floats(of: "weight", checkingFinite: false)[9].isNaN)
            #expect(throws: CheckpointError.notFinite(file: url.path, key: "weight", index: 8, value: .infinity)) {
                try file.floatsByRows(of: "weight")
            }
        }
    }

    @Test func worksBehindAReader() throws {
        let reader = CheckpointReader(try Self.open("protocol2.pt")).scoped("model")
        #expect(try reader.read("a", shape: [4]) == checkpointPattern(4))
        #expect(throws: CheckpointError.self) { try reader.read("b", shape: [2, 3]) }
        let pattern = checkpointPattern(6)
        #expect(try reader.read("b", shape: [3, 2]) == [0, 3, 1, 4, 2, 5].map { pattern[$0] })
        try reader.finish()
    }
}
