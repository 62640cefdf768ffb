import Foundation

/// Hands out large blocks of memory from regions of addresses, lowest place first, and puts free neighbours together again.
///
/// A training step takes and returns some hundred blocks of sizes that differ from batch to batch. Given back to the
/// system, each would cost a page fault per 4 KiB when it is next needed (a tenth of a step was measured); kept by size,
/// they would be kept for nothing. Here a step's memory serves the next step, whatever its sizes: what is resident is what
/// was in use at the peak.
struct Arena {
    /// Blocks begin at multiples of this many bytes.
    private static let grain = 4096
    /// Addresses of a region; a larger block has a region of its own, which goes back to the system with the block.
    private static let regionSize = 256 << 20
    /// Addresses that a new region leaves to the heap, whose users do not ask whether there is memory: Swift's arrays.
    static let headroom = 64 << 20

    fileprivate struct Region {
        let base: UnsafeMutableRawPointer
        let size: Int
        var free: [Range<Int>]  // in bytes from the base: sorted, apart from each other

        var isUnused: Bool { free.first == 0..<size }
    }

    private var regions: [Region] = []

    /// A block of at least `size` bytes, aligned to pages; what it holds is not set. Nil where the system has no more.
    mutating func take(_ size: Int) -> UnsafeMutableRawPointer? {
        let size = Self.rounded(size)
        for index in regions.indices {
            if let block = regions[index].take(size) { return block }
        }
        // A large one only where as many addresses are left to others.
        let wanted = max(size, Self.regionSize)
        guard var region = Region(size: wanted, headroom: Self.regionSize) ?? smallRegion(size) else { return nil }
        let block = region.take(size)
        regions.append(region)
        return block
    }

    /// A region for one block where there is none for more.
    private mutating func smallRegion(_ size: Int) -> Region? {
        releaseFreeMemory()
        return Region(size: size, headroom: Self.headroom)
    }

    /// Takes a block back.
    ///
    /// - Parameter size: As it was asked for.
    mutating func put(_ block: UnsafeMutableRawPointer, size: Int) {
        guard let index = regions.firstIndex(where: { $0.contains(block) }) else {
            preconditionFailure("a block that was never handed out")
        }
        regions[index].put(block, Self.rounded(size))
        // One region that nobody uses is enough.
        let unused = regions.filter(\.isUnused)
        guard regions[index].isUnused, regions[index].size > Self.regionSize || unused.count > 1 else { return }
        regions.remove(at: index).release()
    }

    /// Returns what is free to the system.
    mutating func releaseFreeMemory() {
        for region in regions {
            for range in region.free { madvise(region.base + range.lowerBound, range.count, MADV_DONTNEED) }
        }
        for region in regions where region.isUnused { region.release() }
        regions.removeAll(where: \.isUnused)
    }

    private static func rounded(_ size: Int) -> Int { (size + grain - 1) / grain * grain }
}

extension Arena {
    /// Addresses that hold nothing; nil where there are none.
    static func reservedAddresses(_ size: Int) -> UnsafeMutableRawPointer? {
        let start = mmap(nil, size, PROT_NONE, MAP_PRIVATE | Region.anonymous, -1, 0)
        return start == MAP_FAILED ? nil : start
    }
}

extension Arena.Region {
    /// Addresses alone: memory comes with the first use of each page.
    fileprivate init?(size: Int, headroom: Int) {
        let all = size + headroom
        guard let base = mmap(nil, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | Self.anonymous, -1, 0), base != MAP_FAILED
        else { return nil }
        munmap(base + size, headroom)
        #if os(Linux)
            // 2 MiB at a time where a region lies so: fewer faults, and fewer misses in the tables of pages.
            madvise(base, size, MADV_HUGEPAGE)
        #endif
        self.init(base: base, size: size, free: [0..<size])
    }

    fileprivate func contains(_ block: UnsafeMutableRawPointer) -> Bool { block >= base && block < base + size }

    fileprivate mutating func take(_ size: Int) -> UnsafeMutableRawPointer? {
        guard let index = free.firstIndex(where: { $0.count >= size }) else { return nil }
        let start = free[index].lowerBound
        if free[index].count == size {
            free.remove(at: index)
        } else {
            free[index] = start + size..<free[index].upperBound
        }
        return base + start
    }

    fileprivate mutating func put(_ block: UnsafeMutableRawPointer, _ size: Int) {
        var range = block - base..<block - base + size
        let next = free.firstIndex { $0.lowerBound >= range.upperBound } ?? free.count
        var (from, to) = (next, next)
        if next < free.count, free[next].lowerBound == range.upperBound {
            range = range.lowerBound..<free[next].upperBound
            to += 1
        }
        if next > 0, free[next - 1].upperBound == range.lowerBound {
            range = free[next - 1].lowerBound..<range.upperBound
            from -= 1
        }
        free.replaceSubrange(from..<to, with: [range])
    }

    fileprivate func release() { munmap(base, size) }

    #if canImport(Darwin)
        fileprivate static let anonymous = MAP_ANON
    #else
        fileprivate static let anonymous = MAP_ANONYMOUS
    #endif
}
