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
    private static let mostFree = 16 << 20

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
        return (Self.allocate(smallest), smallest)
    }

    func put(_ block: UnsafeMutablePointer<Float>, capacity: Int) {
        lock.lock()
        let keeps = freeCount + capacity <= Self.mostFree
        if keeps {
            free[capacity, default: []].append(block)
            freeCount += capacity
        }
        lock.unlock()
        if !keeps { Self.deallocate(block, capacity) }
    }

    /// Returns all free blocks to the system.
    func clear() {
        lock.lock()
        let blocks = free
        free = [:]
        freeCount = 0
        lock.unlock()
        for (capacity, blocks) in blocks { for block in blocks { Self.deallocate(block, capacity) } }
    }

    /// Large blocks come from the system itself: the C library would keep what is given back between smaller pieces
    /// (an eighth of the memory of a training run was measured to be lost that way).
    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Float> {
        let size = capacity * 4
        if size >= mappedSize,
            let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | anonymousMapping, -1, 0),
            memory != MAP_FAILED
        {
            return memory.bindMemory(to: Float.self, capacity: capacity)
        }
        precondition(size < mappedSize, "out of memory: no block of \(size) bytes is left")
        return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
            .bindMemory(to: Float.self, capacity: capacity)
    }

    private static func deallocate(_ block: UnsafeMutablePointer<Float>, _ capacity: Int) {
        if capacity * 4 >= mappedSize {
            munmap(block, capacity * 4)
        } else {
            UnsafeMutableRawPointer(block).deallocate()
        }
    }

    private static let mappedSize = 256 << 10
    #if canImport(Darwin)
        private static let anonymousMapping = MAP_ANON
    #else
        private static let anonymousMapping = MAP_ANONYMOUS
    #endif

    static func capacity(for count: Int) -> Int {
        let wanted = max(count, 64)
        let step = max(64, (1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)) / 8)
        return (wanted + step - 1) / step * step
    }
}
