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
    }

    private static func facts(in folder: URL, window: Int? = nil) throws -> DeploymentFacts {
        var json: [String: Any] = [
            "target": "llama-slot", "file": "prefix.bin", "length": 3, "placeholders": [5, 6, 7],
            "placeholder_text": "<a><b><c>", "cache_type": "f16", "prompt": "x", "prompt_tokens": [9],
            "answer_tokens": [20, 21, 22, 23], "answer": "y", "margins": [3, 3, 0.01, 3], "tolerance": 0.1,
            "answer_to_placeholders": [30, 31, 32, 33],
        ]
        json["window"] = window
        try JSONSerialization.data(withJSONObject: json).write(to: folder.appendingPathComponent("canary.json"))
        return try DeploymentFacts(folder: folder)
    }

    private static let answers: [String: [Int32]] = [
        "own": [20, 21, 22, 23], "placeholders": [30, 31, 32, 33], "tie": [20, 21, 99, 98], "other": [20, 99, 98, 97],
    ]

    private func report(_ script: Script, window: Int? = nil) async throws -> DeploymentReport {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try Self.facts(in: folder, window: window)
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
                return try reply([
                    "tokens": Self.answers[answer] ?? [], "timings": ["cache_n": cached],
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
                    "a cache of f16, flash attention and slots as the file was written for"
            )
        ) { try await report(script) }
        script.restored = (200, 2)
        await #expect(throws: DeploymentError.otherLength(file: "prefix.bin", restored: 2, length: 3)) {
            try await report(script)
        }
    }
}
