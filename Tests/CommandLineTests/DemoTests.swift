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
}
