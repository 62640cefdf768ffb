import Hummingbird
import LanguageModels
import NIOCore
import Synchronization

/// Writes an answer as server-sent events while it grows.
struct AnswerStreaming {
    private let answering: Answering
    private let feed: AnswerFeed
    private let readers: SlowReaderGuard
    private let chunks: EventText
    private var choices: [[ChoiceText]]
    private var offsets: [[Int]]
    private var begun: Set<Int> = []
    private var cached = 0
    private var isSilent = true

    init(_ answering: Answering, _ feed: AnswerFeed, _ readers: SlowReaderGuard) {
        self.answering = answering
        self.feed = feed
        self.readers = readers
        chunks = EventText(
            answering.form, id: answering.id, created: answering.created, model: answering.model.id,
            includesUsage: answering.sampling.includesUsage)
        choices = answering.emptyChoices()
        offsets = choices.map { $0.map { _ in 0 } }
    }

    /// Writes until the last answer is complete, or the client has gone.
    ///
    /// - Throws: What writing throws: the client has gone.
    mutating func write(to writer: inout any ResponseBodyWriter) async throws {
        defer { feed.close() }
        var left = choices.count
        var text = opening()
        // Headers go out with what is written first: of a chat at once, of a completion with its first token or a ping.
        if !text.isEmpty { try await send(&text, to: &writer) }
        for await item in feed.items {
            switch item {
            case .gone:
                answering.server.metrics.refused(.clientGone)
                return
            case .ping:
                if isSilent {
                    text += EventText.ping
                } else {
                    isSilent = true
                }
            case .event(let prompt, let event):
                switch event {
                case .began(let tokens):
                    cached += tokens
                    begun.insert(prompt)
                case .token(let answer, let token, let known): text += self.text(prompt, answer, token, known)
                case .finished(let answer, let generation): text += ending(prompt, answer, generation)
                case .failed(let error):
                    text += EventText.failure(error)
                    answering.server.metrics.refused(error)
                    try await send(&text, to: &writer)
                    try await writer.finish(nil)
                    return
                case .ended: left -= 1
                }
            }
            if !text.isEmpty { try await send(&text, to: &writer) }
            if left == 0 { break }
        }
        if answering.sampling.includesUsage { text += chunks.usage(usage) }
        text += EventText.done
        try await send(&text, to: &writer)
        try await writer.finish(nil)
    }

    /// What was used up so far.
    var spent: (prompt: Int, completion: Int) { answering.spent(begun, choices) }

    private var usage: Usage {
        answering.streamUsage(cached: cached, completion: choices.joined().reduce(0) { $0 + $1.tokens.count })
    }

    private func send(_ text: inout String, to writer: inout any ResponseBodyWriter) async throws {
        readers.begin()
        defer { readers.end() }
        try await writer.write(ByteBuffer(string: text))
        text = ""
    }

    /// Numbers of the choices that an answer is told as: several where all of them are the same.
    private func indices(_ prompt: Int, _ answer: Int) -> Range<Int> {
        let first = prompt * answering.count
        return answering.sampling.repeatsOneAnswer
            ? first..<first + answering.count : first + answer..<first + answer + 1
    }

    private mutating func opening() -> String {
        var text = ""
        for index in 0..<answering.prompts.count * answering.count {
            if answering.form == .chat { text += chunks.role(index) }
            if answering.echoes { text += chunks.text(answering.texts[index / answering.count], index: index) }
        }
        return text
    }

    private mutating func text(
        _ prompt: Int, _ answer: Int, _ token: Int32, _ known: TokenLogProbability?
    ) -> String {
        let (piece, note) = choices[prompt][answer].append(token, known)
        let sampling = answering.sampling
        if sampling.maxTokens == 0 { return "" }
        if piece.isEmpty, note == nil, !sampling.returnsTokens { return "" }
        isSilent = false
        var logprobs: String?
        if let note {
            if answering.form == .chat {
                logprobs = EventText.encoded(ChatLogprobs([note]))
            } else {
                let offset = offsets[prompt][answer]
                logprobs = EventText.encoded(
                    CompletionLogprobs([note], offset: offset, top: answering.logprobs ?? 0))
                offsets[prompt][answer] += note.text.unicodeScalars.count
            }
        }
        return indices(prompt, answer).reduce(into: "") { text, index in
            text += chunks.text(
                piece, index: index, logprobs: logprobs, tokens: sampling.returnsTokens ? [token] : nil,
                usage: sampling.includesUsageAlways ? usage : nil)
        }
    }

    private mutating func ending(_ prompt: Int, _ answer: Int, _ generation: Generation) -> String {
        let rest = choices[prompt][answer].end(generation), choice = choices[prompt][answer]
        let isEmpty = answering.sampling.maxTokens == 0
        return indices(prompt, answer).reduce(into: "") { text, index in
            if !rest.isEmpty, !isEmpty { text += chunks.text(rest, index: index) }
            text += chunks.finish(
                index, isEmpty ? .length : choice.finish ?? .stop, stop: choice.stop,
                usage: answering.sampling.includesUsageAlways ? usage : nil)
        }
    }
}

/// Closes connections whose clients do not read.
final class SlowReaderGuard: Sendable {
    private struct State {
        var timer: Scheduled<Void>?
    }

    private let channel: any Channel
    private let seconds: Int
    private let state = Mutex(State())

    init(_ channel: any Channel, seconds: Int) {
        self.channel = channel
        self.seconds = seconds
    }

    /// Something is being written.
    func begin() {
        let channel = channel
        let timer = channel.eventLoop.scheduleTask(in: .seconds(Int64(seconds))) { channel.close(promise: nil) }
        state.withLock { $0.timer = timer }
    }

    /// It has been taken.
    func end() {
        let timer = state.withLock { state in
            defer { state.timer = nil }
            return state.timer
        }
        timer?.cancel()
    }
}
