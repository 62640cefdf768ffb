import Foundation
import HTTPTypes
import Hummingbird
import LanguageModels
import NIOCore
import PrefixTuning

/// A request for answers, ready for the engine: everything that can be checked has been.
struct Answering: Sendable {
    let server: ServingServer
    let form: EventText.Form
    let id: String
    let created: Int
    let model: ResolvedModel
    let sampling: SamplingFields
    let logprobs: Int?
    let echoes: Bool
    let prompts: [[Int32]]
    /// The text of each prompt, where it is told.
    let texts: [String]
    let requests: [EngineRequest]
    let lease: KeyLease

    /// Answers told of one prompt.
    var count: Int { sampling.count }
    /// Answers made of one prompt.
    private var madeCount: Int {
        sampling.repeatsOneAnswer || sampling.usesBeams
            ? requests.first?.options.answerCount ?? 1 : max(count, sampling.bestOf ?? 0)
    }

    private func empty(_ prompt: Int) -> [ChoiceText] {
        (0..<madeCount).map { _ in
            ChoiceText(server.model, sampling, options: requests[prompt].options, wantsNotes: logprobs != nil)
        }
    }

    private func usage(cached: Int, completion: Int) -> Usage {
        var usage = Usage()
        usage.promptTokens = prompts.reduce(0) { $0 + $1.count }
        usage.prefixTokens = model.length * prompts.count
        usage.details.cachedTokens = cached
        usage.completionTokens = completion
        return usage
    }

    /// The whole answer.
    ///
    /// - Throws: ``ServingError``.
    func whole(_ context: ServingContext) async throws -> Response {
        let feed = await AnswerFeed(server.engine, context, pingSeconds: 3600)
        defer { feed.close() }
        for (prompt, request) in requests.enumerated() { try feed.submit(request, prompt: prompt) }
        var choices = prompts.indices.map(empty), left = prompts.count, cached = 0, begun: Set<Int> = []
        // What was computed is charged, whatever becomes of it; what is still to be computed for a repeated prompt counts as long as
        // it takes.
        defer { finish(context, spent(begun, choices)) }
        receiving: for await item in feed.items {
            switch item {
            case .gone: throw ServingError.clientGone
            case .ping: continue
            case .event(let prompt, let event):
                switch event {
                case .began(let tokens):
                    cached += tokens
                    begun.insert(prompt)
                case .token(let answer, let token, let known):
                    _ = choices[prompt][answer].append(token, known)
                case .finished(let answer, let generation): _ = choices[prompt][answer].end(generation)
                case .failed(let error): throw error
                case .ended:
                    left -= 1
                    if left == 0 { break receiving }
                }
            }
        }
        let usage = usage(cached: cached, completion: choices.joined().reduce(0) { $0 + $1.tokens.count })
        let told = choices.map(best)
        let json =
            form == .chat
            ? EventText.encoded(try await chat(told, usage)) : EventText.encoded(try await completion(told, usage))
        return Response(
            status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: ByteBuffer(string: json)))
    }

    /// The answers that are told, of those that were made.
    private func best(_ choices: [ChoiceText]) -> [ChoiceText] {
        if sampling.repeatsOneAnswer { return (0..<count).map { _ in choices[0] } }
        guard choices.count > count, !sampling.usesBeams else { return Array(choices.prefix(count)) }
        let sorted = choices.enumerated().sorted { a, b in
            let (x, y) = (a.element, b.element)
            let (p, q) = (
                x.logProbability / Double(max(1, x.tokens.count)), y.logProbability / Double(max(1, y.tokens.count))
            )
            return p == q ? a.offset < b.offset : p > q
        }
        return sorted.prefix(count).map(\.element)
    }

    private func promptLogprobs(_ prompt: Int) async throws -> [[String: PromptLogprob]?]? {
        guard let best = sampling.promptLogprobs else { return nil }
        return try await server.promptLogprobs(self, prompt, best: best)
    }

    private func chat(_ choices: [[ChoiceText]], _ usage: Usage) async throws -> ChatObject {
        var objects: [ChatObject.Choice] = []
        for choice in choices.joined() {
            objects.append(
                ChatObject.Choice(
                    index: objects.count, message: .init(content: choice.said),
                    logprobs: logprobs.map { _ in ChatLogprobs(choice.notes) }, finishReason: choice.finish,
                    stopReason: choice.stop, tokenIDs: sampling.returnsTokens ? choice.tokens : nil,
                    prefixAttention: try await server.prefixAttention(self, 0, choice)))
        }
        return ChatObject(
            id: id, created: created, model: model.id, choices: objects, usage: usage,
            promptLogprobs: try await promptLogprobs(0))
    }

    private func completion(_ choices: [[ChoiceText]], _ usage: Usage) async throws -> CompletionObject {
        var objects: [CompletionObject.Choice] = []
        for (prompt, answers) in choices.enumerated() {
            let scored = echoes && logprobs != nil ? try await server.promptNotes(self, prompt) : []
            let known = try await promptLogprobs(prompt)
            for answer in answers {
                let isEmpty = sampling.maxTokens == 0
                let text = (echoes ? texts[prompt] : "") + (isEmpty ? "" : answer.said)
                objects.append(
                    CompletionObject.Choice(
                        index: objects.count, text: text,
                        logprobs: logprobs.map {
                            CompletionLogprobs(scored + (isEmpty ? [] : answer.notes), offset: 0, top: $0)
                        },
                        finishReason: isEmpty ? .length : answer.finish, stopReason: answer.stop,
                        tokenIDs: sampling.returnsTokens ? answer.tokens : nil,
                        prefixAttention: try await server.prefixAttention(self, prompt, answer), promptLogprobs: known))
            }
        }
        return CompletionObject(id: id, created: created, model: model.id, choices: objects, usage: usage)
    }

    /// What was used up: of prompts that the model began to read, and of answers so far.
    func spent(_ begun: Set<Int>, _ choices: [[ChoiceText]]) -> (prompt: Int, completion: Int) {
        (begun.reduce(0) { $0 + prompts[$1].count }, choices.joined().reduce(0) { $0 + $1.tokens.count })
    }

    /// Notes what was used up.
    private func finish(_ context: ServingContext, _ spent: (prompt: Int, completion: Int)) {
        context.facts.note("prompt_tokens", spent.prompt)
        context.facts.note("completion_tokens", spent.completion)
        lease.end(tokens: spent.prompt + spent.completion)
    }

    /// The answer as it grows.
    ///
    /// - Throws: ``ServingError`` where it cannot begin; what happens later is an event.
    func stream(_ context: ServingContext) async throws -> Response {
        let feed = await AnswerFeed(server.engine, context, pingSeconds: server.settings.pingSeconds)
        do {
            for (prompt, request) in requests.enumerated() { try feed.submit(request, prompt: prompt) }
        } catch {
            feed.close()
            throw error
        }
        let headers: HTTPFields = [
            .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store", .accelBuffering: "no",
        ]
        let channel = context.channel
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                var stream = AnswerStreaming(
                    self, feed, SlowReaderGuard(channel, seconds: server.settings.writeSeconds))
                // Also where the client goes, or the answer fails.
                defer {
                    lease.end(tokens: stream.spent.prompt + stream.spent.completion)
                    server.journal.streamed(context, stream.spent)
                }
                try await stream.write(to: &writer)
            })
    }

    /// The parts of ``stream(_:)`` that it needs of this.
    func emptyChoices() -> [[ChoiceText]] { prompts.indices.map(empty) }
    func streamUsage(cached: Int, completion: Int) -> Usage { usage(cached: cached, completion: completion) }
}
