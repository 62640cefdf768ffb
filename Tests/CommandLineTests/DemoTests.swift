import Foundation
import Testing

/// `prefixtune demo` beside other people's files; what it computes is run by `make demo`.
@Suite struct DemoTests {
    @Test func leavesAFolderAloneThatIsNotItsOwn() async throws {
        let workspace = try Workspace()
        try FileManager.default.createDirectory(at: workspace["work"], withIntermediateDirectories: true)
        try workspace.write("mine", to: "work/results.json")
        let before = try workspace.snapshot("work")
        let result = try await Tool.run(["demo", "--output", "work"], in: workspace)
        #expect(result.code == 1)
        #expect(
            result.errors.hasSuffix(
                "it is not empty and no demonstration made it; choose another folder with --output\n"),
            "\(result.errors)")
        #expect(try workspace.snapshot("work") == before)
    }

    @Test(arguments: [["demo", "--output", "work"], ["experiment", "e2e"]])
    func aProgramWithoutItsResourcesSaysSo(_ arguments: [String]) async throws {
        let workspace = try Workspace(), program = workspace["prefixtune"]
        try FileManager.default.copyItem(at: Tool.binary(), to: program)
        let result = try await Tool.start(arguments, in: workspace, executable: program).result()
        #expect(result.code == 1 && !result.wasKilled, "\(result.code)")
        #expect(
            result.errors.hasPrefix("Error: the embedded model is not at ")
                && result.errors.hasSuffix("beside the program, as `make install` does\n"),
            "\(result.errors)")
    }
}
