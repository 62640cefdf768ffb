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

/// Free blocks by capacity. Capacities are rounded up to an eighth of a power of two, so that ragged batches, no two
/// of which are alike, still find blocks to reuse.
final class BlockPool: @unchecked Sendable {
    static let shared = BlockPool()

    private let lock = NSLock()
    private var free: [Int: [UnsafeMutablePointer<Float>]] = [:]

    func take(_ count: Int) -> (UnsafeMutablePointer<Float>, capacity: Int) {
        let capacity = Self.capacity(for: count)
        lock.lock()
        let reused = free[capacity]?.popLast()
        lock.unlock()
        if let reused { return (reused, capacity) }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity * 4, alignment: 64)
        return (memory.bindMemory(to: Float.self, capacity: capacity), capacity)
    }

    func put(_ block: UnsafeMutablePointer<Float>, capacity: Int) {
        lock.lock()
        free[capacity, default: []].append(block)
        lock.unlock()
    }

    /// Returns all free blocks to the system.
    func clear() {
        lock.lock()
        let blocks = free
        free = [:]
        lock.unlock()
        for block in blocks.values.joined() { UnsafeMutableRawPointer(block).deallocate() }
    }

    static func capacity(for count: Int) -> Int {
        let wanted = max(count, 64)
        let step = max(64, (1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)) / 8)
        return (wanted + step - 1) / step * step
    }
}
