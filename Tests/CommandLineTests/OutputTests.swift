import Foundation
import Testing

/// Places that cannot be written to: a clear sentence, and what was there stays.
@Suite struct OutputTests {
    /// Commands that write to `place`.
    private static func commands(_ place: String, _ workspace: Workspace) -> [[String]] {
        [
            workspace.train(place),
            ["score", "--model", "model", "--data", "data.jsonl", "--output", place],
            ["generate", "--model", "model", "--input", "data.jsonl", "--max-new-tokens", "4", "--output", place],
        ]
    }

    private func expectRefusal(
        _ place: String, _ workspace: Workspace, reason: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let before = try workspace.snapshot()
        for command in Self.commands(place, workspace) {
            let result = try await Tool.run(command, in: workspace)
            #expect(result.code == 1, "\(command[0])", sourceLocation: sourceLocation)
            #expect(result.output == "", sourceLocation: sourceLocation)
            let last = result.errors.split(separator: "\n").last ?? ""
            #expect(last.hasPrefix("Error: cannot write "), "\(last)", sourceLocation: sourceLocation)
            #expect(last.contains(reason), "\(last)", sourceLocation: sourceLocation)
            #expect(try workspace.snapshot() == before, "\(command[0])", sourceLocation: sourceLocation)
        }
    }

    @Test func throughAFile() async throws {
        let workspace = try Workspace()
        try await expectRefusal(
            "data.jsonl/deeper", workspace,
            reason: "/data.jsonl/deeper: Not a directory; a part of its path is a file, not a folder; "
                + "what was there before is unchanged")
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self"), "there is no /proc here"))
    func inAFolderThatTakesNoFiles() async throws {
        let workspace = try Workspace()
        try await expectRefusal(
            "/proc/prefixtune/x", workspace, reason: "/proc/prefixtune/x: No such file or directory")
    }

    @Test func aFolderWhereAFileIsAsked() async throws {
        let workspace = try Workspace()
        try FileManager.default.createDirectory(at: workspace["folder"], withIntermediateDirectories: true)
        let before = try workspace.snapshot()
        for command in Self.commands("folder", workspace).dropFirst() {
            let result = try await Tool.run(command, in: workspace)
            #expect(result.code == 1)
            #expect(
                result.errors.contains("cannot write \(workspace["folder"].path): Is a directory"), "\(result.errors)")
            #expect(try workspace.snapshot() == before)
        }
    }

    @Test(.enabled(if: SmallDisk.isPossible, "this process may not mount file systems"))
    func onAReadOnlyDisk() async throws {
        let workspace = try Workspace()
        try await SmallDisk.with(kilobytes: 64, in: workspace, named: "disk") { disk in
            #expect(disk.makeReadOnly())
            try await expectRefusal(
                "disk/x", workspace,
                reason:
                    "Read-only file system; choose a folder that you may write in; what was there before is unchanged")
        }
    }

    @Test(.enabled(if: SmallDisk.isPossible, "this process may not mount file systems"))
    func onAFullDisk() async throws {
        let workspace = try Workspace()
        try await SmallDisk.with(kilobytes: 64, in: workspace, named: "disk") { disk in
            try workspace.write("what was there before", to: "disk/x")
            try Data(count: 56 << 10).write(to: disk.folder.appendingPathComponent("filling"))
            let before = try workspace.snapshot("disk")
            for command in Self.commands("disk/x", workspace).dropFirst() {
                // Data that is more than what is left, a few pages.
                try workspace.write(String(repeating: Workspace.data, count: 60), to: "data.jsonl")
                let result = try await Tool.run(command, in: workspace)
                #expect(result.code == 1)
                #expect(
                    result.errors.hasSuffix(
                        "cannot write \(workspace["disk/x"].path): No space left on device; free some space or choose "
                            + "another folder; what was there before is unchanged\n"), "\(result.errors)")
                #expect(try workspace.snapshot("disk") == before)
            }
            let training = try await Tool.run(workspace.train("disk/run"), in: workspace)
            #expect(training.code == 1)
            #expect(training.errors.contains(": No space left on device; free some space"), "\(training.errors)")
            #expect(try workspace.snapshot("disk")["x"] == Data("what was there before".utf8))
        }
    }

    @Test(.enabled(if: SmallDisk.isPossible, "this process may not mount file systems"))
    func aDiskThatFillsUpDuringTraining() async throws {
        let workspace = try Workspace()
        try await SmallDisk.with(kilobytes: 108, in: workspace, named: "disk") { disk in
            // A state has about 52 kB: the first one fits; its successor, beside it until it is whole, does not.
            let result = try await Tool.run(
                workspace.train("disk/run", steps: 40, "--save-every", "1"), in: workspace)
            #expect(result.code == 1)
            #expect(result.errors.contains(": No space left on device; free some space"), "\(result.errors)")
            let left = try workspace.snapshot("disk/run").keys
            #expect(left.contains("training-state/state.safetensors"))
            #expect(!left.contains { $0.hasSuffix(".tmp") }, "\(left)")
            let inspection = try await Tool.run(["inspect", "disk/run"], in: workspace)
            #expect(inspection.code == 0, "\(inspection.errors)")
            #expect(inspection.output.contains("of 40, not finished"), "\(inspection.output)")
        }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "there is no /dev/full here"))
    func standardOutputThatIsFull() async throws {
        let workspace = try Workspace()
        for command in [
            ["score", "--model", "model", "--data", "data.jsonl"],
            ["generate", "--model", "model", "--prompt", "x"], ["inspect", "model"],
        ] {
            let result = try await Tool.run(command, in: workspace, output: URL(fileURLWithPath: "/dev/full"))
            #expect(result.code == 1)
            #expect(
                result.errors.hasSuffix(
                    "Error: cannot write the results to standard output: the disk may be full or the other end closed; "
                        + "give a file with --output\n"), "\(result.errors)")
        }
    }

    @Test func aDeviceIsWrittenToAndNotReplaced() async throws {
        let workspace = try Workspace()
        let result = try await Tool.run(
            ["score", "--model", "model", "--data", "data.jsonl", "--output", "/dev/null"], in: workspace)
        #expect(result.code == 0, "\(result.errors)")
        let kind = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
        #expect(kind == .typeCharacterSpecial)
    }
}
