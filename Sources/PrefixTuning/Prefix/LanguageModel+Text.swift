import LanguageModels
import Tensors
import Tokenizers

extension LanguageModel {
    /// Continues a text after a prefix, piece by piece.
    ///
    /// ```swift
    /// for try await piece in try await model.generate("name : Alimentum\n", prefix: prefix) { print(piece, terminator: "") }
    /// ```
    ///
    /// - Parameters:
    ///   - prompt: The text, used as given. An empty one is answered after the token that begins texts, where there is one.
    ///   - prefix: Put before it; nil for the model alone.
    ///   - options: How tokens are chosen; the model's end-of-text token ends the text in any case.
    /// - Returns: Pieces of the first answer, each as soon as its characters are complete and no part of a stop text; beam
    ///   search gives it all at once.
    /// - Throws: ``PrefixError`` where the prefix belongs to another model, `GenerationError` where an option or the
    ///   prompt is not valid.
    public func generate(
        _ prompt: String, prefix: Prefix? = nil, options: DecodingOptions = DecodingOptions()
    ) throws -> AsyncThrowingStream<String, any Error> {
        var options = options
        if options.endTokens.isEmpty { options.endTokens = conventions.endTokens }
        let start = try prefix?.keyValues(for: network.shape, as: cacheType)
        let generator = Generator(network, tokenizer: tokenizer, cacheType: cacheType)
        let tokens = try generator.stream(try encodedPrompt(prompt), after: start, options: options)
        let empty = AnswerText(tokenizer, options: options)
        return AsyncThrowingStream { continuation in
            let task = Task {
                var answer = empty
                do {
                    for try await token in tokens {
                        let piece = answer.append(token)
                        if !piece.isEmpty { continuation.yield(piece) }
                    }
                    let rest = answer.finish()
                    if !rest.isEmpty { continuation.yield(rest) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// What the model reads of a prompt: an encoder all special tokens that the tokenizer puts around a text; see
    /// ``beginning(_:)`` for a decoder-only model, which continues the text.
    func encodedPrompt(_ prompt: String) throws -> [Int32] {
        if network.startToken != nil { return try tokenizer.encode(prompt, addingSpecialTokens: true) }
        return beginning(try tokenizer.encode(prompt))
    }

    /// What a decoder-only model reads of a text that it continues: first the special tokens that its tokenizer puts before
    /// every text (`</s>` for OPT, `<s>` for Llama, none for GPT-2).
    ///
    /// A prefix has no token to predict the first one from, so where nothing would be read, it is the token that begins
    /// texts (`bos_token_id`; `<|endoftext|>` for GPT-2), as `transformers` generates without a prompt. The result is empty
    /// only where the model names none.
    func beginning(_ tokens: [Int32]) -> [Int32] {
        let all = tokenizer.specialTokensAround.before + tokens
        return all.isEmpty ? conventions.beginToken.map { [$0] } ?? [] : all
    }

    /// The sequences of tokens that spell words, alone and after a blank: what `DecodingOptions.forbiddenSequences` needs to
    /// forbid words at the beginning and within a text, as vLLM's `bad_words` does.
    public nonisolated func sequences(ofWords words: [String]) throws -> [[Int32]] {
        let all = try words.flatMap { word in
            try [word, " " + word.drop { $0 == " " }].map { try tokenizer.encode($0) }
        }
        return all.reduce(into: []) { if !$1.isEmpty, !$0.contains($1) { $0.append($1) } }
    }

    /// Continues many texts in common batches.
    ///
    /// - Parameters:
    ///   - prompts: Texts, used as given. Empty ones are answered after the token that begins texts, where there is one.
    ///   - start: What all of them come after; nil for the model alone.
    ///   - options: How tokens are chosen; the model's end-of-text token ends a text in any case.
    /// - Returns: The texts, without prompt, end token and stop text, in the order of the prompts; of each as many as
    ///   `options.answerCount` says.
    public func answers(
        to prompts: [String], after start: InitialKeyValues? = nil, options: DecodingOptions
    ) throws -> [String] {
        var options = options
        if options.endTokens.isEmpty { options.endTokens = conventions.endTokens }
        let generations = try Generator(network, tokenizer: tokenizer, cacheType: cacheType).generate(
            try prompts.map(encodedPrompt), after: start, options: options)
        return generations.map { AnswerText.text(of: $0.tokenIds, tokenizer, options: options) }
    }
}
