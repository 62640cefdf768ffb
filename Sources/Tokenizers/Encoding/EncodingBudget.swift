import Foundation

/// What encoding one text may cost, whatever the tokenizer's files prescribe: a limit on work and one on growth.
///
/// Both are proportional to the length of the text and far above what any published tokenizer takes. Where one is used up,
/// the components stop early, what they return is worthless, and ``check()`` throws: tokens other than the original's
/// would be worse than none.
struct EncodingBudget {
    /// Of the text, in bytes.
    private var length: Int
    /// Places of a trie, steps back of a pattern and the like; each takes some nanoseconds.
    private var steps: Int
    /// By how many bytes normalising may still make the text longer.
    private(set) var growth: Int
    /// What used it up.
    private var culprit: String?

    /// Processor time that patterns may take; the engine does not count all that it does. `reserve` is what may happen
    /// until the clock is looked at again.
    private var deadline: UInt64?
    private var reserve = EncodingBudget.clockInterval

    private static let clockInterval = 20_000_000

    /// - Parameter length: of the text in bytes.
    init(length: Int) {
        self.length = length
        steps = 1_000_000 + 256 * min(length, 1 << 48)
        growth = 1 << 20 + 8 * min(length, 1 << 48)
    }

    /// For what does not come out of files.
    static var unlimited: EncodingBudget { EncodingBudget(length: 1 << 48) }

    /// Whether it is used up.
    var isExhausted: Bool { culprit != nil }

    /// Takes note that a text consists of more parts, as those that arrive one by one.
    mutating func extend(by count: Int) {
        length += count
        steps += 256 * count
        growth += 8 * count
    }

    /// Takes `count` steps off; false where they are used up.
    @inline(__always)
    mutating func spend(_ count: Int, on component: @autoclosure () -> String) -> Bool {
        steps -= count
        if steps >= 0 { return true }
        exhaust(component())
        return false
    }

    /// Takes `count` bytes off the growth; false where it is used up.
    mutating func grow(by count: Int, in component: @autoclosure () -> String) -> Bool {
        growth -= max(0, count)
        if growth >= 0 { return true }
        exhaust(component())
        return false
    }

    /// Looks at the clock where that is due; false where the time is over.
    ///
    /// - Parameter work: as many bytes as may have been looked at.
    mutating func spendTime(work: Int, on component: @autoclosure () -> String) -> Bool {
        reserve -= work
        guard reserve < 0 || deadline == nil else { return true }
        reserve = Self.clockInterval
        let now = threadTime()
        if let deadline {
            if now > deadline { exhaust(component()) }
        } else {
            // One second, and one for each megabyte; published patterns were measured at a twentieth of that.
            deadline = now + 1_000_000_000 + 1_000 * UInt64(min(length, 1 << 40))
        }
        return !isExhausted
    }

    mutating func exhaust(_ component: String) {
        if culprit == nil { culprit = component }
    }

    /// - Throws: ``TokenizerError/tooMuchWork(component:bytes:)`` where it is used up.
    func check() throws {
        if let culprit { throw TokenizerError.tooMuchWork(component: culprit, bytes: length) }
    }
}

/// Processor time of this thread in nanoseconds.
private func threadTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(max(0, time.tv_nsec))
}
