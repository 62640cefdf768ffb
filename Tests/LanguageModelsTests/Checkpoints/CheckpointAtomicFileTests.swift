import Foundation
import Testing

@testable import LanguageModels

@Suite struct CheckpointAtomicFileTests {
    private struct Interrupted: Error {}

    private func contents(_ folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test func replacesTheWholeFile() throws {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("a.bin")
            try AtomicFile.write(Array("a first, longer text".utf8), to: url)
            // Small and large pieces, so that both go through the buffer in order.
            let large = [UInt8](repeating: 7, count: 200_000)
            try AtomicFile.write(to: url) { file in
                try file.write("x".utf8)
                try file.write(large)
                try file.write("yz".utf8)
            }
            #expect(try Data(contentsOf: url) == Data("x".utf8) + Data(large) + Data("yz".utf8))
            #expect(try contents(folder) == ["a.bin"])
        }
    }

    @Test func keepsTheOldFileWhenWritingFails() throws {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("a.bin")
            try AtomicFile.write(Array("old".utf8), to: url)
            #expect(throws: Interrupted.self) {
                try AtomicFile.write(to: url) { file in
                    try file.write([UInt8](repeating: 1, count: 100_000))
                    throw Interrupted()
                }
            }
            #expect(try Data(contentsOf: url) == Data("old".utf8))
            #expect(try contents(folder) == ["a.bin"])
        }
    }

    @Test func followsSymbolicLinks() throws {
        try withCheckpointFolder { folder in
            let target = folder.appendingPathComponent("target.bin")
            let link = folder.appendingPathComponent("link.bin")
            try AtomicFile.write(Array("old".utf8), to: target)
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: target)
            try AtomicFile.write(Array("new".utf8), to: link)
            #expect(try Data(contentsOf: target) == Data("new".utf8))
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == target.path)
        }
    }

    @Test func saysWhyAFolderCannotTakeTheFile() throws {
        try withCheckpointFolder { folder in
            let absent = folder.appendingPathComponent("absent/a.bin")
            #expect { try AtomicFile.write([1], to: absent) } throws: { "\($0)".contains("create the folder first") }
            let file = folder.appendingPathComponent("file")
            try Data([1]).write(to: file)
            #expect { try AtomicFile.write([1], to: file.appendingPathComponent("a.bin")) } throws: {
                "\($0)".contains("is a file, not a folder")
            }
            // A folder stands where the file should go.
            try FileManager.default.createDirectory(
                at: folder.appendingPathComponent("taken/x"), withIntermediateDirectories: true)
            #expect(throws: CheckpointError.self) {
                try AtomicFile.write([1], to: folder.appendingPathComponent("taken"))
            }
            #expect(try contents(folder) == ["file", "taken"])
        }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "needs /dev/full, which Linux has"))
    func saysThatTheDiskIsFull() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        defer { close(descriptor) }
        var output = AtomicFile.Output(descriptor: descriptor, file: "out/model.safetensors")
        #expect {
            try output.write([UInt8](repeating: 0, count: 1 << 20))
        } throws: { error in
            "\(error)" == "cannot write out/model.safetensors: No space left on device; "
                + "free some space or choose another folder; what was there before is unchanged"
        }
        // Small writes are buffered: the error comes with the flush.
        var small = AtomicFile.Output(descriptor: descriptor, file: "out/model.safetensors")
        try small.write([1, 2, 3])
        #expect(throws: CheckpointError.self) { try small.flush() }
    }

    @Test func writesToAPipeInsteadOfReplacingIt() throws {
        try withCheckpointFolder { folder in
            let pipe = folder.appendingPathComponent("pipe")
            #expect(mkfifo(pipe.path, 0o600) == 0)
            let reader = open(pipe.path, O_RDONLY | O_NONBLOCK)
            defer { close(reader) }
            try AtomicFile.write([1, 2, 3], to: pipe)
            var bytes = [UInt8](repeating: 0, count: 8)
            #expect(read(reader, &bytes, 8) == 3)
            #expect(bytes.prefix(3) == [1, 2, 3])
            var status = stat()
            #expect(stat(pipe.path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
            #expect(try contents(folder) == ["pipe"])
        }
    }
}
