import Foundation
import Testing

/// Files of a few megabytes that were made to take gigabytes or minutes: each costs at most 16 times its size and 64 MB of
/// memory, a second for each megabyte and one more, and ends with a sentence.
@Suite(.serialized) struct CheckpointBombTests {
    /// Address space of the tool with the tiny model, rounded up: libraries, threads and their stacks.
    private static let base = 500
    #if DEBUG
        /// Swift that is not optimised takes so many times as long.
        private static let slowness = 6
    #else
        private static let slowness = 1
    #endif

    struct Bomb: CustomTestStringConvertible, Sendable {
        var name: String
        var file: String
        var says: String
        var contents: @Sendable () -> Data
        var testDescription: String { name }
    }

    static let bombs = [
        Bomb(name: "a long list in itself", file: "pytorch_model.bin", says: "too many for its size") {
            archive(bytes(0x80, 2) + "]q\0(h\0" + repeated("N", 4_194_294) + "e.")
        },
        Bomb(
            name: "a long list in itself, within what a file of its size may hold", file: "pytorch_model.bin",
            says: "nested deeper"
        ) {
            archive(bytes(0x80, 2) + "]q\0(h\0" + repeated("N", 100_000) + "e.", padding: 4_000_000)
        },
        Bomb(name: "many descriptions of one storage", file: "pytorch_model.bin", says: "values, which is too many") {
            archive(storages(200_000))
        },
        Bomb(name: "as many descriptions as a file of its size may hold", file: "pytorch_model.bin", says: "storage") {
            archive(storages(60_000), padding: 4_000_000)
        },
        Bomb(name: "lists that hold each other", file: "pytorch_model.bin", says: "too many times") {
            let levels = (0..<28).map { bytes(0x5D, 0x28, 0x68, $0, 0x68, $0, 0x65, 0x71, $0 + 1) }.reduce(Data(), +)
            return archive(bytes(0x80, 2) + "(]q\0" + levels + "t.")
        },
        Bomb(name: "a header of empty tensors", file: "model.safetensors", says: "has no tensor") {
            let entries = (0..<60_000).map { "\"\($0)\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]}" }
            return header("{" + entries.joined(separator: ",") + "}")
        },
        Bomb(name: "a header of metadata", file: "model.safetensors", says: "has no tensor") {
            let entries = (0..<300_000).map { "\"\($0)\":\"\"" }
            return header("{\"__metadata__\":{" + entries.joined(separator: ",") + "}}")
        },
        Bomb(name: "a shape of two million dimensions", file: "model.safetensors", says: "dimensions") {
            header(
                "{\"a\":{\"dtype\":\"I8\",\"shape\":[" + String(repeating: "1,", count: 2_000_000)
                    + "1],\"data_offsets\":[0,0]}}")
        },
        Bomb(name: "a long index", file: "model.safetensors.index.json", says: "values") {
            let entries = (0..<400_000).map { "\"\($0)\":\"a\"" }
            return Data(("{\"weight_map\":{" + entries.joined(separator: ",") + "}}").utf8)
        },
        Bomb(name: "an index of many files", file: "model.safetensors.index.json", says: "cannot read") {
            let entries = (0..<200_000).map { "\"\($0)\":\"\($0)\"" }
            return Data(("{\"weight_map\":{" + entries.joined(separator: ",") + "}}").utf8)
        },
        Bomb(name: "a configuration of many lists", file: "config.json", says: "values") {
            Data(("{\"model_type\":\"opt\",\"a\":[" + String(repeating: "[[]],", count: 800_000) + "0]}").utf8)
        },
        Bomb(name: "a name of a megabyte", file: "model.safetensors", says: "has no tensor") {
            let name = String(repeating: ".rotary_emb.inv_fre", count: 60_000)
            return header("{\"\(name)\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]}}")
        },
    ]

    @Test(arguments: bombs)
    func endsWithASentence(_ bomb: Bomb) throws {
        let workspace = try Workspace(), contents = bomb.contents()
        if bomb.file != "config.json" {
            try FileManager.default.removeItem(at: workspace["model/model.safetensors"])
        }
        try contents.write(to: workspace["model/\(bomb.file)"])
        let size = Double(contents.count) / 1_048_576
        let result = try LimitedTool.run(
            ["generate", "--model", "model", "--prompt", "the cat"], in: workspace,
            megabytes: Self.base + Int(16 * size) + 64, seconds: Self.slowness * Int(2 + size))
        #expect(!result.wasKilled && result.code == 1, "\(result.code) \(result.errors.prefix(300))")
        #expect(result.errors.contains(bomb.says), "\(result.errors.prefix(300))")
    }

    /// The limits leave the tool room: else nothing above would say anything.
    @Test func worksWithinTheLimits() throws {
        let workspace = try Workspace()
        let result = try LimitedTool.run(
            ["generate", "--model", "model", "--prompt", "the cat", "--max-new-tokens", "2"], in: workspace,
            megabytes: Self.base + 64, seconds: 2 * Self.slowness)
        #expect(result.code == 0, "\(result.errors)")
    }

    private static func bytes(_ values: UInt8...) -> Data { Data(values) }
    private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    /// A safetensors file without data.
    private static func header(_ text: String) -> Data {
        withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { Data($0) } + Data(text.utf8)
    }

    /// A tuple of so many references to one storage, each of another length.
    private static func storages(_ count: Int) -> Data {
        var pickle =
            bytes(0x80, 2) + "(X\u{7}\0\0\0storageq\0ctorch\nFloatStorage\nq\u{1}"
            + "X\u{1}\0\0\0" + "0q\u{2}X\u{3}\0\0\0cpuq\u{3}"
        for number in 0..<UInt32(count) {
            pickle += bytes(0x28, 0x68, 0, 0x68, 1, 0x68, 2, 0x68, 3, 0x4A)
            pickle += withUnsafeBytes(of: number.littleEndian) { Data($0) }
            pickle += bytes(0x74, 0x51)
        }
        return pickle + "t."
    }

    /// A zip archive of one stored entry `a/data.pkl`, and one of so many zeros.
    private static func archive(_ pickle: Data, padding: Int = 0) -> Data {
        func number(_ value: Int, _ size: Int) -> Data {
            Data((0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
        }
        var file = Data(), table = Data(), count = 0
        for (name, data) in [("a/data.pkl", pickle), ("a/padding", Data(count: padding))] {
            let sizes = number(0, 4) + number(data.count, 4) + number(data.count, 4) + number(name.utf8.count, 2)
            table +=
                number(0x0201_4B50, 4) + number(0, 12) + sizes + number(0, 12) + number(file.count, 4) + Data(name.utf8)
            file += number(0x0403_4B50, 4) + number(0, 10) + sizes + number(0, 2) + Data(name.utf8) + data
            count += 1
        }
        let end = number(0x0605_4B50, 4) + number(0, 4) + number(count, 2) + number(count, 2) + number(table.count, 4)
        return file + table + end + number(file.count, 4) + number(0, 2)
    }
}

extension Data {
    fileprivate static func + (a: Data, b: String) -> Data { a + Data(b.utf8) }
}
