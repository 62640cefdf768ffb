import Foundation
import HTTPTypes
import Hummingbird
import LanguageModels
import Tokenizers

extension ServingServer {
    /// `/v1/completions`, `/v1/chat/completions`, `/tokenize` and `/detokenize`.
    func addAnswers(to router: Router<ServingContext>) {
        router.post("/v1/completions") { [self] request, context in
            let body = try CompletionRequest(
                try await reader.json(request, context), vocabularySize: model.vocabularySize)
            note(body.ignored, context)
            let resolved = try await resolve(body.model, for: context.identity)
            var prompts: [[Int32]] = [], texts: [String] = []
            for prompt in body.prompts {
                switch prompt {
                case .text(let text):
                    prompts.append(try model.tokens(of: text))
                    texts.append(text)
                case .tokens(let tokens):
                    guard !tokens.isEmpty else {
                        throw ServingError.outOfRange(field: "prompt", value: "empty", range: "at least one token")
                    }
                    prompts.append(tokens)
                    texts.append(body.echoes ? model.tokenizer.decode(tokens) : "")
                }
            }
            return try await answer(
                context, .completion, resolved, prompts, texts, body.sampling, logprobs: body.logprobs,
                echoes: body.echoes, defaultTokens: 16)
        }
        router.post("/v1/chat/completions") { [self] request, context in
            let body = try ChatRequest(
                try await reader.json(request, context), vocabularySize: model.vocabularySize)
            note(body.ignored, context)
            let resolved = try await resolve(body.model, for: context.identity)
            let template = try await template(of: resolved.entries)
            let text = try model.text(of: body.conversation, as: template)
            let prompt = try model.tokens(of: text, addingSpecialTokens: false)
            return try await answer(
                context, .chat, resolved, [prompt], [""], body.sampling, logprobs: body.logprobs, echoes: false,
                defaultTokens: settings.defaultMaxTokens)
        }
        addTokens(to: router)
    }

    /// Tells the client, in a header, what was not understood.
    private func note(_ ignored: [String], _ context: ServingContext) {
        guard !ignored.isEmpty else { return }
        let names = ignored.prefix(20).filter { PrefixName.isValid($0) }.joined(separator: ", ")
        context.facts.header("x-ignored-fields", names)
        context.facts.note("ignored", names)
    }

    /// Checks what is left to check, and answers.
    private func answer(
        _ context: ServingContext, _ form: EventText.Form, _ resolved: ResolvedModel, _ prompts: [[Int32]],
        _ texts: [String], _ sampling: SamplingFields, logprobs: Int?, echoes: Bool, defaultTokens: Int
    ) async throws -> Response {
        if model.startToken != nil, echoes && logprobs != nil || sampling.promptLogprobs != nil {
            throw ServingError.unsupported(
                field: sampling.promptLogprobs != nil ? "prompt_logprobs" : "logprobs",
                value: sampling.promptLogprobs != nil ? "" : "with echo",
                advice: "this model reads the prompt with an encoder and predicts none of it")
        }
        if sampling.measuresPrefix { try resolved.checkMeasured(by: model) }
        context.facts.note("model", resolved.id)
        let identity = context.identity
        var requests: [EngineRequest] = []
        for (index, prompt) in prompts.enumerated() {
            // The last token needs no position.
            let room = model.positions - resolved.positions - model.positions(of: prompt) + 1
            let wanted = sampling.maxTokens ?? min(defaultTokens, max(room, 1))
            guard max(wanted, 1) <= room else {
                throw ServingError.contextLength(
                    field: form == .chat ? "messages" : "prompt", prompt: prompt.count, newTokens: wanted,
                    prefix: resolved.positions, positions: model.positions)
            }
            let options = try sampling.options(for: model, maxTokens: wanted, logprobs: logprobs, prompt: index)
            var request = EngineRequest(key: identity.name, prompt: prompt, options: options)
            request.name = resolved.entries.map(\.id).joined(separator: "+")
            request.weight = identity.limits.weight
            request.priority = sampling.priority
            request.prefixes = resolved.prefixes
            // Keys of one owner share what was read; the name of a key may be another's owner.
            let sharing = identity.owner.map { "owner \($0)" } ?? "key \(identity.name)"
            request.salt = sharing + "\0" + (sampling.cacheSalt ?? "")
            requests.append(request)
        }
        try engine.checkFits(requests)
        let lease = try KeyLease(keys, identity, at: ProcessInfo.processInfo.systemUptime)
        lease.headers.note(in: context.facts)
        let answering = Answering(
            server: self, form: form, id: (form == .chat ? "chatcmpl-" : "cmpl-") + Journal.hex(24),
            created: Int(Date().timeIntervalSince1970), model: resolved, sampling: sampling, logprobs: logprobs,
            echoes: echoes, prompts: prompts, texts: texts, requests: requests, lease: lease)
        return sampling.streams ? try await answering.stream(context) : try await answering.whole(context)
    }
}

extension KeyRing.RateHeaders {
    /// OpenAI's headers.
    fileprivate func note(in facts: RequestFacts) {
        for (name, value) in [("requests", requests), ("tokens", tokens)] {
            guard let value else { continue }
            facts.header("x-ratelimit-limit-\(name)", value.limit)
            facts.header("x-ratelimit-remaining-\(name)", value.left)
        }
    }
}
