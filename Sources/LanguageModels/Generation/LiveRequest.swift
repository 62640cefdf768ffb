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
    /// How many tokens of the prompt need not be read.
    private(set) var keptTokens = 0
    private var keys: [String] = []  // of the pages of the prompt
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
            switch request.options.strategy {
            case .contrastive(let alpha, let candidates):
                ContrastiveSearch(
                    prompt, index: request.number, options: request.options, alpha: alpha, candidates: candidates,
                    rules: rules, vocabularySize: size, tokenizer: batch.tokenizer)
            case .beam where request.options.isBeamSearch:
                BeamSearch(
                    prompt, index: request.number, options: request.options, rules: rules, vocabularySize: size,
                    tokenizer: batch.tokenizer)
            case .greedy, .beam, .sample:
                TokenSearch(
                    prompt, index: request.number, options: request.options, rules: rules, vocabularySize: size,
                    tokenizer: batch.tokenizer)
            }
    }

    /// Rows that it takes when its prompt is read.
    var width: Int { request.options.width }
    /// Rows that it has.
    var rows: Int { next.count }

    /// Stands at the beginning, or behind so many tokens, or behind what is kept of the prompt.
    func begin(_ sequence: KVCache.Sequence, read: Int, keptBy prompts: PromptCache?) {
        var sequence = sequence
        sequence.promptEnd = sequence.nextPosition + unread.count - read
        unread = unread.dropFirst(read)
        // What is read once for all, in front of virtual tokens, or trained, is not kept; what is kept has no hidden states.
        if let prompts, let salt = request.salt, read == 0, tapes.isEmpty, !search.readsHiddenStates {
            keys = prompts.keys(
                request.prompt, after: request.starts, at: sequence.nextPosition, salt: salt)
            let pages = prompts.pages(keys, ofPrompt: request.prompt.count)
            sequence.begin(with: pages)
            keptTokens = pages.count * KeyValuePage.rowCount
            unread = unread.dropFirst(keptTokens)
        }
        self.sequence = sequence
    }

    /// Whether nothing of its prompt was kept yet.
    var isFresh: Bool { !keys.isEmpty }

    /// What its pages are to be kept under, once.
    func takeKeys() -> [String] {
        defer { keys = [] }
        return keys
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
