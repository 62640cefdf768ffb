import Foundation
@testable import LanguageModels
import Tensors
import Testing

/// Digests: of bytes, of what a model took from a checkpoint.
@Suite("Digests") struct CheckpointDigestTests {
    private static func bytes(_ count: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: UInt64(count) + 1)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    private static func digest(_ parts: [ArraySlice<UInt8>]) -> Digest {
        var digester = Digester()
        for part in parts { part.withUnsafeBytes { digester.add($0) } }
        return digester.digest
    }

    @Test("parts of any size come to the same as the whole")
    func parts() {
        var generator = SeededGenerator(seed: 3)
        for count in [0, 1, 63, 64, 65, 127, 128, 1000, 5000] {
            let bytes = Self.bytes(count), whole = Self.digest([bytes[...]])
            for _ in 0..<20 {
                var cuts = (0..<Int.random(in: 0...5, using: &generator)).map { _ in
                    Int.random(in: 0...count, using: &generator)
                }
                cuts = [0] + cuts.sorted() + [count]
                #expect(Self.digest(zip(cuts, cuts.dropFirst()).map { bytes[$0..<$1] }) == whole)
            }
        }
    }

    @Test("every bit counts, and so do length and order")
    func sensitivity() {
        let bytes = Self.bytes(200)
        var digests = [Self.digest([bytes[...]])]
        for bit in 0..<8 * bytes.count {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            digests.append(Self.digest([changed[...]]))
        }
        digests += bytes.indices.map { Self.digest([bytes[..<$0]]) }
        digests.append(Self.digest([bytes[64..<128], bytes[..<64], bytes[128...]]))
        // Zeros at the end are not the filling of a block.
        digests += (1...130).map { Self.digest([[UInt8](repeating: 0, count: $0)[...]]) }
        #expect(Set(digests).count == digests.count)
    }

    @Test("a digest is written as sixteen digits and read back")
    func text() throws {
        for digest in [Digest(0), Digest(0xabc), Digest(.max)] {
            #expect(digest.description.count == 16 && Digest(digest.description) == digest)
            let data = try JSONEncoder().encode([digest])
            #expect(try JSONDecoder().decode([Digest].self, from: data) == [digest])
        }
        for text in ["", "abc", "00000000000000AB", "+000000000000abc", "0000000000000000 ", "000000000000000g"] {
            #expect(Digest(text) == nil, "\(text)")
        }
    }

    @Test("the order of reading, a root in front, rows at a time and 16 bits make no difference; one value does")
    func checkpoints() throws {
        // Values that 16 bits hold.
        let matrix = (0..<40).map { Float($0 % 7) - 2.5 }, vector = (0..<8).map { Float($0) / 4 }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("prefixtune-digest-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func reader(_ root: String, _ format: SafetensorsWriter.Format = .float32, changing: Bool = false) throws
            -> CheckpointReader
        {
            var writer = SafetensorsWriter()
            writer.add("\(root)a", shape: [5, 8], values: changing ? [1] + matrix.dropFirst() : matrix, as: format)
            writer.add("\(root)b", shape: [8], values: vector, as: format)
            let file = folder.appendingPathComponent("\(UUID()).safetensors")
            try writer.write(to: file)
            let reader = CheckpointReader(try SafetensorsFile(file))
            return root.isEmpty ? reader : reader.scoped(String(root.dropLast()))
        }
        let plain = try reader("")
        _ = try plain.read("a", shape: [5, 8])
        _ = try plain.read("b", shape: [8])

        let turned = try reader("transformer.")
        _ = try turned.read("b", shape: [8])
        try turned.withRows(of: "a", shape: [5, 8]) { copy in
            for rows in [3..<5, 0..<1, 1..<3] {
                var values = [Float](repeating: 0, count: rows.count * 8)
                try values.withUnsafeMutableBufferPointer { try copy(rows, $0) }
            }
        }
        #expect(turned.digest == plain.digest)

        let halves = try reader("model.", .float16)
        _ = try halves.readBytes("a", shape: [5, 8], type: .float16)
        _ = try halves.read("b", shape: [8])
        #expect(halves.digest == plain.digest)

        let other = try reader("", changing: true)
        _ = try other.read("a", shape: [5, 8])
        #expect(other.digest != plain.digest)
        _ = try other.read("b", shape: [8])
        #expect(other.digest != plain.digest)
    }

    @Test("a folder is locked for one, and free again after it; what a killed process left hinders nobody")
    func locks() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("prefixtune-lock-\(UUID())/in")
        let file = folder.appendingPathComponent("lock")
        do {
            let lock = try FolderLock(folder)
            defer { withExtendedLifetime(lock) {} }
            #expect(throws: CheckpointError.self) { _ = try FolderLock(folder) }
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(text.hasPrefix("process \(ProcessInfo.processInfo.processIdentifier) on "))
        }
        #expect(!FileManager.default.fileExists(atPath: folder.deletingLastPathComponent().path), "nothing is left")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
        try Data(
            "process 1 on elsewhere, and more than the next one writes: \(String(repeating: "x", count: 300))".utf8
        )
        .write(to: file)
        let lock = try FolderLock(folder)
        #expect(try String(contentsOf: file, encoding: .utf8).split(separator: "\n").count == 1)
        withExtendedLifetime(lock) {}
    }
}
