import Tensors

extension LiveBatch {
    /// What a batch calls a request by: numbers that count up, none of which is used twice.
    public typealias RequestID = Int

    /// How much a batch holds, and goes through the model at once.
    public struct Limits: Sendable {
        /// Rows of a step: beams, or answers, of all requests; one request alone may take more.
        public var rows: Int
        /// Tokens of prompts that are read in a step, beside the rows that are answered. Longer prompts are read in parts. Nil
        /// where every prompt is read whole, in the step after it has joined.
        public var promptTokens: Int?
        /// Positions whose keys and values are held at most, in all layers; their memory is asked for once. Nil for as many as it
        /// takes: then every request fits.
        public var keyValueRows: Int?
        /// Whether what was read of prompts is kept, while there is room, for later ones that begin alike; only with a limit of
        /// ``keyValueRows``.
        public var keepsPrompts: Bool

        /// Limits; numbers are at least 1, ``promptTokens`` at least 16.
        public init(
            rows: Int = 64, promptTokens: Int? = 128, keyValueRows: Int? = nil, keepsPrompts: Bool = false
        ) {
            self.rows = max(rows, 1)
            self.promptTokens = promptTokens.map { max($0, 16) }
            self.keyValueRows = keyValueRows.map { max($0, 1) }
            self.keepsPrompts = keepsPrompts && keyValueRows != nil
        }

        /// How many positions' keys and values fit in so much memory.
        ///
        /// - Parameters:
        ///   - bytes: The memory.
        ///   - shape: The model's sizes.
        ///   - type: How keys and values are held.
        public static func keyValueRows(inBytes bytes: Int, shape: ModelShape, as type: CacheType = .float32) -> Int {
            let row = shape.prefixRowWidth * (type == .float32 ? 4 : 2)
            return max(bytes / row, 1)
        }
    }

    /// Whether a request fits beside those that are there.
    public enum Room: Equatable, Sendable {
        /// It can join now.
        case now
        /// It can join when others have left.
        case later
        /// It asks for more than the batch can ever hold; the error says of what.
        case never(GenerationError)
    }

    /// What one step brought.
    public struct Step: Sendable {
        /// A token that is certain.
        public struct Token: Sendable, Equatable {
            /// Whose answer it belongs to.
            public let request: RequestID
            /// Which of its answers, from 0.
            public let answer: Int
            /// The token.
            public let token: Int32
            /// How probable the model found it, and what it found most probable; nil where
            /// ``DecodingOptions/logProbabilities`` did not ask.
            public let logProbability: TokenLogProbability?
        }

        /// The requests whose prompts the model has begun to read, and how many of their first tokens it need not read, since
        /// their keys and values were kept.
        public internal(set) var begun: [(request: RequestID, keptTokens: Int)] = []
        /// Tokens of prompts that were read.
        public internal(set) var promptTokens = 0
        /// Rows that went on with an answer.
        public internal(set) var answerRows = 0
        /// Greedy search and sampling: the token chosen for each answer. Beam search: those of the finished answers.
        public internal(set) var tokens: [Token] = []
        /// The answers complete with this step. Those to a request are numbered from 0; in beam search they come in one step, the
        /// best first.
        public internal(set) var finished: [(request: RequestID, answer: Int, generation: Generation)] = []
        /// The requests whose last answer is complete: they have left.
        public internal(set) var answered: [RequestID] = []
        /// The requests that cannot be answered to the end since the model's scores are no numbers for them: they have left.
        public internal(set) var failed: [(request: RequestID, error: GenerationError)] = []
    }

    /// How the memory of keys and values is used, in positions.
    public struct Memory: Sendable, Equatable {
        /// Positions that there are; nil where there is no limit.
        public let limit: Int?
        /// Positions that the requests in the batch may come to need at most.
        public let reserved: Int
        /// Positions of pages that hold something: of these requests, or kept for later prompts.
        public let used: Int
        /// Positions kept for later prompts, whether or not a request uses them as well.
        public let kept: Int
    }
}
