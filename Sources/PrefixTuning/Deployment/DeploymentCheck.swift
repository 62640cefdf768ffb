import Foundation

/// Asks a running llama-server whether it answers with a prefix, and which of the known traps it is in where it does not.
///
/// The slot is restored in the course of it, and stays so.
public struct DeploymentCheck: Sendable {
    /// Sends a request to the server.
    public typealias Send =
        @Sendable (_ method: String, _ path: String, _ body: Data?) async throws -> (status: Int, body: Data)

    /// What the prefix's folder says.
    public let facts: DeploymentFacts
    /// The slot that the prefix is restored into.
    public let slot: Int
    private let send: Send

    /// A check of a slot.
    ///
    /// - Throws: ``CacheFileError/notForServer(folder:target:)``, ``CacheFileError/notADeployment(folder:reason:)``.
    public init(folder: URL, slot: Int, send: @escaping Send) throws {
        facts = try DeploymentFacts(folder: folder)
        guard facts.target == PrefixTarget.llamaSlot.rawValue else {
            throw CacheFileError.notForServer(folder: folder.path, target: facts.target)
        }
        self.slot = slot
        self.send = send
    }

    /// Restores the prefix into the slot.
    ///
    /// - Throws: ``DeploymentError``, and what sending throws.
    public func restore() async throws {
        struct Request: Encodable { var filename: String }
        struct Reply: Decodable { var n_restored: Int }
        let path = "/slots/\(slot)?action=restore"
        let (status, body) = try await send("POST", path, try JSONEncoder().encode(Request(filename: facts.file)))
        guard status == 200 else {
            throw DeploymentError.notRestored(
                file: facts.file, status: status, message: Self.message(body), settings: needs)
        }
        guard let reply = try? JSONDecoder().decode(Reply.self, from: body) else {
            throw DeploymentError.notLlamaServer(path: path, status: status)
        }
        guard reply.n_restored == facts.length else {
            throw DeploymentError.otherLength(file: facts.file, restored: reply.n_restored, length: facts.length)
        }
    }

    /// What the server must run with.
    private var needs: String {
        let type = facts.cacheType.rawValue
        return [
            "a cache of \(type) (-ctk \(type) -ctv \(type))",
            facts.transposesValues ? "no flash attention (-fa off)" : "flash attention (-fa on)",
            facts.streamCount > 1
                ? "\(facts.streamCount) slots with cells of their own (-np \(facts.streamCount) -no-kvu)"
                : "cells that all slots share (-np 1, or -kvu)",
        ].joined(separator: ", ")
    }

    /// Restores, asks, and says what is wrong.
    ///
    /// - Throws: ``DeploymentError``, and what sending throws.
    public func report() async throws -> DeploymentReport {
        let tokens = try await tokens(of: facts.placeholderText)
        guard tokens == facts.placeholders else {
            return DeploymentReport(findings: [.otherTokens(tokens)], length: facts.length, agreement: (0, 0))
        }
        var before: [DeploymentReport.Finding] = []
        // A slot that has never answered holds nothing, and asking it would evaluate the placeholders.
        if try await hasAnswered() {
            let answer = try await ask(pinned: true)
            if answer.cached < facts.length {
                before.append(.evicted(slot: slot, found: answer.cached))
            } else if case .placeholders = verdict(answer.tokens) {
                before.append(.evaluated(slot: slot))
            }
        }
        try await restore()
        var after: [DeploymentReport.Finding] = []
        // A request without a slot takes the one that has most of its tokens, unless that is less than a tenth.
        if 9 * facts.length > facts.promptTokens.count {
            let answer = try await ask(pinned: false)
            after += findings(answer, isPinned: false)
            // Servers with several slots clear those that are idle when another one works.
            if answer.slot != slot { try await restore() }
        }
        let answer = try await ask(pinned: true)
        after += findings(answer, isPinned: true)
        // What a server without --swa-full holds was evaluated: the one cause explains all of it.
        let isWindowed = after.contains { $0.trap == "A" }
        var all: [DeploymentReport.Finding] = []
        for finding in (isWindowed ? after.filter { $0.trap == "A" } : before + after) where !all.contains(finding) {
            all.append(finding)
        }
        return DeploymentReport(
            findings: all, length: facts.length,
            agreement: (Canary.agreement(answer.tokens, facts.answerTokens), facts.answerTokens.count))
    }

    /// What an answer after restoring tells.
    private func findings(_ answer: Answer, isPinned: Bool) -> [DeploymentReport.Finding] {
        guard answer.cached >= facts.length else {
            if let window = facts.window, isPinned || answer.slot == slot { return [.windowedCache(window: window)] }
            return isPinned || answer.slot == slot
                ? [.ignoredRestoring(slot: slot, found: answer.cached)]
                : [.otherSlot(slot: answer.slot, found: answer.cached)]
        }
        switch verdict(answer.tokens) {
        case .prefix: return []
        case .placeholders: return [.evaluated(slot: answer.slot)]
        case .neither: return [.otherAnswer(tokens: answer.tokens, expected: facts.answerTokens)]
        case .unclear: return [.cannotTell]
        }
    }

    private enum Verdict { case prefix, placeholders, neither, unclear }

    /// Whose answer it is. Where the prefix's own was nearly a draw, rounding may have decided otherwise: behind the token that tells
    /// it from the answer to the placeholders that changes nothing, before it nothing can be told.
    private func verdict(_ tokens: [Int32]) -> Verdict {
        guard let parting = facts.parting else { return .unclear }
        let own = Canary.agreement(tokens, facts.answerTokens)
        let other = Canary.agreement(tokens, facts.answerToPlaceholders)
        if own == facts.answerTokens.count { return .prefix }
        // A server may keep the end token to itself.
        let begun = facts.answerTokens.dropLast()
        if !tokens.isEmpty, tokens.elementsEqual(begun), !begun.elementsEqual(facts.answerToPlaceholders.dropLast()) {
            return .prefix
        }
        let isDraw = facts.margins[own] < facts.tolerance
        if other > own { return isDraw && other < facts.answerToPlaceholders.count ? .unclear : .placeholders }
        guard isDraw else { return .neither }
        return own > parting ? .prefix : .unclear
    }
}

extension DeploymentCheck {
    private struct Answer {
        var tokens: [Int32]
        var cached: Int
        var slot: Int
    }

    /// What the server makes of a text that begins a prompt.
    private func tokens(of text: String) async throws -> [Int32] {
        struct Request: Encodable {
            var content: String
            var add_special = true, parse_special = true
        }
        struct Reply: Decodable { var tokens: [Int32] }
        return try await post("/tokenize", Request(content: text), Reply.self).tokens
    }

    /// Whether the slot has answered a request; no where the server does not say.
    private func hasAnswered() async throws -> Bool {
        struct Slot: Decodable {
            var id: Int
            var id_task: Int?
        }
        let (status, body) = try await send("GET", "/slots", nil)
        guard status == 200, let slots = try? JSONDecoder().decode([Slot].self, from: body) else { return false }
        return slots.contains { $0.id == slot && ($0.id_task ?? -1) >= 0 }
    }

    /// Answers the canary's prompt.
    private func ask(pinned: Bool) async throws -> Answer {
        struct Request: Encodable {
            var prompt: [Int32]
            var n_predict: Int
            var temperature = 0.0, top_k = 1, cache_prompt = true, return_tokens = true
            var id_slot: Int
        }
        struct Timings: Decodable { var cache_n: Int? }
        struct Reply: Decodable {
            var tokens: [Int32]
            var timings: Timings?
            var id_slot: Int
        }
        let path = "/completion"
        let reply = try await post(
            path,
            Request(
                prompt: facts.placeholders + facts.promptTokens, n_predict: facts.answerTokens.count,
                id_slot: pinned ? slot : -1), Reply.self)
        guard let cached = reply.timings?.cache_n else { throw DeploymentError.noCount(path: path) }
        return Answer(tokens: reply.tokens, cached: cached, slot: reply.id_slot)
    }

    private func post<Reply: Decodable>(
        _ path: String, _ request: some Encodable, _ type: Reply.Type
    ) async throws -> Reply {
        let (status, body) = try await send("POST", path, try JSONEncoder().encode(request))
        guard status == 200 else {
            throw status == 404
                ? DeploymentError.notLlamaServer(path: path, status: status)
                : DeploymentError.refused(path: path, status: status, message: Self.message(body))
        }
        guard let reply = try? JSONDecoder().decode(type, from: body) else {
            throw DeploymentError.notLlamaServer(path: path, status: status)
        }
        return reply
    }

    /// What an error's JSON says.
    private static func message(_ body: Data) -> String {
        struct Reply: Decodable {
            struct Details: Decodable { var message: String }
            var error: Details
        }
        let text = (try? JSONDecoder().decode(Reply.self, from: body))?.error.message
        return text ?? "no message"
    }
}
