import Foundation
import LanguageModels
import PrefixTuning
import Synchronization
import Tensors
import TestSupport
import Testing

/// What `deploy check` makes of the answers of a server; Benchmarks/rivals/serve_prefix.py lets real ones give them.
@Suite("Looks at a running llama-server") struct DeploymentCheckTests {
    /// A server that caches as it is told.
    private struct Script: Sendable {
        /// Whether the slot has answered before.
        var hasAnswered = false
        /// Positions found again and what is answered: before restoring, without a slot, with one.
        var before = (cached: 3, answer: "own")
        var free = (cached: 3, answer: "own", slot: 0)
        var pinned = (cached: 3, answer: "own")
        var restored = (status: 200, count: 3)
        var tokens: [Int32]?
        /// What the canary expects.
        var own: [Int32] = [20, 21, 22, 23]
        var toPlaceholders: [Int32] = [30, 31, 32, 33]
        var margins = [3, 3, 0.01, 3]
        /// Whether the server says how many tokens were in its cache, and with which status it answers.
        var counts = true
        var status = 200
        /// How the server is to run.
        var isTurned = false
        var streams = 1
    }

    private static func facts(in folder: URL, _ script: Script, window: Int? = nil) throws -> DeploymentFacts {
        var json: [String: Any] = [
            "target": "llama-slot", "file": "prefix.bin", "length": 3, "placeholders": [5, 6, 7],
            "placeholder_text": "<a><b><c>", "cache_type": "f16", "prompt": "x", "prompt_tokens": [9],
            "answer_tokens": script.own, "answer": "y", "margins": script.margins, "tolerance": 0.1,
            "answer_to_placeholders": script.toPlaceholders, "transposes_values": script.isTurned,
            "stream_count": script.streams,
        ]
        json["window"] = window
        try JSONSerialization.data(withJSONObject: json).write(to: folder.appendingPathComponent("canary.json"))
        return try DeploymentFacts(folder: folder)
    }

    private static let answers: [String: [Int32]] = [
        "own": [20, 21, 22, 23], "placeholders": [30, 31, 32, 33], "tie": [20, 21, 99, 98], "other": [20, 99, 98, 97],
        "stranger": [99, 98, 97, 96], "begun": [20, 31, 99, 98], "like placeholders": [20, 31, 32, 33], "nothing": [],
        "cut": [20, 21, 22],
    ]

    private func report(_ script: Script, window: Int? = nil) async throws -> DeploymentReport {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try Self.facts(in: folder, script, window: window)
        let isRestored = Mutex(false)
        let check = try DeploymentCheck(folder: folder, slot: 0) { method, path, body in
            func reply(_ value: Any, _ status: Int = 200) throws -> (Int, Data) {
                (status, try JSONSerialization.data(withJSONObject: value))
            }
            let request = try body.map { try JSONSerialization.jsonObject(with: $0) as? [String: Any] } ?? nil
            switch (method, path) {
            case ("POST", "/tokenize"): return try reply(["tokens": script.tokens ?? [5, 6, 7]])
            case ("GET", "/slots"):
                return try reply([script.hasAnswered ? ["id": 0, "id_task": 4] : ["id": 0]])
            case ("POST", "/slots/0?action=restore"):
                #expect(request?["filename"] as? String == "prefix.bin")
                isRestored.withLock { $0 = true }
                guard script.restored.status == 200 else {
                    return try reply(["error": ["message": "Unable to restore slot"]], script.restored.status)
                }
                return try reply(["n_restored": script.restored.count])
            case ("POST", "/completion"):
                #expect(request?["prompt"] as? [Int] == [5, 6, 7, 9])
                let isPinned = request?["id_slot"] as? Int == 0
                let (cached, answer) =
                    !isRestored.withLock { $0 }
                    ? script.before : isPinned ? script.pinned : (script.free.cached, script.free.answer)
                guard script.status == 200 else { return try reply(["error": ["message": "no"]], script.status) }
                return try reply([
                    "tokens": Self.answers[answer] ?? [], "timings": script.counts ? ["cache_n": cached] : [:],
                    "id_slot": isPinned ? 0 : script.free.slot,
                ])
            default: return try reply([:], 404)
            }
        }
        return try await check.report()
    }

    @Test("healthy: a fresh slot is not asked before it is restored, a used one is")
    func healthy() async throws {
        var script = Script()
        script.before = (0, "placeholders")
        #expect(try await report(script) == DeploymentReport(findings: [], length: 3, agreement: (4, 4)))
        script.before = (3, "own")
        script.hasAnswered = true
        #expect(try await report(script).isHealthy)
        // Rounding decides where two tokens are nearly as probable.
        script.pinned = (3, "tie")
        #expect(try await report(script) == DeploymentReport(findings: [], length: 3, agreement: (2, 4)))
    }

    @Test("trap A, whatever it looked like before")
    func windowed() async throws {
        var script = Script()
        (script.free, script.pinned) = ((0, "placeholders", 0), (3, "placeholders"))
        (script.hasAnswered, script.before) = (true, (3, "placeholders"))
        let report = try await report(script, window: 512)
        #expect(report.findings == [.windowedCache(window: 512)] && report.findings.first?.trap == "A")
        #expect(
            report.findings.first?.description
                == "trap A: the server dropped the restored cells and computed the placeholders as ordinary tokens, because layers of "
                + "this model see a window of 512; start it with --swa-full")
    }

    @Test("trap B: what was restored earlier is gone")
    func evicted() async throws {
        var script = Script()
        (script.hasAnswered, script.before) = (true, (0, "placeholders"))
        let report = try await report(script)
        #expect(report.findings == [.evicted(slot: 0, found: 0)] && report.findings.first?.trap == "B")
        #expect(report.agreement == (4, 4))
    }

    @Test("trap C: in the slot, or in another that is more alike")
    func evaluated() async throws {
        var script = Script()
        (script.hasAnswered, script.before) = (true, (3, "placeholders"))
        #expect(try await report(script).findings == [.evaluated(slot: 0)])
        script = Script()
        script.free = (3, "placeholders", 2)
        let report = try await report(script)
        #expect(report.findings == [.evaluated(slot: 2)] && report.findings.first?.trap == "C")
    }

    @Test("what is none of the traps has its own words")
    func others() async throws {
        var script = Script()
        (script.free, script.pinned) = ((0, "placeholders", 0), (0, "placeholders"))
        #expect(try await report(script).findings == [.ignoredRestoring(slot: 0, found: 0)])
        script = Script()
        script.free = (0, "own", 1)
        #expect(try await report(script).findings == [.otherSlot(slot: 1, found: 0)])
        script = Script()
        script.tokens = [1, 2]
        #expect(try await report(script).findings == [.otherTokens([1, 2])])
        script = Script()
        script.pinned = (3, "other")
        #expect(
            try await report(script).findings == [.otherAnswer(tokens: [20, 99, 98, 97], expected: [20, 21, 22, 23])])
        script = Script()
        script.restored = (400, 0)
        await #expect(
            throws: DeploymentError.notRestored(
                file: "prefix.bin", status: 400, message: "Unable to restore slot",
                settings:
                    "a cache of f16 (-ctk f16 -ctv f16), flash attention (-fa on), cells that all slots share (-np 1, or -kvu)"
            )
        ) { try await report(script) }
        (script.isTurned, script.streams) = (true, 4)
        await #expect {
            try await report(script)
        } throws: {
            "\($0)".hasSuffix(
                "no flash attention (-fa off), 4 slots with cells of their own (-np 4 -no-kvu)")
        }
        (script.isTurned, script.streams) = (false, 1)
        script.restored = (200, 2)
        await #expect(throws: DeploymentError.otherLength(file: "prefix.bin", restored: 2, length: 3)) {
            try await report(script)
        }
    }

    @Test("what the canary cannot tell is not called healthy")
    func unclear() async throws {
        func findings(_ answer: String, _ change: (inout Script) -> Void) async throws -> [DeploymentReport.Finding] {
            var script = Script()
            change(&script)
            (script.free.answer, script.pinned.answer) = (answer, answer)
            return try await report(script).findings
        }
        // A draw before the answers part: whatever comes then may be rounding, or another model.
        #expect(try await findings("stranger") { $0.margins = [0.01, 3, 3, 3] } == [.cannotTell])
        #expect(try await findings("stranger") { _ in }.count == 1)
        #expect(try await findings("stranger") { _ in } != [.cannotTell])
        // The prefix has no effect on the answer, or there is none.
        #expect(try await findings("own") { $0.toPlaceholders = $0.own } == [.cannotTell])
        #expect(try await findings("nothing") { ($0.own, $0.margins) = ([], []) } == [.cannotTell])
        #expect(
            try await findings("nothing") { ($0.own, $0.margins) = ([20], [3]) }
                == [.otherAnswer(tokens: [], expected: [20])])
        // A draw at the very token: half of the other answer may be rounding, all of it is not.
        func part(_ script: inout Script) {
            (script.toPlaceholders, script.margins) = ([20, 31, 32, 33], [3, 0.01, 3, 3])
        }
        #expect(try await findings("begun", part) == [.cannotTell])
        #expect(try await findings("like placeholders", part) == [.evaluated(slot: 0)])
        #expect(try await findings("own", part) == [])
        // The end token that a server keeps to itself, unless the placeholders' answer ends there, too.
        #expect(try await findings("cut") { _ in } == [])
        #expect(
            try await findings("cut") { ($0.toPlaceholders, $0.margins) = ([20, 21, 22, 33], [3, 3, 3, 3]) }
                == [.otherAnswer(tokens: [20, 21, 22], expected: [20, 21, 22, 23])])
        #expect(
            DeploymentReport.Finding.cannotTell.description.hasSuffix(
                "write the prefix anew with another prompt as its canary"))
    }

    @Test("refusals say what helps")
    func refusals() async throws {
        for (status, advice) in [
            (401, "start it without --api-key, because no key is sent"), (503, "wait until it has loaded its model"),
            (400, "give one of its slots, and look into its log"),
        ] {
            var script = Script()
            script.status = status
            await #expect(throws: DeploymentError.refused(path: "/completion", status: status, message: "no")) {
                try await report(script)
            }
            #expect(
                DeploymentError.refused(path: "/completion", status: status, message: "no").description
                    == "the server refused /completion (\(status): no); \(advice)")
        }
        #expect(
            DeploymentError.notRestored(file: "f", status: 404, message: "m", settings: "s").description
                == "the server did not restore f (404: m); give one of its slots: -np says how many it has")
        var script = Script()
        script.counts = false
        await #expect(throws: DeploymentError.noCount(path: "/completion")) { try await report(script) }
    }
}
