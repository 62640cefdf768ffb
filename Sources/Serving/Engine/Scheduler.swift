/// Who is answered next, and who has to wait or go: all policies of the server, as a value without a model or a clock of its
/// own. Times are seconds of whatever clock the caller has.
package struct Scheduler {
    /// What the server allows.
    package struct Limits: Equatable, Sendable {
        /// Rows of a step.
        package var rows = 64
        /// The share of the rows, and of the positions, that one key may take while others wait.
        package var rowsShare = 0.5
        /// Rows that are kept for keys of which nothing is being answered: rows are not taken from who has them, and a key that
        /// asks now and then would wait for a whole answer of one that always asks.
        package var spareRows = 0
        /// Requests that may wait.
        package var waitingRequests = 1024
        /// Tokens that waiting requests may be about: prompts and longest answers.
        package var waitingTokens = 1 << 20
        /// Positions whose keys and values there is memory for.
        package var positions = Int.max

        /// Limits; see the properties.
        package init() {}
    }

    /// What the server allows.
    package let limits: Limits
    private var queue = FairQueue()
    private var running: [Int: FairQueue.Item] = [:]
    private var ofKey: [String: (rows: Int, positions: Int)] = [:]
    private var positions = 0
    private var rows = 0
    /// Tokens per second, of late.
    private var rate = 0.0
    private var lastCharge: Double?

    /// A scheduler with nothing to do.
    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Requests that wait, and that are being answered.
    package var waitingCount: Int { queue.count }
    /// Requests that are being answered.
    package var runningCount: Int { running.count }
    /// Whether a request is being answered.
    package func isRunning(_ id: Int) -> Bool { running[id] != nil }
    /// Rows that they take.
    package var runningRows: Int { rows }
    /// Positions that are reserved.
    package var reservedPositions: Int { positions }
    /// Tokens that waiting requests are about.
    package var waitingTokens: Int { queue.tokens }

    /// How much a key was given; see ``FairQueue``.
    package func counter(of key: String) -> Double { queue.counter(of: key) }

    /// Lets a request wait.
    ///
    /// - Parameter weight: Its key's share.
    /// - Throws: ``ServingError/overloaded(waiting:retryAfter:)`` where too much waits, ``ServingError/outOfMemory(needed:available:)``
    ///   where it could never be answered.
    package mutating func enqueue(_ item: FairQueue.Item, weight: Double = 1) throws(ServingError) {
        guard item.positions <= limits.positions else {
            throw .outOfMemory(needed: item.positions, available: limits.positions)
        }
        guard queue.count < limits.waitingRequests else {
            throw .overloaded(waiting: "\(queue.count) requests", retryAfter: retryAfter)
        }
        // One that is larger than the limit may wait alone.
        guard queue.count == 0 || queue.tokens + item.tokens <= limits.waitingTokens else {
            throw .overloaded(waiting: "requests of \(queue.tokens) tokens", retryAfter: retryAfter)
        }
        queue.append(item, weight: weight, running: Set(ofKey.keys))
    }

    /// Seconds in which half of what waits will have been answered, as far as is known: at least 1, at most 60.
    package var retryAfter: Int {
        guard rate > 0 else { return 1 }
        return Int(min(60, max(1, (Double(queue.tokens) / 2 / rate).rounded(.up))))
    }

    /// The request that is to be answered next; it waits until ``start(_:)``. Nil where nothing waits, or what is next has to wait
    /// until others are answered: nobody who was let in has to leave before its end, so that all it may need is reserved.
    package var next: FairQueue.Item? {
        var excluded: Set<String> = []
        while let item = queue.first(except: excluded) {
            if isOverShare(item), isAnyoneElseWaiting(than: item.key, excluded) {
                excluded.insert(item.key)
                continue
            }
            let isSecond = ofKey[item.key] != nil
            guard rows + item.rows <= limits.rows || running.isEmpty else { return nil }
            if isSecond, rows + item.rows > limits.rows - limits.spareRows {
                excluded.insert(item.key)
                continue
            }
            // Memory is not handed to smaller ones behind: a large request would wait for ever.
            guard positions + item.positions <= limits.positions else { return nil }
            return item
        }
        return nil
    }

    /// Whether its key would have more than its share beside what is being answered of it.
    private func isOverShare(_ item: FairQueue.Item) -> Bool {
        guard let own = ofKey[item.key] else { return false }
        func share(_ whole: Int) -> Int { max(1, Int((Double(whole) * limits.rowsShare).rounded(.down))) }
        return own.rows + item.rows > share(limits.rows)
            || limits.positions < .max && own.positions + item.positions > share(limits.positions)
    }

    /// The requests that are to be answered from now on, in this order.
    package mutating func admit() -> [Int] {
        var admitted: [Int] = []
        while let item = next {
            start(item)
            admitted.append(item.id)
        }
        return admitted
    }

    /// Whether a key that could still be served has something waiting; where none has, rows that nobody wants are given.
    private func isAnyoneElseWaiting(than key: String, _ excluded: Set<String>) -> Bool {
        queue.first(except: excluded.union([key])) != nil
    }

    /// Notes that a request that waited is being answered.
    package mutating func start(_ item: FairQueue.Item) {
        queue.remove(item.id, of: item.key)
        running[item.id] = item
        let own = ofKey[item.key] ?? (0, 0)
        ofKey[item.key] = (own.rows + item.rows, own.positions + item.positions)
        rows += item.rows
        positions += item.positions
        queue.charge(item.key, FairQueue.cost(promptTokens: item.promptTokens, generated: 0))
    }

    /// Notes that a request got further tokens.
    package mutating func charge(_ id: Int, generated: Int) {
        guard let item = running[id] else { return }
        queue.charge(item.key, FairQueue.cost(promptTokens: 0, generated: generated))
    }

    /// Notes how many tokens a step read and wrote, for ``retryAfter``.
    package mutating func note(tokens: Int, at time: Double) {
        defer { lastCharge = time }
        guard let last = lastCharge, time > last, time - last < 5 else { return }
        let now = Double(tokens) / (time - last)
        rate = rate == 0 ? now : 0.95 * rate + 0.05 * now
    }

    /// Takes a request out: answered, cancelled or failed.
    ///
    /// - Returns: Whether it was being answered; false where it waited or is not known.
    @discardableResult
    package mutating func remove(_ id: Int, of key: String) -> Bool {
        guard let item = running.removeValue(forKey: id) else {
            queue.remove(id, of: key)
            return false
        }
        rows -= item.rows
        positions -= item.positions
        if let own = ofKey[item.key] {
            let left = (rows: own.rows - item.rows, positions: own.positions - item.positions)
            ofKey[item.key] = left.rows == 0 ? nil : left
        }
        queue.forgetIdle(running: Set(ofKey.keys))
        return true
    }

    /// Takes out all that waits.
    package mutating func removeWaiting() -> [Int] { queue.removeAll().map(\.id) }
}
