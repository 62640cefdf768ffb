import Testing

@testable import Serving

@Suite struct FairQueueTests {
    private func item(_ id: Int, _ key: String, priority: Int = 0, tokens: Int = 10) -> FairQueue.Item {
        FairQueue.Item(id: id, key: key, priority: priority, promptTokens: tokens, newTokens: tokens)
    }

    @Test func keepsOrderAndPriorityWithinAKey() {
        var queue = FairQueue()
        queue.append(item(0, "a"))
        queue.append(item(1, "a"))
        queue.append(item(2, "a", priority: 3))
        queue.append(item(3, "a", priority: -1))
        var order: [Int] = []
        while let next = queue.first() {
            order.append(next.id)
            queue.remove(next.id, of: next.key)
        }
        #expect(order == [2, 0, 1, 3])
        #expect(queue.count == 0 && queue.tokens == 0)
    }

    @Test func servesKeysInTurnsWhateverTheyAsk() {
        var queue = FairQueue(), served: [String: Int] = [:]
        for id in 0..<200 { queue.append(item(id, "greedy")) }
        for id in 200..<210 { queue.append(item(id, "modest")) }
        for _ in 0..<20 {
            guard let next = queue.first() else { break }
            queue.remove(next.id, of: next.key)
            queue.charge(next.key, FairQueue.cost(promptTokens: 10, generated: 10))
            served[next.key, default: 0] += 1
        }
        #expect(served == ["greedy": 10, "modest": 10])
    }

    @Test func sharesByWeight() {
        var queue = FairQueue(), served: [String: Int] = [:]
        for id in 0..<300 {
            queue.append(item(id, "heavy"), weight: 3)
            queue.append(item(1000 + id, "light"), weight: 1)
        }
        for _ in 0..<200 {
            guard let next = queue.first() else { break }
            queue.remove(next.id, of: next.key)
            queue.charge(next.key, 30)
            served[next.key, default: 0] += 1
        }
        #expect(served["heavy"] == 150 && served["light"] == 50)
    }

    @Test func nobodySavesUp() {
        var queue = FairQueue()
        queue.append(item(0, "busy"))
        queue.charge("busy", 10_000)
        queue.append(item(1, "late"))
        // It does not get 10,000 tokens before the busy one has its turn.
        #expect(queue.counter(of: "late") == 10_000)
    }

    @Test func whoComesBackIsLiftedToThoseWhoAreAnswered() {
        var queue = FairQueue()
        queue.append(item(0, "busy"))
        queue.remove(0, of: "busy")
        queue.charge("busy", 10_000)
        // Nothing of it waits, but it is being answered.
        queue.append(item(1, "late"), running: ["busy"])
        #expect(queue.counter(of: "late") == 10_000)
        queue.remove(1, of: "late")
        queue.charge("late", 50)
        // Nobody is: the one that was served last counts.
        queue.append(item(2, "third"))
        #expect(queue.counter(of: "third") == 10_050)
        // A key of which something is answered has not been away.
        queue.append(item(3, "busy"), running: ["busy", "late"])
        #expect(queue.counter(of: "busy") == 10_000)
    }

    @Test func twoBackloggedKeysDifferByTwiceTheLargestRequestAtMost() {
        var queue = FairQueue(), generator = SystemRandomNumberGenerator(), largest = 0.0
        for id in 0..<2000 {
            queue.append(item(id, id % 2 == 0 ? "a" : "b", tokens: Int.random(in: 1...200, using: &generator)))
        }
        while queue.count(of: "a") > 0, queue.count(of: "b") > 0, let next = queue.first() {
            queue.remove(next.id, of: next.key)
            let cost = FairQueue.cost(promptTokens: next.promptTokens, generated: next.newTokens)
            largest = max(largest, cost)
            queue.charge(next.key, cost)
            #expect(abs(queue.counter(of: "a") - queue.counter(of: "b")) <= 2 * largest)
        }
    }
}
