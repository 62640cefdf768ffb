/// Requests that wait, in the order in which keys are served fairly: virtual token counters (Sheng et al., OSDI 2024).
///
/// Every key has a counter of what it was given: tokens, divided by its weight. The next request is one of the key with the
/// least counter; within a key the one of the highest priority, and among these the oldest. A key that comes back after it
/// had nothing waiting is lifted to the least counter of those that wait or are being answered, or to that of the last one that was,
/// so that nobody saves up. While two keys have requests waiting, what they were given differs by no more than twice the largest
/// request.
package struct FairQueue {
    /// A request that waits.
    package struct Item: Equatable, Sendable {
        /// Its number.
        package var id: Int
        /// Whose it is.
        package var key: String
        /// Its place among the requests of its key; larger first.
        package var priority: Int
        /// Its tokens: those of the prompt, and of the longest answers.
        package var promptTokens: Int, newTokens: Int
        /// Rows that it takes of a step.
        package var rows: Int
        /// Positions whose keys and values it takes at most.
        package var positions: Int

        /// A request; see the properties.
        package init(
            id: Int, key: String, priority: Int = 0, promptTokens: Int, newTokens: Int, rows: Int = 1,
            positions: Int = 0
        ) {
            self.id = id
            self.key = key
            self.priority = priority
            self.promptTokens = promptTokens
            self.newTokens = newTokens
            self.rows = rows
            self.positions = positions
        }

        /// Tokens that it may be about.
        var tokens: Int { promptTokens + newTokens }
    }

    private struct Key {
        var counter = 0.0
        var weight = 1.0
        /// By priority, then age: the first is the next.
        var waiting: [Item] = []
    }

    private var keys: [String: Key] = [:]
    /// The counter of the key that was served last.
    private var lastCounter = 0.0
    /// Requests that wait.
    package private(set) var count = 0
    /// Tokens that they may be about.
    package private(set) var tokens = 0

    /// An empty queue.
    package init() {}

    /// What an answer costs a key: a token that is generated as much as two that are read.
    package static func cost(promptTokens: Int, generated: Int) -> Double { Double(promptTokens + 2 * generated) }

    /// How much a key was given, divided by its weight.
    package func counter(of key: String) -> Double { keys[key]?.counter ?? 0 }

    /// How many requests of a key wait.
    package func count(of key: String) -> Int { keys[key]?.waiting.count ?? 0 }

    /// Puts a request behind those of its key that are as important.
    ///
    /// - Parameters:
    ///   - weight: The key's share, greater than 0.
    ///   - running: The keys of which something is being answered.
    package mutating func append(_ item: Item, weight: Double = 1, running: Set<String> = []) {
        var key = keys[item.key] ?? Key()
        key.weight = weight
        if key.waiting.isEmpty, !running.contains(item.key) {
            let others = keys.filter {
                $0.key != item.key && (!$0.value.waiting.isEmpty || running.contains($0.key))
            }
            key.counter = max(key.counter, others.map(\.value.counter).min() ?? lastCounter)
        }
        let place = key.waiting.firstIndex { $0.priority < item.priority } ?? key.waiting.count
        key.waiting.insert(item, at: place)
        keys[item.key] = key
        count += 1
        tokens += item.tokens
    }

    /// The request that is next among keys that are not excluded; it stays.
    package func first(except excluded: Set<String> = []) -> Item? {
        let ready = keys.filter { !$0.value.waiting.isEmpty && !excluded.contains($0.key) }
        // Equal counters: by name, so that the order depends on nothing else.
        let next = ready.min { ($0.value.counter, $0.key) < ($1.value.counter, $1.key) }
        return next?.value.waiting.first
    }

    /// Takes a request out.
    ///
    /// - Returns: Nil where it does not wait.
    @discardableResult
    package mutating func remove(_ id: Int, of key: String) -> Item? {
        guard let index = keys[key]?.waiting.firstIndex(where: { $0.id == id }) else { return nil }
        let item = keys[key]?.waiting.remove(at: index)
        count -= 1
        tokens -= item?.tokens ?? 0
        return item
    }

    /// Takes out all that waits.
    package mutating func removeAll() -> [Item] {
        let all = keys.values.flatMap(\.waiting).sorted { $0.id < $1.id }
        for name in keys.keys { keys[name]?.waiting = [] }
        (count, tokens) = (0, 0)
        return all
    }

    /// Notes what a key was given.
    package mutating func charge(_ key: String, _ cost: Double) {
        keys[key, default: Key()].counter += cost / (keys[key]?.weight ?? 1)
        lastCounter = keys[key]?.counter ?? lastCounter
    }

    /// Forgets keys that have nothing waiting, once their counters say nothing that a new key's would not.
    package mutating func forgetIdle(running: Set<String>) {
        guard keys.count > 1024 else { return }
        let least = keys.values.filter { !$0.waiting.isEmpty }.map(\.counter).min() ?? .infinity
        keys = keys.filter { !$0.value.waiting.isEmpty || running.contains($0.key) || $0.value.counter > least }
    }
}
