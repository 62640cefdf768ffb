import Foundation
import Testing

/// Disks that fail in the middle of a save. All calls of whole runs, and processes that end at them, are the matter of
/// Tests/Faults/run.py (`make faults`); here it is every call of one save.
@Suite(.enabled(if: Faults.library != nil, Faults.reason)) struct FaultTests {
    /// A folder for one run, and the run's arguments.
    private struct Place {
        let workspace: Workspace
        func arguments(_ more: String...) -> [String] {
            workspace.train(
                "run", steps: 4, "--save-every", "2", "--validation", "data.jsonl", "--validate-every", "2", "--quiet")
                + more
        }
        var folder: URL { workspace["run"] }
        func run(_ environment: [String: String], _ more: String...) async throws -> Tool.Result {
            try await Tool.start(arguments() + more, in: workspace, environment: environment).result()
        }
    }

    /// Everything but times, process numbers and the path of the workspace.
    private func essence(_ place: Place) throws -> [String: String] {
        var files: [String: String] = [:]
        for (name, data) in try place.workspace.snapshot("run") where !name.hasSuffix("summary.json") {
            if name.hasSuffix("/lock") || name == "lock" || name.hasSuffix("report.html") { continue }
            let text = String(data.map { Character(Unicode.Scalar($0)) })
            files[name] = text.replacing(/"seconds":[-+0-9.e]+/, with: "")
                .replacing(place.workspace.folder.lastPathComponent, with: "")
        }
        return files
    }

    /// What an undisturbed run leaves, and the numbers of the calls from its second saved state to its third.
    private func whole() async throws -> (files: [String: String], calls: [(number: Int, what: String)]) {
        let place = Place(workspace: try Workspace()), log = place.workspace.unusedLog("calls")
        let result = try await place.run(Faults.environment(below: place.folder, log: log))
        #expect(result.code == 0, "\(result.errors)")
        let lines = try String(contentsOf: log, encoding: .utf8).split(separator: "\n").map(String.init)
        let saves = lines.indices.filter { lines[$0].contains(" rename ") && lines[$0].hasSuffix("/state.safetensors") }
        try #require(saves.count == 3, "\(lines)")
        return (try essence(place), lines.indices[(saves[0] + 1)...saves[1]].map { ($0 + 1, lines[$0]) })
    }

    @Test func everyCallOfASaveFails() async throws {
        let (expected, calls) = try await whole()
        #expect(calls.count > 20)
        for (number, what) in calls {
            let place = Place(workspace: try Workspace())
            let kind = number.isMultiple(of: 2) ? "EIO" : "ENOSPC"
            let result = try await place.run(Faults.environment(kind, at: number, below: place.folder))
            // A folder that is there need not be made.
            if what.contains(" mkdir "), result.code == 0 {
                #expect(try essence(place) == expected, "\(kind) at \(what)")
                continue
            }
            #expect(result.code == 1 && !result.wasKilled, "\(kind) at \(what): \(result.code)")
            #expect(
                result.errors.hasPrefix("Error: ") && result.errors.split(separator: "\n").count == 1,
                "\(kind) at \(what): \(result.errors)")
            let resumed = try await place.run([:], "--resume")
            #expect(resumed.code == 0, "\(kind) at \(what): \(resumed.errors)")
            #expect(try essence(place) == expected, "\(kind) at \(what)")
        }
    }

    /// A signal cuts a call short, or a disk takes less than it was given: nothing of that is an error.
    @Test(arguments: ["EINTR", "short"])
    func everyCallOfASaveIsCutShort(_ kind: String) async throws {
        let (expected, calls) = try await whole()
        for (number, what) in calls where kind == "EINTR" || what.contains(" write ") {
            let place = Place(workspace: try Workspace())
            let result = try await place.run(Faults.environment(kind, at: number, below: place.folder))
            #expect(result.code == 0 && result.errors == "", "\(kind) at \(what): \(result.errors)")
            #expect(try essence(place) == expected, "\(kind) at \(what)")
        }
    }

    /// A run that ends before it has a state is begun again, and leaves nothing of the first try.
    @Test func aProcessThatEndsBeforeTheFirstState() async throws {
        let (expected, _) = try await whole()
        let place = Place(workspace: try Workspace()), log = place.workspace.unusedLog("calls")
        _ = try await place.run(Faults.environment(below: place.folder, log: log))
        let lines = try String(contentsOf: log, encoding: .utf8).split(separator: "\n").map(String.init)
        let first = try #require(lines.firstIndex { $0.contains(" rename ") && $0.hasSuffix("/state.safetensors") })
        try FileManager.default.removeItem(at: place.folder)
        let killed = try await place.run(Faults.environment("kill", at: first + 1, below: place.folder))
        #expect(killed.wasKilled)
        #expect(try place.workspace.snapshot("run").keys.contains { $0.hasSuffix(".tmp") })
        let again = try await place.run([:])
        #expect(again.code == 0, "\(again.errors)")
        #expect(try essence(place) == expected)
    }
}
