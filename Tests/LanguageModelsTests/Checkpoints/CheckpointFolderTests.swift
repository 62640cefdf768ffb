import Foundation
import LanguageModels
import Testing

@Suite struct CheckpointFolderTests {
    private func write(_ keys: [String], to url: URL) throws {
        var writer = SafetensorsWriter()
        for key in keys { writer.add(key, shape: [1], values: [Float(key.utf8.count)]) }
        try writer.write(to: url)
    }

    /// A folder with two shards that hold the keys a, bb and ccc.
    private func withShards(index: String, _ body: (URL) throws -> Void) throws {
        try withCheckpointFolder { folder in
            try write(["a", "bb"], to: folder.appendingPathComponent("one.safetensors"))
            try write(["ccc"], to: folder.appendingPathComponent("two.safetensors"))
            try Data(index.utf8).write(to: folder.appendingPathComponent("model.safetensors.index.json"))
            try body(folder)
        }
    }

    @Test func readsOneFile() throws {
        try withCheckpointFolder { folder in
            try write(["a", "bb"], to: folder.appendingPathComponent("model.safetensors"))
            let reader = try CheckpointReader(folder: folder)
            #expect(try reader.read("a", shape: [1]) == [1])
            #expect(throws: CheckpointError.self) { try reader.finish() }
            #expect(try reader.read("bb", shape: [1]) == [2])
            try reader.finish()
        }
    }

    @Test func readsSeveralFilesAndNamesTheRightOne() throws {
        let map = #"{"a":"one.safetensors","bb":"one.safetensors","ccc":"two.safetensors"}"#
        try withShards(index: #"{"metadata":{"total_size":12},"weight_map":\#(map)}"#) { folder in
            let reader = try CheckpointReader(folder: folder)
            #expect(try reader.read("a", shape: [1]) == [1])
            #expect(try reader.read("bb", shape: [1]) == [2])
            let second = folder.appendingPathComponent("two.safetensors").path
            #expect(throws: CheckpointError.wrongShape(file: second, key: "ccc", expected: [2], found: [1])) {
                try reader.read("ccc", shape: [2])
            }
            #expect(throws: CheckpointError.unexpectedTensors(file: second, keys: ["ccc"])) { try reader.finish() }
            #expect(try reader.read("ccc", shape: [1]) == [3])
            try reader.finish()
        }
    }

    @Test(arguments: [
        (#"{"weight_map":{"a":"../one.safetensors"}}"#, "is not the name of a file"),
        (#"{"weight_map":{"a":".."}}"#, "is not the name of a file"),
        (#"{"weight_map":{"a":"absent.safetensors"}}"#, "No such file"),
        (#"{"weight_map":{"a":"one.safetensors"}}"#, "does not use: \"bb\""),
        (#"{"weight_map":{"a":"two.safetensors"}}"#, "has no tensor \"a\""),
        (#"{"weight_map":3}"#, "weight_map"),
        ("{", "index.json"),
    ])
    func refusesAnIndexThatContradictsTheFiles(_ index: String, says: String) throws {
        try withShards(index: index) { folder in
            #expect {
                try CheckpointReader(folder: folder)
            } throws: { error in
                "\(error)".contains(says)
            }
        }
    }

    @Test func saysWhatAFolderLacks() throws {
        try withCheckpointFolder { folder in
            let absent = folder.appendingPathComponent("absent")
            #expect { try CheckpointReader(folder: absent) } throws: { "\($0)".contains("no such folder") }
            #expect { try CheckpointReader(folder: folder) } throws: { "\($0)".contains("neither model.safetensors") }
        }
    }
}
