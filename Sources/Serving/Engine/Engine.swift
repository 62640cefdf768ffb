import Foundation
import LanguageModels
import PrefixTuning
import Synchronization
import Tensors

/// Answers requests over one resident model: one loop on the compute thread, to which requests come from everywhere.
///
/// ```swift
/// let engine = Engine(limits: limits)
/// Task { await engine.run { LiveAnswers(model) } }
/// let id = try engine.submit(request) { events.yield($0) }
/// ```
package final class Engine: Sendable {
    private struct Pending {
        let request: EngineRequest
        let deliver: @Sendable (EngineEvent) -> Void
        let arrival: Double
        var firstToken: Double?
        var lastToken: Double?
    }

    private struct State {
        var scheduler: Scheduler
        var pending: [Int: Pending] = [:]
        /// Being answered, and no longer wanted.
        var cancelled: [Int] = []
        var nextID = 0
        var idle: CheckedContinuation<Void, Never>?
        var isDraining = false
        var isStopped = false
        var lastStep: Double
    }

    /// What is told of the engine.
    package struct Status: Equatable, Sendable {
        /// Requests that wait.
        package var waiting = 0
        /// Requests that are being answered.
        package var running = 0
        /// Rows that they take.
        package var rows = 0
        /// Tokens that waiting requests are about.
        package var waitingTokens = 0
        /// Positions reserved, and of how many.
        package var positions = 0, positionLimit = 0
        /// Seconds since the last step, 0 where there is nothing to do.
        package var stepAge = 0.0
        /// Whether new requests are refused.
        package var isDraining = false
    }

    private let state: Mutex<State>
    private let metrics: ServingMetrics
    private let limits: Scheduler.Limits
    private let stepSeconds: Double?

    /// An engine that has not begun.
    ///
    /// - Parameter stepSeconds: Seconds that a step may take in which prompts are read beside answers; see ``StepBudget/seconds``.
    package init(
        limits: Scheduler.Limits = Scheduler.Limits(), stepSeconds: Double? = nil,
        metrics: ServingMetrics = ServingMetrics()
    ) {
        self.limits = limits
        self.stepSeconds = stepSeconds
        self.metrics = metrics
        state = Mutex(State(scheduler: Scheduler(limits: limits), lastStep: Self.now))
    }

    private static var now: Double { ProcessInfo.processInfo.systemUptime }

    /// Refuses prompts of one request that could never wait together, however little else does.
    ///
    /// - Throws: ``ServingError/outOfRange(field:value:range:)``. A single prompt may be larger than the limit: it waits alone.
    package func checkFits(_ requests: [EngineRequest]) throws(ServingError) {
        guard requests.count > 1 else { return }
        guard requests.count <= limits.waitingRequests else {
            throw .outOfRange(
                field: "prompt", value: "\(requests.count) prompts",
                range: "at most \(limits.waitingRequests), as many as may wait here (--max-queued)")
        }
        let tokens = requests.reduce(0) { $0 + $1.item(0).tokens }
        guard tokens <= limits.waitingTokens else {
            throw .outOfRange(
                field: "prompt",
                value: "\(requests.count) prompts, which with their answers are about \(tokens) tokens",
                range:
                    "at most \(limits.waitingTokens) tokens together (--max-queued-tokens); send them in several requests"
            )
        }
    }

    /// Lets a request wait for its turn.
    ///
    /// - Parameter deliver: Told what happens, in order; must return at once. After a cancellation it is told no more.
    /// - Returns: The request's number, for ``cancel(_:)``.
    /// - Throws: ``ServingError`` where too much waits, or the server is about to end.
    package func submit(
        _ request: EngineRequest, deliver: @escaping @Sendable (EngineEvent) -> Void
    ) throws(ServingError) -> Int {
        let result = state.withLock { state -> Result<(Int, CheckedContinuation<Void, Never>?), ServingError> in
            if state.isDraining { return .failure(.draining) }
            let id = state.nextID
            do throws(ServingError) {
                try state.scheduler.enqueue(request.item(id), weight: request.weight)
            } catch {
                return .failure(error)
            }
            state.nextID += 1
            state.pending[id] = Pending(request: request, deliver: deliver, arrival: Self.now)
            let idle = state.idle
            state.idle = nil
            return .success((id, idle))
        }
        let (id, idle) = try result.get()
        idle?.resume()
        return id
    }

    /// Ends a request: at once where it waits, else before the next step.
    package func cancel(_ id: Int) {
        let (gone, idle) = state.withLock { state -> (Pending?, CheckedContinuation<Void, Never>?) in
            guard let pending = state.pending.removeValue(forKey: id) else { return (nil, nil) }
            if state.scheduler.remove(id, of: pending.request.key) { state.cancelled.append(id) }
            let idle = state.idle
            state.idle = nil
            return (pending, idle)
        }
        guard let gone else { return }
        metrics.finished(prefix: gone.request.prefixName, reason: "cancelled")
        idle?.resume()
    }

    /// How probable the tokens of a prompt are; computed between two steps.
    ///
    /// - Throws: ``ServingError``.
    package func promptLogProbabilities(
        _ tokens: [Int32], after prefixes: [ResidentPrefix], best: Int, model: LanguageModel
    ) async throws(ServingError) -> [TokenLogProbability?] {
        do {
            return try await Self.probabilities(tokens, after: prefixes, best: best, model: model)
        } catch is CancellationError {
            throw .clientGone
        } catch {
            throw .notFinite(model: model.name)
        }
    }

    @Compute private static func probabilities(
        _ tokens: [Int32], after prefixes: [ResidentPrefix], best: Int, model: LanguageModel
    ) async throws -> [TokenLogProbability?] {
        try await model.network.probabilities(ofPrompt: tokens, after: prefixes.map(\.start), best: best)
    }

    /// How much attention the tokens of a text from `first` on give to the prefixes that it comes after; computed between two steps.
    ///
    /// - Throws: ``ServingError/clientGone``.
    package func prefixAttention(
        _ tokens: [Int32], after prefixes: [ResidentPrefix], from first: Int, model: LanguageModel
    ) async throws(ServingError) -> [Double] {
        do {
            return try await Self.shares(tokens, after: prefixes, from: first, model: model)
        } catch {
            throw .clientGone
        }
    }

    @Compute private static func shares(
        _ tokens: [Int32], after prefixes: [ResidentPrefix], from first: Int, model: LanguageModel
    ) async throws -> [Double] {
        try await model.network.prefixAttention(tokens, after: prefixes.map(\.start), from: first)
    }

    /// Refuses new requests from now on; those that are there go on.
    package func drain() { state.withLock { $0.isDraining = true } }

    /// Ends all requests with an error, and the loop.
    package func stop() {
        let (all, idle) = state.withLock { state in
            state.isDraining = true
            state.isStopped = true
            let all = state.pending
            for (id, pending) in all where state.scheduler.remove(id, of: pending.request.key) {
                state.cancelled.append(id)
            }
            state.pending = [:]
            let idle = state.idle
            state.idle = nil
            return (all, idle)
        }
        for pending in all.values { pending.deliver(.failed(.stopped)) }
        idle?.resume()
    }

    /// What is told of the engine now; never waits for a step.
    package var status: Status {
        state.withLock { state in
            let isBusy = state.scheduler.runningCount + state.scheduler.waitingCount > 0
            return Status(
                waiting: state.scheduler.waitingCount, running: state.scheduler.runningCount,
                rows: state.scheduler.runningRows, waitingTokens: state.scheduler.waitingTokens,
                positions: state.scheduler.reservedPositions, positionLimit: limits.positions,
                stepAge: isBusy ? max(0, Self.now - state.lastStep) : 0, isDraining: state.isDraining)
        }
    }

    /// How many requests of each prefix are being answered, and wait; of the model alone as `_base`.
    package var loads: [String: (running: Int, waiting: Int)] {
        state.withLock { state in
            state.pending.reduce(into: [:]) { loads, pending in
                let isRunning = state.scheduler.isRunning(pending.key)
                let own = loads[pending.value.request.prefixName ?? "_base"] ?? (0, 0)
                loads[pending.value.request.prefixName ?? "_base"] =
                    isRunning ? (own.running + 1, own.waiting) : (own.running, own.waiting + 1)
            }
        }
    }

    /// Answers until ``stop()``.
    @Compute package func run(_ batch: @Compute () -> any AnswerBatch) async {
        let batch = batch()
        var budget = StepBudget(seconds: stepSeconds), isAnswering = false
        while true {
            let (cancelled, isStopped) = state.withLock { state in
                let cancelled = state.cancelled
                state.cancelled = []
                state.lastStep = Self.now
                return (cancelled, state.isStopped)
            }
            for id in cancelled { batch.leave(id) }
            if isStopped { return }
            admit(to: batch)
            if batch.isEmpty {
                await idle()
                continue
            }
            let start = Self.now
            batch.promptTokens = budget.tokens(beside: isAnswering)
            let step = batch.step(), seconds = Self.now - start
            budget.note(seconds: seconds, promptTokens: step.promptTokens, rows: step.rows)
            isAnswering = step.rows > 0 || !step.tokens.isEmpty
            metrics.stepped(seconds: seconds, rows: step.rows, promptTokens: step.promptTokens)
            deliver(step)
            await Compute.yield()
        }
    }

    /// Lets in those whose turn it is, while there is room.
    @Compute private func admit(to batch: any AnswerBatch) {
        while true {
            let next = state.withLock { state -> (FairQueue.Item, Pending)? in
                guard let item = state.scheduler.next, let pending = state.pending[item.id] else { return nil }
                return (item, pending)
            }
            guard let (item, pending) = next else { return }
            switch batch.room(for: pending.request) {
            case .later: return
            case .never(let error):
                fail(item.id, Self.told(error, pending.request))
                continue
            case .now: break
            }
            let isThere = state.withLock { state in
                // It may have been cancelled meanwhile.
                guard state.pending[item.id] != nil else { return false }
                state.scheduler.start(item)
                return true
            }
            if isThere { join(batch, item.id, pending) }
        }
    }

    @Compute private func join(_ batch: any AnswerBatch, _ id: Int, _ pending: Pending) {
        metrics.began(queued: Self.now - pending.arrival)
        do throws(GenerationError) {
            try batch.join(id, pending.request)
        } catch {
            fail(id, Self.told(error, pending.request))
        }
    }

    /// What a client is told of an error of the library.
    private static func told(_ error: GenerationError, _ request: EngineRequest) -> ServingError {
        switch error {
        case .notFinite: .notFinite(model: request.prefixName ?? "")
        case .tooLong(_, let prefix, let prompt, let newTokens, let positions):
            .contextLength(
                field: "max_tokens", prompt: prompt, newTokens: newTokens, prefix: prefix, positions: positions)
        case .sourceTooLong(_, let source, let positions):
            .contextLength(field: "prompt", prompt: source, newTokens: 0, prefix: 0, positions: positions)
        case .noRoom(_, let rows, let free): .outOfMemory(needed: rows, available: free ?? 0)
        case .foreignPrefix: .invalidPrefix(name: request.prefixName ?? "", reason: "\(error)")
        default: .outOfRange(field: "prompt", value: "not valid", range: "\(error)")
        }
    }

    private func fail(_ id: Int, _ error: ServingError) {
        let gone = state.withLock { state -> Pending? in
            guard let pending = state.pending.removeValue(forKey: id) else { return nil }
            state.scheduler.remove(id, of: pending.request.key)
            return pending
        }
        gone?.deliver(.failed(error))
        if let gone { metrics.finished(prefix: gone.request.prefixName, reason: "error") }
    }

    /// Waits until there is something to do.
    private func idle() async {
        await withCheckedContinuation { continuation in
            let hasWork = state.withLock { state in
                let hasWork = state.isStopped || !state.cancelled.isEmpty || state.scheduler.waitingCount > 0
                if !hasWork { state.idle = continuation }
                return hasWork
            }
            if hasWork { continuation.resume() }
        }
    }

    private func deliver(_ step: BatchStep) {
        let now = Self.now
        var generated: [Int: Int] = [:]
        for token in step.tokens { generated[token.id, default: 0] += 1 }
        var gaps: [(isFirst: Bool, seconds: Double)] = []
        let pending = state.withLock { state in
            for (id, count) in generated {
                state.scheduler.charge(id, generated: count)
                guard var pending = state.pending[id] else { continue }
                let since = pending.lastToken ?? pending.arrival
                gaps.append((pending.firstToken == nil, now - since))
                pending.firstToken = pending.firstToken ?? now
                pending.lastToken = now
                state.pending[id] = pending
            }
            state.scheduler.note(tokens: step.promptTokens + step.tokens.count, at: now)
            let pending = state.pending
            for id in step.answered {
                if let gone = state.pending.removeValue(forKey: id) { state.scheduler.remove(id, of: gone.request.key) }
            }
            return pending
        }
        for (isFirst, seconds) in gaps { metrics.token(isFirst: isFirst, seconds: seconds) }
        for (id, kept) in step.begun {
            guard let begun = pending[id] else { continue }
            begun.deliver(.began(cachedTokens: kept))
            metrics.read(
                prefix: begun.request.prefixName, key: begun.request.key, tokens: begun.request.prompt.count,
                cached: kept)
        }
        for (id, answer, token, known) in step.tokens {
            pending[id]?.deliver(.token(answer: answer, id: token, logProbability: known))
        }
        for (id, count) in generated {
            guard let request = pending[id]?.request else { continue }
            metrics.wrote(prefix: request.prefixName, key: request.key, tokens: count)
        }
        for (id, answer, generation) in step.finished {
            pending[id]?.deliver(.finished(answer: answer, generation))
        }
        for id in step.answered {
            guard let gone = pending[id] else { continue }
            // Counted before it is told: who has the answer may look.
            metrics.finished(prefix: gone.request.prefixName, reason: step.reason(of: id), seconds: now - gone.arrival)
            gone.deliver(.ended)
        }
        for (id, error) in step.failed {
            if let request = pending[id]?.request { fail(id, Self.told(error, request)) }
        }
    }
}

extension BatchStep {
    /// What metrics say of how a request ended.
    fileprivate func reason(of id: Int) -> String {
        let isLong = finished.contains { $0.id == id && $0.generation.finishReason == .length }
        return isLong ? "length" : "stop"
    }
}

extension EngineRequest {
    /// What the scheduler needs to know of it.
    fileprivate func item(_ id: Int) -> FairQueue.Item {
        let newTokens = options.maxNewTokens * options.width
        return FairQueue.Item(
            id: id, key: key, priority: priority, promptTokens: prompt.count, newTokens: newTokens, rows: options.width,
            positions: prompt.count + newTokens)
    }

    /// What metrics and sentences call what comes before the prompt; nil for nothing.
    package var prefixName: String? { prefixes.isEmpty ? nil : name }
}
