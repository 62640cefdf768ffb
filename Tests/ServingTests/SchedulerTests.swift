import Testing

@testable import Serving

@Suite struct SchedulerTests {
    private func item(
        _ id: Int, _ key: String = "a", prompt: Int = 10, new: Int = 10, rows: Int = 1
    ) -> FairQueue.Item {
        FairQueue.Item(
            id: id, key: key, promptTokens: prompt, newTokens: new, rows: rows, positions: prompt + new * rows)
    }

    private func scheduler(
        rows: Int = 4, share: Double = 0.5, waiting: Int = 100, tokens: Int = 10_000, positions: Int = .max
    ) -> Scheduler {
        var limits = Scheduler.Limits()
        (limits.rows, limits.rowsShare) = (rows, share)
        (limits.waitingRequests, limits.waitingTokens, limits.positions) = (waiting, tokens, positions)
        return Scheduler(limits: limits)
    }

    private func expectAdmitted(_ scheduler: inout Scheduler, _ ids: [Int]) {
        let admitted = scheduler.admit()
        #expect(admitted == ids)
    }

    @Test func fillsRowsAndWaits() throws {
        var scheduler = scheduler()
        for id in 0..<6 { try scheduler.enqueue(item(id)) }
        expectAdmitted(&scheduler, [0, 1, 2, 3])
        expectAdmitted(&scheduler, [])
        scheduler.remove(1, of: "a")
        expectAdmitted(&scheduler, [4])
        #expect(scheduler.waitingCount == 1 && scheduler.runningRows == 4)
    }

    @Test func aKeyHasNoMoreThanItsShareWhileOthersWait() throws {
        var scheduler = scheduler(rows: 8)
        for id in 0..<10 { try scheduler.enqueue(item(id, "greedy")) }
        for id in 10..<12 { try scheduler.enqueue(item(id, "modest")) }
        let admitted = scheduler.admit()
        #expect(admitted.filter { $0 >= 10 } == [10, 11])
        // Both have theirs, and nobody else waits: the rest is given to who wants it.
        #expect(admitted.count == 8)
    }

    @Test func rowsAreKeptForKeysThatHaveNone() throws {
        var limits = Scheduler.Limits()
        (limits.rows, limits.spareRows) = (8, 1)
        var scheduler = Scheduler(limits: limits)
        for id in 0..<10 { try scheduler.enqueue(item(id, "always")) }
        expectAdmitted(&scheduler, [0, 1, 2, 3, 4, 5, 6])
        // Who comes does not wait for one of them to end, and then has no more than others have.
        try scheduler.enqueue(item(10, "once"))
        try scheduler.enqueue(item(11, "once"))
        expectAdmitted(&scheduler, [10])
        scheduler.remove(10, of: "once")
        expectAdmitted(&scheduler, [11])
    }

    @Test func aKeyHasNoMoreThanItsShareOfTheMemoryWhileOthersWait() throws {
        var scheduler = scheduler(rows: 100, positions: 200)
        // Its weight puts it first whenever both wait.
        for id in 0..<10 { try scheduler.enqueue(item(id, "greedy"), weight: 100) }
        for id in 10..<15 { try scheduler.enqueue(item(id, "modest")) }
        let admitted = scheduler.admit()
        #expect(Set(admitted) == Set(Array(0..<5) + Array(10..<15)))
        // One request alone may take more than the share.
        var alone = self.scheduler(positions: 200)
        try alone.enqueue(item(0, "large", prompt: 150))
        try alone.enqueue(item(1, "small"))
        expectAdmitted(&alone, [0, 1])
        // Where nobody else waits, there is no share.
        var only = self.scheduler(rows: 100, positions: 200)
        for id in 0..<10 { try only.enqueue(item(id, "greedy")) }
        #expect(only.admit().count == 10)
    }

    @Test func savesUpNothingWhileOthersAreAnswered() throws {
        var scheduler = scheduler(rows: 8)
        try scheduler.enqueue(item(0, "busy"))
        _ = scheduler.admit()
        scheduler.charge(0, generated: 1000)
        try scheduler.enqueue(item(1, "late"))
        #expect(scheduler.counter(of: "late") == scheduler.counter(of: "busy"))
        #expect(scheduler.counter(of: "late") == 2010)
    }

    @Test func refusesWhatIsTooMuch() throws {
        var scheduler = scheduler(rows: 1, waiting: 2)
        try scheduler.enqueue(item(0))
        try scheduler.enqueue(item(1))
        #expect(throws: ServingError.overloaded(waiting: "2 requests", retryAfter: 1)) {
            try scheduler.enqueue(item(2))
        }
        var tight = self.scheduler(tokens: 50)
        try tight.enqueue(item(0, prompt: 1000))
        #expect(throws: ServingError.overloaded(waiting: "requests of 1010 tokens", retryAfter: 1)) {
            try tight.enqueue(item(1))
        }
        var small = self.scheduler(positions: 15)
        #expect(throws: ServingError.outOfMemory(needed: 20, available: 15)) { try small.enqueue(item(0)) }
    }

    @Test func reservesMemoryToTheEnd() throws {
        var scheduler = scheduler(positions: 45)
        for id in 0..<3 { try scheduler.enqueue(item(id)) }
        expectAdmitted(&scheduler, [0, 1])
        #expect(scheduler.reservedPositions == 40)
        scheduler.remove(0, of: "a")
        expectAdmitted(&scheduler, [2])
        scheduler.remove(1, of: "a")
        scheduler.remove(2, of: "a")
        #expect(scheduler.reservedPositions == 0 && scheduler.runningRows == 0 && scheduler.runningCount == 0)
    }

    @Test func aLargeRequestIsNotOvertakenForEver() throws {
        var scheduler = scheduler(positions: 100)
        try scheduler.enqueue(item(0, prompt: 40))
        _ = scheduler.admit()
        try scheduler.enqueue(item(1, prompt: 80))
        try scheduler.enqueue(item(2))
        expectAdmitted(&scheduler, [])
        scheduler.remove(0, of: "a")
        expectAdmitted(&scheduler, [1])
    }

    @Test func tellsWhenToTryAgain() throws {
        var scheduler = scheduler(tokens: 100_000)
        for id in 0..<100 { try scheduler.enqueue(item(id)) }
        scheduler.note(tokens: 0, at: 0)
        for second in 1...10 { scheduler.note(tokens: 100, at: Double(second)) }
        // 2,000 tokens wait; half of them take 10 s.
        #expect(scheduler.retryAfter == 10)
    }
}
