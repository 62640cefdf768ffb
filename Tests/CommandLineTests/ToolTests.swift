import Foundation
import Testing

/// What the other suites of this folder run the tool with.
@Suite struct ToolTests {
    #if os(Linux)
        /// Thousands of runs in one process otherwise end it; see `Tool.start`.
        @Test func aRunLeavesNoOpenFile() async throws {
            let workspace = try Workspace()
            try workspace.write("", to: "input")
            let output = workspace["output"]
            let running = try Tool.start(["--version"], in: workspace, input: workspace["input"], output: output)
            let result = try await running.result()
            #expect(result.code == 0)
            _ = try LimitedTool.run(["--version"], in: workspace, megabytes: 4000, seconds: 20)
            let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
            let open = descriptors.compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
            }
            let mine = open.filter { $0.hasPrefix(workspace.folder.path) }
            #expect(mine == [])
        }
    #endif
}
