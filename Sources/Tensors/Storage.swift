import Foundation

/// A block of floats, aligned to 64 bytes; blocks that are let go are kept for the next request of their size.
///
/// A training step asks for the same few hundred large blocks again and again; handing them back to the system each
/// time costs a page fault per 4 KiB, measured at a twentieth of a step.
final class Storage {
    let floats: UnsafeMutablePointer<Float>
    private let capacity: Int

    init(count: Int) {
        (floats, capacity) = BlockPool.shared.take(count)
    }

    deinit { BlockPool.shared.put(floats, capacity: capacity) }

    /// Memory that the block takes.
    var byteCount: Int { capacity * MemoryLayout<Float>.size }
}

/// Free memory: large blocks from an ``Arena``, small ones by capacity, rounded up to an eighth of a power of two.
final class BlockPool: @unchecked Sendable {
    static let shared = BlockPool()

    /// Blocks of at least this many floats come from the arena.
    private static let leastLarge = 64 << 10
    /// Small blocks beyond this many floats go back to the system at once.
    private static let mostFree = 1 << 20

    /// More floats than any machine has.
    private static let most = Int.max / 8

    /// Whether every block comes from the heap, with exactly its size, and goes back at once: so that the address sanitizer, which
    /// knows the heap's blocks only, sees what is read or written beside one or after its life.
    private static let isExact = ProcessInfo.processInfo.environment["PREFIXTUNE_EXACT_BLOCKS"] != nil

    private let lock = NSLock()
    /// Addresses that are given up so that the last words can be said.
    private var reserve = Arena.reservedAddresses(Arena.headroom / 2)
    /// The number of the block that there shall be no memory for, for tests: counted down to 0, and never from below it.
    private var blocksLeft = ProcessInfo.processInfo.environment["PREFIXTUNE_FAIL_BLOCK"].flatMap { Int($0) } ?? 0

    private var arena = Arena()
    private var free: [Int: [UnsafeMutablePointer<Float>]] = [:]
    private var freeCount = 0

    /// Takes a block; where there is none, the process ends with ``LastWords``.
    func take(_ count: Int) -> (UnsafeMutablePointer<Float>, capacity: Int) {
        let count = min(count, Self.most)
        let capacity =
            Self.isExact
            ? count : count < Self.leastLarge ? Self.capacity(for: count) : (count + 15) / 16 * 16
        guard let block = block(capacity) else { LastWords.say(.memoryIsOut(capacity * 4)) }
        return (block, capacity)
    }

    private func block(_ capacity: Int) -> UnsafeMutablePointer<Float>? {
        lock.lock()
        defer { lock.unlock() }
        blocksLeft -= 1
        guard blocksLeft != 0 else { return nil }
        if Self.isExact { return Self.heap(capacity * 4)?.bindMemory(to: Float.self, capacity: capacity) }
        // The capacity tells where a block comes from, and goes back to.
        if capacity >= Self.leastLarge {
            return arena.take(capacity * 4)?.bindMemory(to: Float.self, capacity: capacity)
        }
        if let block = free[capacity]?.popLast() {
            freeCount -= capacity
            return block
        }
        return Self.heap(capacity * 4)?.bindMemory(to: Float.self, capacity: capacity)
    }

    /// Memory of the C library's heap, aligned to 64 bytes, in multiples of as many unless exactness is asked for.
    private static func heap(_ bytes: Int) -> UnsafeMutableRawPointer? {
        var memory: UnsafeMutableRawPointer?
        let size = isExact ? max(1, bytes) : max(64, (bytes + 63) / 64 * 64)
        return posix_memalign(&memory, 64, size) == 0 ? memory : nil
    }

    /// Memory of the C library's heap, aligned to 64 bytes; where there is none, the process ends with ``LastWords``.
    static func memory(bytes: Int) -> UnsafeMutableRawPointer {
        guard bytes < Int.max - 63, let memory = heap(bytes) else {
            LastWords.say(.memoryIsOut(bytes))
        }
        return memory
    }

    func put(_ block: UnsafeMutablePointer<Float>, capacity: Int) {
        lock.lock()
        defer { lock.unlock() }
        if Self.isExact {
            Foundation.free(block)
        } else if capacity >= Self.leastLarge {
            arena.put(UnsafeMutableRawPointer(block), size: capacity * 4)
        } else if freeCount + capacity <= Self.mostFree {
            free[capacity, default: []].append(block)
            freeCount += capacity
        } else {
            Foundation.free(block)
        }
    }

    /// Returns all free memory to the system.
    func clear() {
        lock.lock()
        defer { lock.unlock() }
        arena.releaseFreeMemory()
        for block in free.values.joined() { Foundation.free(block) }
        free = [:]
        freeCount = 0
    }

    /// Gives up what is held back for the end.
    func releaseReserve() {
        clear()
        lock.lock()
        defer { lock.unlock() }
        if let reserve { munmap(reserve, Arena.headroom / 2) }
        reserve = nil
    }

    /// The capacity of a small block.
    static func capacity(for count: Int) -> Int {
        let wanted = max(count, 64)
        let step = max(64, (1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)) / 8)
        return (wanted + step - 1) / step * step
    }
}
