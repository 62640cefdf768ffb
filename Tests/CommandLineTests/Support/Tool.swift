import Foundation
import TestSupport

/// The built command-line tool, run as a process.
enum Tool {
    /// What a run left.
    struct Result {
        let code: Int32
        /// Whether a signal ended it.
        let wasKilled: Bool
        let output: String
        let errors: String
    }

    struct NotBuilt: Error, CustomStringConvertible {
        let searched: [String]
        var description: String {
            "the command-line tool is at none of \(searched); build it with the tests, or name it in PREFIXTUNE_BINARY"
        }
    }

    /// Beside the test bundle, where the package manager puts it.
    static func binary() throws -> URL {
        var candidates: [URL] = []
        if let named = ProcessInfo.processInfo.environment["PREFIXTUNE_BINARY"] {
            candidates.append(URL(fileURLWithPath: named))
        }
        let bundles = Bundle.allBundles.filter { $0.bundlePath.hasSuffix(".xctest") }.map(\.bundleURL)
        for place in bundles + [Bundle.main.executableURL].compactMap({ $0 }) {
            candidates.append(place.deletingLastPathComponent().appendingPathComponent("prefixtune"))
        }
        if let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) {
            return found
        }
        throw NotBuilt(searched: candidates.map(\.path))
    }

    /// Starts the tool.
    ///
    /// - Parameters:
    ///   - input: What standard input is; nothing by default.
    ///   - output: Where standard output goes; a file of the workspace by default.
    ///   - limits: What the shell limits first: "ulimit -v 500000".
    ///   - more: Variables of the environment. The network is off unless they say otherwise.
    static func start(
        _ arguments: [String], in workspace: Workspace, input: URL? = nil, output: URL? = nil, limits: String? = nil,
        environment more: [String: String] = [:], executable: URL? = nil
    ) throws -> Running {
        let process = Process()
        process.executableURL = try executable ?? binary()
        process.arguments = arguments
        if let limits {
            process.arguments = ["-c", "\(limits); ulimit -c 0; exec \"$0\" \"$@\"", try binary().path] + arguments
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
        }
        process.currentDirectoryURL = workspace.folder
        let reading = try input.map { try FileHandle(forReadingFrom: $0) }
        process.standardInput = reading ?? FileHandle.nullDevice
        var environment = ProcessInfo.processInfo.environment
        // Many of these tests run at a time.
        environment["GOMP_SPINCOUNT"] = "0"
        environment["COLUMNS"] = nil
        if limits != nil { environment["SWIFT_BACKTRACE"] = "enable=no" }
        for name in environment.keys where name.hasPrefix("HF_") { environment[name] = nil }
        environment["HF_HUB_OFFLINE"] = "1"
        environment["HF_HOME"] = workspace.folder.appendingPathExtension("hub").path
        process.environment = environment.merging(more) { $1 }
        let running = Running(
            process: process, output: output ?? workspace.unusedLog("out"), errors: workspace.unusedLog("err"))
        let writing = (try running.handle(running.output), try running.handle(running.errors))
        process.standardOutput = writing.0
        process.standardError = writing.1
        // A `Process` is never freed and would keep its files open until all tests are done. Where 1,365 are open, the names in
        // /proc/self/fd fill the 32 kB that `readdir` reads at a time, and `Process.run` copies 256 bytes of the last one, which is
        // beyond them.
        defer { for handle in [reading, writing.0, writing.1] { try? handle?.close() } }
        try process.run()
        return running
    }

    /// A command line of the tool in a script.
    static func line(_ arguments: [String]) -> String {
        (["\"$tool\""] + arguments.map { "'\($0)'" }).joined(separator: " ")
    }

    /// A script that sends the tool a signal once a file has some lines, and ends with the tool's exit code, which is that of a
    /// shell: 128 + the signal.
    ///
    /// - Parameter first: What is done before the signal.
    static func interruption(
        _ arguments: [String], by number: Int32, after lines: Int, linesOf file: String, first: String = ":"
    ) -> String {
        // Bash starts what runs in the background with SIGINT ignored, but for job control.
        """
        set -m
        \(line(arguments)) & pid=$!
        while kill -0 $pid 2>/dev/null; do
            lines=$(wc -l 2>/dev/null < '\(file)')
            [ "${lines:-0}" -lt \(lines) ] || break
            sleep 0.002
        done
        \(first)
        kill -\(number) $pid
        wait $pid
        """
    }

    /// Runs a script of bash, for which `$tool` is the tool.
    static func shell(
        _ script: String, in workspace: Workspace, environment: [String: String] = [:]
    ) async throws -> Result {
        try await start(
            ["-c", script], in: workspace, environment: environment.merging(["tool": binary().path]) { $1 },
            executable: URL(fileURLWithPath: "/bin/bash")
        ).result()
    }

    /// Runs the tool to its end.
    static func run(_ arguments: [String], in workspace: Workspace, output: URL? = nil) async throws -> Result {
        try await start(arguments, in: workspace, output: output).result()
    }

    /// What a shell does first, so that a process ends that wants more addresses or processor time. Addresses are not limited where
    /// a sanitizer reserves them.
    static func limits(megabytes: Int, seconds: Int) -> String {
        "ulimit -t \(seconds * Sanitizer.slowness)" + (Sanitizer.reservesAddresses ? "" : " -v \(megabytes * 1024)")
    }

    /// A started process. Its output goes to files, which never block it.
    struct Running {
        let process: Process
        let output: URL
        let errors: URL

        fileprivate func handle(_ file: URL) throws -> FileHandle {
            if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
            return try FileHandle(forWritingTo: file)
        }

        /// Waits for the end, a minute at most without a sanitizer.
        func result() async throws -> Result {
            let deadline = Date(timeIntervalSinceNow: Double(60 * Sanitizer.slowness))
            while process.isRunning {
                if Date() > deadline { process.terminate() }
                try await Task.sleep(for: .milliseconds(5))
            }
            func text(_ file: URL) -> String {
                file.path.hasPrefix("/dev/")
                    ? "" : String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
            }
            return Result(
                code: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal,
                output: text(output), errors: text(errors))
        }
    }
}
