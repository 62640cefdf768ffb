import Testing

/// What shells offer for the first letters of a value.
@Suite struct CompletionTests {
    @Test func namesOfTasksAndMethodsAreOffered() async throws {
        let result = try await Tool.run(["--generate-completion-script", "fish"], in: Workspace())
        let lines = result.output.split(separator: "\n")
        for (option, values) in [("task", "e2e webnlg dart xsum jsonl"), ("method", "prefix fine-tune top-layers")] {
            let offers = lines.filter { $0.contains("prefixtune train\" \(option)' -l '\(option)'") }
            #expect(offers.count == 1 && offers.allSatisfy { $0.contains("-rfka '\(values)") }, "\(offers)")
        }
    }
}
