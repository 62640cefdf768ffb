import Foundation

/// The tool under limits of the system: what goes beyond them ends by a signal or without memory.
enum LimitedTool {
    /// Runs the tool.
    ///
    /// - Parameters:
    ///   - megabytes: The most address space.
    ///   - seconds: The most time of all processors.
    static func run(
        _ arguments: [String], in workspace: Workspace, megabytes: Int, seconds: Int
    ) throws -> Tool.Result {
        let process = Process(), output = workspace.unusedLog("out"), errors = workspace.unusedLog("err")
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments =
            [
                "-c", "\(Tool.limits(megabytes: megabytes, seconds: seconds)) && exec \"$0\" \"$@\"",
                try Tool.binary().path,
            ]
            + arguments
        process.currentDirectoryURL = workspace.folder
        process.standardInput = FileHandle.nullDevice
        var environment = ProcessInfo.processInfo.environment
        environment["GOMP_SPINCOUNT"] = "0"
        environment["OMP_NUM_THREADS"] = "2"
        // One arena of malloc, so that address space is asked for as it is used.
        environment["MALLOC_ARENA_MAX"] = "1"
        process.environment = environment
        for file in [output, errors] { try Data().write(to: file) }
        let writing = (try FileHandle(forWritingTo: output), try FileHandle(forWritingTo: errors))
        process.standardOutput = writing.0
        process.standardError = writing.1
        // Or they stay open until all tests are done; see `Tool.start`.
        defer { for handle in [writing.0, writing.1] { try? handle.close() } }
        try process.run()
        process.waitUntilExit()
        func text(_ file: URL) throws -> String { String(decoding: try Data(contentsOf: file), as: UTF8.self) }
        return Tool.Result(
            code: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal,
            output: try text(output), errors: try text(errors))
    }
}
