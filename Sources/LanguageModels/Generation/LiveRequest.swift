import Tensors

/// A request in a ``LiveBatch``.
@Compute final class LiveRequest {
    let id: LiveBatch.RequestID
    let request: GenerationRequest
    let search: any PromptSearch
    /// Pages that are set aside for it.
    let reservedPages: Int
    /// The tapes of prefixes in training.
    let tapes: [Tape]
    /// What the decoder has not read yet of what it begins with: the prompt, or the start token where there is an encoder.
    private(set) var unread: ArraySlice<Int32>
    /// While the prompt is read.
    private var sequence: KVCache.Sequence?
    /// The next token of each of its rows.
    var next: [Int32] = []
    /// While a step chooses: the rows of its scores, and its places among the tokens that are chosen.
    var scores = 0..<0, choices = 0..<0

    init(_ id: LiveBatch.RequestID, _ request: GenerationRequest, reservedPages: Int, in batch: LiveBatch) {
        self.id = id
        self.request = request
        self.reservedPages = reservedPages
        let prompt = batch.model.startToken.map { [$0] } ?? request.prompt
        unread = prompt[...]
        tapes = Tape.all(of: request.starts.flatMap(\.gradients))
        let size = batch.model.shape.vocabularySize
        let rules = TokenRules(request.options, vocabularySize: size)
        search =
            request.options.isBeamSearch
            ? BeamSearch(
                prompt, index: request.number, options: request.options, rules: rules, vocabularySize: size,
                tokenizer: batch.tokenizer)
            : TokenSearch(
                prompt, index: request.number, options: request.options, rules: rules, vocabularySize: size,
                tokenizer: batch.tokenizer)
    }

    /// Rows that it takes when its prompt is read.
    var width: Int { request.options.width }
    /// Rows that it has.
    var rows: Int { next.count }

    /// Stands at the beginning, or behind so many tokens.
    func begin(_ sequence: KVCache.Sequence, read: Int) {
        unread = unread.dropFirst(read)
        self.sequence = sequence
        self.sequence?.promptEnd = sequence.nextPosition + unread.count
    }

    /// Its sequence, which is then the cache's alone: two of them would copy its row numbers with every token.
    func takeSequence() -> KVCache.Sequence {
        guard let sequence else { preconditionFailure("a request that reads nothing") }
        self.sequence = nil
        return sequence
    }

    /// Has read so many tokens, and there are more.
    func keep(_ sequence: KVCache.Sequence, read: Int) {
        unread = unread.dropFirst(read)
        self.sequence = sequence
    }

    /// Has read all of the prompt: its one row predicts the first token.
    func endReading() {
        unread = []
        next = [0]
    }
}

extension Tape {
    /// The tapes of gradients, each once.
    static func all(of gradients: [Gradient]) -> [Tape] {
        var found: [ObjectIdentifier: Tape] = [:]
        for gradient in gradients { found[ObjectIdentifier(gradient.tape)] = gradient.tape }
        return Array(found.values)
    }
}
