import Foundation
import TestSupport
import Testing

/// The library of Tests/Faults that lets calls of the tool fail, where it can be built and loaded: Linux, with a C compiler.
enum Faults {
    /// Built once.
    static let library: URL? = {
        #if os(Linux)
            let library = FileManager.default.temporaryDirectory.appendingPathComponent(
                "prefixtune-faults-\(UUID().uuidString).so")
            let source = Fixtures.goldens.appendingPathComponent("../Faults/faults.c").standardizedFileURL
            for compiler in ["cc", "clang", "gcc"] {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
                process.arguments = [compiler, "-shared", "-fPIC", "-O1", "-o", library.path, source.path]
                process.standardOutput = FileHandle.nullDevice
                process.standardError = FileHandle.nullDevice
                guard (try? process.run()) != nil else { continue }
                process.waitUntilExit()
                if process.terminationStatus == 0 {
                    atexit { if let library = Faults.library { try? FileManager.default.removeItem(at: library) } }
                    return library
                }
            }
        #endif
        return nil
    }()

    static let reason: Comment = "there is no C compiler here, or no LD_PRELOAD"

    /// The environment in which call number `at` below a folder fails.
    ///
    /// - Parameters:
    ///   - kind: As the head of faults.c lists them.
    ///   - log: Gets a line for each call.
    static func environment(
        _ kind: String = "", at: Int = 0, below folder: URL, log: URL? = nil
    ) -> [String: String] {
        var variables = [
            "LD_PRELOAD": library?.path ?? "", "FAULTS_FOLDER": folder.path, "FAULTS_KIND": kind, "FAULTS_AT": "\(at)",
        ]
        variables["FAULTS_LOG"] = log?.path
        return variables
    }
}
