import Foundation

/// A file system of its own, in memory, where the tests may mount one (Linux, as root).
struct SmallDisk {
    let folder: URL

    /// Whether this process may mount file systems.
    static let isPossible: Bool = {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "prefixtune-disk-\(UUID().uuidString)")
        guard (try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)) != nil else {
            return false
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        guard command("mount", "-t", "tmpfs", "-o", "size=16k", "none", folder.path) else { return false }
        return command("umount", folder.path)
    }()

    /// Mounts a disk of `kilobytes` at a new folder of the workspace, and unmounts it after `body`.
    static func with(
        kilobytes: Int, in workspace: Workspace, named name: String, _ body: (SmallDisk) async throws -> Void
    ) async throws {
        let folder = workspace[name]
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        guard command("mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k", "none", folder.path) else {
            throw CocoaError(.featureUnsupported)
        }
        defer { _ = command("umount", "-l", folder.path) }
        try await body(SmallDisk(folder: folder))
    }

    /// Makes everything on it immutable.
    func makeReadOnly() -> Bool { Self.command("mount", "-o", "remount,ro", folder.path) }

    private static func command(_ arguments: String...) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
