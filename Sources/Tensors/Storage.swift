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

/// Free blocks by capacity. Capacities are rounded up to an eighth of a power of two, and a request is content with a
/// block two sizes larger, so that ragged batches, no two of which are alike, still find blocks to reuse.
final class BlockPool: @unchecked Sendable {
    static let shared = BlockPool()

    /// Free memory beyond this many floats goes back to the system at once.
    private static let mostFree = 32 << 20

    private let lock = NSLock()
    private var free: [Int: [UnsafeMutablePointer<Float>]] = [:]
    private var freeCount = 0

    func take(_ count: Int) -> (UnsafeMutablePointer<Float>, capacity: Int) {
        let smallest = Self.capacity(for: count)
        lock.lock()
        var capacity = smallest
        for _ in 0..<3 {
            if let block = free[capacity]?.popLast() {
                freeCount -= capacity
                lock.unlock()
                return (block, capacity)
            }
            capacity = Self.capacity(for: capacity + 1)
        }
        lock.unlock()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: smallest * 4, alignment: 64)
        return (memory.bindMemory(to: Float.self, capacity: smallest), smallest)
    }

    func put(_ block: UnsafeMutablePointer<Float>, capacity: Int) {
        lock.lock()
        let keeps = freeCount + capacity <= Self.mostFree
        if keeps {
            free[capacity, default: []].append(block)
            freeCount += capacity
        }
        lock.unlock()
        if !keeps { UnsafeMutableRawPointer(block).deallocate() }
    }

    /// Returns all free blocks to the system.
    func clear() {
        lock.lock()
        let blocks = free
        free = [:]
        freeCount = 0
        lock.unlock()
        for block in blocks.values.joined() { UnsafeMutableRawPointer(block).deallocate() }
    }

    static func capacity(for count: Int) -> Int {
        let wanted = max(count, 64)
        let step = max(64, (1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)) / 8)
        return (wanted + step - 1) / step * step
    }
}
