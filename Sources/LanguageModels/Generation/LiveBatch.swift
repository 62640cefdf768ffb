import Tensors
import Tokenizers

/// Requests that are answered over one model at the same time, and come and go: in each step, a row for each of their beams or
/// answers goes through the model as one batch, beside parts of the prompts of those that have just joined.
///
/// ```swift
/// let batch = LiveBatch(model.network, tokenizer: model.tokenizer)
/// let first = try batch.join(GenerationRequest(prompt, after: [prefix], options: options))
/// while let step = batch.step() {
///     for token in step.tokens { print(token.request, token.answer, token.token) }
/// }
/// ```
///
/// Requests may differ in everything: what they come after, how they are answered, what is told of their tokens. One that is
/// cancelled, or whose scores are no numbers, leaves alone. Where the model's products do not depend on how many rows they have
/// (``CausalModel/isBatchInvariant(as:)``), a request has the same tokens and log-probabilities, bit by bit, whatever it is answered
/// beside and however its prompt is cut: parts of prompts have no fewer than 4 tokens, as fewer go through another kernel,
/// and what is kept of prompts was computed in reading prompts.
///
/// There is no other way to generate: ``GenerationRun`` and ``Generator`` are lists of requests that join here.
@Compute public final class LiveBatch {
    /// Predicts the tokens.
    public let model: any CausalModel
    /// How much the batch holds.
    public let limits: Limits
    /// Tokens of prompts that the next steps read, ``Limits/promptTokens`` to begin with: fewer make shorter steps, for those who are
    /// being answered. At least 16; what is answered does not depend on it where ``CausalModel/isBatchInvariant(as:)``.
    public var promptTokens: Int? {
        didSet { promptTokens = promptTokens.map { max($0, 16) } }
    }
    let cache: KVCache
    let tokenizer: Tokenizer?
    let cacheType: CacheType

    var waiting: [LiveRequest] = []  // have joined; nothing is computed of them yet
    var reading: [LiveRequest] = []  // some of their prompt is unread
    var answering: [LiveRequest] = []  // their rows are the sequences of the cache, in this order
    private var nextID = 0
    private var reservedPages = 0
    private let prompts: PromptCache?
    private let tapes: [Tape]

    /// An empty batch.
    ///
    /// - Parameters:
    ///   - model: Predicts the tokens.
    ///   - limits: How much it holds, and goes through the model at once.
    ///   - tokenizer: The model's; needed by requests with ``DecodingOptions/stopTexts``.
    ///   - cacheType: How keys and values of what is read and written are held; those of prefixes are as they are given.
    ///   - identity: What is kept of prompts is kept for a model of this name: of its weights, how they are held, its adapters.
    public init(
        _ model: any CausalModel, limits: Limits = Limits(), tokenizer: Tokenizer? = nil,
        cacheType: CacheType = .float32, identity: String = ""
    ) {
        self.model = model
        self.limits = limits
        promptTokens = limits.promptTokens
        self.tokenizer = tokenizer
        self.cacheType = cacheType
        cache = KVCache(
            shape: model.shape, sequences: [], keepsTokens: true, as: cacheType, limit: limits.keyValueRows)
        tapes = Tape.all(of: model.parameters.compactMap(\.value.gradient))
        // The keys of a prompt must be those of any longer one that begins with it.
        let isKeeping = limits.keepsPrompts && model.startToken == nil && !model.dependsOnLength && tapes.isEmpty
        let prompts = isKeeping ? PromptCache(identity: "\(identity) \(cacheType.rawValue)") : nil
        self.prompts = prompts
        cache.pool?.reclaim = prompts.map { prompts in { prompts.reclaim() } }
    }

    /// An empty batch of a model with its tokenizer.
    public convenience init(_ model: LanguageModel, limits: Limits = Limits()) {
        let weights = model.digest?.description ?? model.name
        self.init(
            model.network, limits: limits, tokenizer: model.tokenizer, cacheType: model.cacheType,
            identity: "\(weights) \(model.precision.rawValue)")
    }

    /// Whether no request is in the batch.
    public var isEmpty: Bool { count == 0 }
    /// Requests in the batch.
    public var count: Int { waiting.count + reading.count + answering.count }
    /// Rows of a step that they take, or will take when their prompts are read.
    public var rows: Int { (waiting + reading).reduce(0) { $0 + $1.width } + answering.reduce(0) { $0 + $1.rows } }
    /// Tokens of prompts that are not read yet.
    public var unreadTokens: Int { (waiting + reading).reduce(0) { $0 + $1.unread.count } }
    /// Tells whether a request is in the batch.
    public func contains(_ request: RequestID) -> Bool {
        (waiting + reading + answering).contains { $0.id == request }
    }

    /// How the memory of keys and values is used.
    public var memory: Memory {
        let page = KeyValuePage.rowCount, pool = cache.pool
        let used = (pool?.pageCount ?? 0) - (pool?.freePages ?? 0)
        return Memory(
            limit: limits.keyValueRows == nil ? nil : pool?.capacity, reserved: reservedPages * page,
            used: used * page, kept: (prompts?.count ?? 0) * page)
    }

    /// Whether a request fits: rows of a step, and memory for the longest answers that it asks for.
    ///
    /// Nothing is checked but that; see ``GenerationRequest/validate(for:hasTokenizer:)``.
    public func room(for request: GenerationRequest) -> Room {
        let page = KeyValuePage.rowCount
        if limits.keyValueRows != nil, let total = cache.pool?.pageCount {
            let needed = request.pages(for: model)
            if needed > total { return .never(.noRoom(index: request.number, rows: needed * page, free: total * page)) }
            if reservedPages + needed > total { return .later }
        }
        return isEmpty || rows + request.options.width <= limits.rows ? .now : .later
    }

    /// Takes a request in. Nothing is computed before the next step.
    ///
    /// - Returns: What the batch calls it by.
    /// - Throws: ``GenerationError`` where it is not valid (``GenerationRequest/validate(for:hasTokenizer:)``), or does not fit now
    ///   (``room(for:)``): then others must leave first, unless it asks for more than there is.
    @discardableResult
    public func join(_ request: GenerationRequest) throws(GenerationError) -> RequestID {
        try request.validate(for: model, hasTokenizer: tokenizer != nil)
        switch room(for: request) {
        case .now: return enter(request)
        case .never(let error): throw error
        case .later:
            let pages = request.pages(for: model), free = (cache.pool?.pageCount ?? 0) - reservedPages
            let isShort = limits.keyValueRows != nil && pages > free
            throw .noRoom(
                index: request.number, rows: pages * KeyValuePage.rowCount,
                free: isShort ? free * KeyValuePage.rowCount : nil)
        }
    }

    /// Takes in a request that is known to be valid and to fit.
    func enter(_ request: GenerationRequest) -> RequestID {
        defer { nextID += 1 }
        let pages = limits.keyValueRows == nil ? 0 : request.pages(for: model)
        reservedPages += pages
        waiting.append(LiveRequest(nextID, request, reservedPages: pages, in: self))
        return nextID
    }

    /// Gives a request up, wherever it stands: its rows and its memory are free at once. Nothing happens where it has left already.
    public func leave(_ request: RequestID) {
        for list in [\LiveBatch.waiting, \LiveBatch.reading] {
            guard let index = self[keyPath: list].firstIndex(where: { $0.id == request }) else { continue }
            release(self[keyPath: list].remove(at: index))
        }
        guard let index = answering.firstIndex(where: { $0.id == request }) else { return }
        let first = answering[..<index].reduce(0) { $0 + $1.rows }
        let left = answering.remove(at: index)
        cache.sequences.removeSubrange(first..<first + left.rows)
        release(left)
    }

    /// Forgets what is kept of prompts.
    public func forgetPrompts() { prompts?.clear() }

    private func release(_ request: LiveRequest) { reservedPages -= request.reservedPages }

    /// Goes on by one token of every answer, and by some tokens of prompts.
    ///
    /// A request whose scores are no numbers leaves, and is told in ``Step/failed``: the others, whose rows know nothing of it, go on.
    ///
    /// - Returns: What it brought, which is no token where prompts are still being read; nil where there is no request.
    public func step() -> Step? {
        if isEmpty { return nil }
        return withoutRecording {
            var step = Step()
            begin(&step)
            let parts = parts()
            step.answerRows = cache.sequences.count
            step.promptTokens = parts.reduce(0, +)
            guard let hidden = read(parts) else { return step }
            choose(from: model.head(hidden), &step)
            return step
        }
    }

    /// Turns requests that have joined into sequences: encodes sources, reads what stands before virtual tokens. Of such tokens
    /// there are no more in a step than of prompts, or those of one request.
    private func begin(_ step: inout Step) {
        if waiting.isEmpty { return }
        let start = model.startToken
        var left = promptTokens ?? .max, count = 0
        for request in waiting {
            let isReadAtOnce = start != nil || request.request.starts.contains { $0.afterPrompt != nil }
            left -= isReadAtOnce ? request.request.prompt.count : 0
            if left < 0, count > 0 { break }
            count += 1
        }
        let now = waiting.prefix(count)
        let begun = model.begin(
            now.map { Array($0.unread) }, about: start == nil ? [] : now.map(\.request.prompt),
            after: now.map(\.request.starts), as: cacheType)
        for (request, (sequence, read)) in zip(now, begun) {
            request.begin(sequence, read: read, keptBy: prompts)
            step.begun.append((request.id, request.keptTokens))
        }
        reading += now
        waiting.removeFirst(count)
    }

    /// How many tokens of each prompt are read in this step, the first to join first.
    private func parts() -> [Int] {
        guard var left = promptTokens else { return reading.map(\.unread.count) }
        return reading.map { request in
            let count = Self.part(of: request.unread.count, within: left)
            left -= count
            return count
        }
    }

    /// How many of so many tokens are read: neither now nor later fewer than 4, unless the prompt has no more.
    static func part(of unread: Int, within budget: Int) -> Int {
        if unread <= budget { return unread }
        let count = min(budget, unread - 4)
        return count < 4 ? 0 : count
    }

    /// Passes the next token of every answer, and parts of prompts, through the model.
    ///
    /// - Returns: The hidden states that the next tokens are predicted from, of the answers and then of the prompts that are now
    ///   read; nil where there are none.
    private func read(_ parts: [Int]) -> Tensor? {
        var inputs = answering.flatMap { request in request.next.map { [$0] } }
        var wanted = inputs.map { _ in 1 }, done: [LiveRequest] = [], still: [LiveRequest] = [],
            part: [LiveRequest] = []
        let answers = inputs.count
        // Prompts that are read to their end come first, so that the sequences of the others can be cut off behind them.
        for (request, count) in zip(reading, parts) where count == request.unread.count {
            inputs.append(Array(request.unread))
            wanted.append(request.search.readsHiddenStates ? count : 1)
            done.append(request)
        }
        for (request, count) in zip(reading, parts) where count < request.unread.count {
            still.append(request)
            if count == 0 { continue }
            inputs.append(Array(request.unread.prefix(count)))
            wanted.append(request.search.readsHiddenStates ? count : 0)
            part.append(request)
        }
        for request in done + part { cache.sequences.append(request.takeSequence()) }
        // A batch of nothing but parts: the last layer computes one row for nobody.
        let isNothingWanted = answers + done.count == 0
        if wanted.allSatisfy({ $0 == 0 }), let last = wanted.indices.last { wanted[last] = 1 }
        var hidden = model.hiddenStates(TokenBatch(inputs, wanting: wanted), cache: cache, dropout: nil)
        tell(hidden, wanted, to: done + part)
        if !isNothingWanted, hidden.rows > answers + done.count {
            hidden = lastRows(of: hidden, wanted, sequences: answers + done.count)
        }
        for (request, input) in zip(part, inputs[(answers + done.count)...]) {
            request.keep(cache.sequences[answers + done.count], read: input.count)
            cache.sequences.remove(at: answers + done.count)
        }
        for request in done { request.endReading() }
        answering += done
        reading = still
        return isNothingWanted ? nil : hidden
    }

    /// Tells the hidden states of a step to the searches that want them: of answers, and then of prompts.
    private func tell(_ hidden: Tensor, _ wanted: [Int], to prompts: [LiveRequest]) {
        guard (answering + prompts).contains(where: { $0.search.readsHiddenStates }) else { return }
        let width = hidden.width
        hidden.withMutableValues { buffer in
            guard var next = buffer.baseAddress else { return }
            for request in answering {
                if request.search.readsHiddenStates { request.search.read(next, width: width) }
                next += request.rows * width
            }
            for (request, rows) in zip(prompts, wanted.suffix(prompts.count)) {
                if request.search.readsHiddenStates { request.search.read(prompt: next, rows: rows, width: width) }
                next += rows * width
            }
        }
    }

    /// The last row of each of the first sequences, where more were wanted of some.
    private func lastRows(of hidden: Tensor, _ wanted: [Int], sequences: Int) -> Tensor {
        var end: Int32 = 0
        return hidden.rows(
            at: wanted.prefix(sequences).map { count in
                end += Int32(count)
                return end - 1
            })
    }

    /// Chooses from the scores [rows × vocabulary] of all answers.
    private func choose(from scores: Tensor, _ step: inout Step) {
        var remaining: [LiveRequest] = [], sequences: [KVCache.Sequence] = [], row = 0
        for request in answering {
            request.scores = row..<row + request.rows
            if request.request.options.isBeamSearch { normalizeLogits(scores, rows: request.scores) }
            row += request.rows
        }
        scores.withMutableValues { buffer in
            guard let base = buffer.baseAddress else { return }
            let chosen = chosenTokens(base, vocabulary: scores.width)
            for request in answering {
                let row = request.scores.lowerBound
                let found: SearchStep
                do throws(GenerationError) {
                    found = try request.search.advance(base + row * scores.width, chosen: chosen[request.choices])
                } catch {
                    step.failed.append((request.id, error))
                    release(request)
                    continue
                }
                // Its scores are numbers: what they follow from is worth keeping.
                if request.isFresh { prompts?.keep(cache.sequences[row].pages, under: request.takeKeys()) }
                for (index, (answer, token)) in found.tokens.enumerated() {
                    step.tokens.append(
                        Step.Token(
                            request: request.id, answer: answer, token: token,
                            logProbability: found.logProbabilities.isEmpty ? nil : found.logProbabilities[index]))
                }
                step.finished += found.finished.map { (request.id, $0.answer, $0.generation) }
                for next in found.next { sequences.append(cache.sequences[row + next.row]) }
                request.next = found.next.map(\.token)
                if request.rows > 0 {
                    remaining.append(request)
                } else {
                    step.answered.append(request.id)
                    release(request)
                }
            }
        }
        cache.sequences = sequences
        answering = remaining
    }

    /// The tokens that all searches ask for, chosen at once.
    private func chosenTokens(_ scores: UnsafeMutablePointer<Float>, vocabulary: Int) -> [Int32?] {
        // Beams look at log-probabilities as they are, each for itself.
        let told = answering.filter { !$0.request.options.isBeamSearch && $0.request.options.logProbabilities != nil }
        let rows = told.flatMap { request in
            request.scores.map {
                (UnsafePointer(scores + $0 * vocabulary), request.request.options.logProbabilities ?? 0)
            }
        }
        var described = TokenSelection.describe(rows, vocabulary: vocabulary)[...]
        var choices: [TokenChoice] = []
        for request in answering {
            let options = request.request.options
            let own =
                !options.isBeamSearch && options.logProbabilities != nil ? described.prefix(request.scores.count) : []
            described = described.dropFirst(own.count)
            let asked = request.search.choices(scores + request.scores.lowerBound * vocabulary, Array(own))
            request.choices = choices.count..<choices.count + asked.count
            choices += asked
        }
        return TokenSelection.choose(choices, vocabulary: vocabulary)
    }

    /// Nothing of a generation is differentiated, be it of a model or of a prefix in training.
    private func withoutRecording<Result>(_ body: () -> Result) -> Result {
        let tapes = (waiting + reading + answering).reduce(tapes) { $0 + $1.tapes }
        let recording = tapes.map(\.isRecording)
        for tape in tapes { tape.isRecording = false }
        defer { for (tape, wasRecording) in zip(tapes, recording) { tape.isRecording = wasRecording } }
        return body()
    }
}
