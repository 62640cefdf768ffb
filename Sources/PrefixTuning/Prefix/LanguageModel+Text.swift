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
    ///   - prompt: The text, used as given; at least one token.
    ///   - prefix: Put before it; nil for the model alone.
    ///   - options: How tokens are chosen; the model's end-of-text token ends the text in any case.
    /// - Returns: Pieces of text, each as soon as its characters are complete; beam search gives one piece.
    /// - Throws: ``PrefixError`` where the prefix belongs to another model, `GenerationError` where an option or the
    ///   prompt is not valid.
    public func generate(
        _ prompt: String, prefix: Prefix? = nil, options: DecodingOptions = DecodingOptions()
    ) throws -> AsyncThrowingStream<String, any Error> {
        var options = options
        if options.endTokens.isEmpty { options.endTokens = conventions.endTokens }
        let start = try prefix?.keyValues(for: network.shape)
        let tokens = try Generator(network).stream(encodedPrompt(prompt), after: start, options: options)
        let (ends, decoder) = (options.endTokens, tokenizer.streamingDecoder(skippingSpecialTokens: true))
        return AsyncThrowingStream { continuation in
            let task = Task {
                var decoder = decoder
                do {
                    for try await token in tokens where !ends.contains(token) {
                        let piece = decoder.append(token)
                        if !piece.isEmpty { continuation.yield(piece) }
                    }
                    let rest = decoder.finish()
                    if !rest.isEmpty { continuation.yield(rest) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// A prompt's tokens with the special tokens that the tokenizer puts around a text: for an encoder all of them; for a
    /// decoder-only model, which continues the text, those before it (`</s>` for OPT, `<s>` for Llama, none for GPT-2).
    private func encodedPrompt(_ prompt: String) -> [Int32] {
        if network.startToken != nil { return tokenizer.encode(prompt, addingSpecialTokens: true) }
        return tokenizer.specialTokensAround.before + tokenizer.encode(prompt)
    }

    /// Continues many texts in common batches.
    ///
    /// - Parameters:
    ///   - prompts: Texts, used as given; at least one token each.
    ///   - start: What all of them come after; nil for the model alone.
    ///   - options: How tokens are chosen; the model's end-of-text token ends a text in any case.
    /// - Returns: The texts, without prompt and end token, in the order of the prompts.
    public func answers(
        to prompts: [String], after start: InitialKeyValues? = nil, options: DecodingOptions
    ) throws -> [String] {
        var options = options
        if options.endTokens.isEmpty { options.endTokens = conventions.endTokens }
        let generations = try Generator(network).generate(
            prompts.map(encodedPrompt), after: start, options: options)
        return generations.map { generation in
            tokenizer.decode(
                generation.tokenIds.filter { !options.endTokens.contains($0) }, skippingSpecialTokens: true)
        }
    }
}
