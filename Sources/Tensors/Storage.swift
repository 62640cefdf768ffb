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
}

/// Free memory: large blocks from an ``Arena``, small ones by capacity, rounded up to an eighth of a power of two.
final class BlockPool: @unchecked Sendable {
    static let shared = BlockPool()

    /// Blocks of at least this many floats come from the arena.
    private static let leastLarge = 64 << 10
    /// Small blocks beyond this many floats go back to the system at once.
    private static let mostFree = 1 << 20

    private let lock = NSLock()
    private var arena = Arena()
    private var free: [Int: [UnsafeMutablePointer<Float>]] = [:]
    private var freeCount = 0

    func take(_ count: Int) -> (UnsafeMutablePointer<Float>, capacity: Int) {
        lock.lock()
        defer { lock.unlock() }
        let capacity = count < Self.leastLarge ? Self.capacity(for: count) : (count + 15) / 16 * 16
        // The capacity tells where a block comes from, and goes back to.
        guard capacity < Self.leastLarge else {
            guard let block = arena.take(capacity * 4) else {
                preconditionFailure("out of memory: no block of \(capacity * 4) bytes is left")
            }
            return (block.bindMemory(to: Float.self, capacity: capacity), capacity)
        }
        if let block = free[capacity]?.popLast() {
            freeCount -= capacity
            return (block, capacity)
        }
        let block = UnsafeMutableRawPointer.allocate(byteCount: capacity * 4, alignment: 64)
        return (block.bindMemory(to: Float.self, capacity: capacity), capacity)
    }

    func put(_ block: UnsafeMutablePointer<Float>, capacity: Int) {
        lock.lock()
        defer { lock.unlock() }
        if capacity >= Self.leastLarge {
            arena.put(UnsafeMutableRawPointer(block), size: capacity * 4)
        } else if freeCount + capacity <= Self.mostFree {
            free[capacity, default: []].append(block)
            freeCount += capacity
        } else {
            UnsafeMutableRawPointer(block).deallocate()
        }
    }

    /// Returns all free memory to the system.
    func clear() {
        lock.lock()
        defer { lock.unlock() }
        arena.releaseFreeMemory()
        for block in free.values.joined() { UnsafeMutableRawPointer(block).deallocate() }
        free = [:]
        freeCount = 0
    }

    /// The capacity of a small block.
    static func capacity(for count: Int) -> Int {
        let wanted = max(count, 64)
        let step = max(64, (1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)) / 8)
        return (wanted + step - 1) / step * step
    }
}
