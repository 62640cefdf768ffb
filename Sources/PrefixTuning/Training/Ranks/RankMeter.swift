import Tensors

/// A group that counts what this rank gives to the others.
@Compute final class RankMeter: RankGroup {
    private let group: any RankGroup
    /// What was given so far, in bytes: as much comes back. What a library sends for it is its own affair.
    private(set) var bytes = 0
    /// The same, exchange by exchange, where that is wanted.
    private(set) var parts: [Int] = []
    private let logs: Bool

    init(_ group: any RankGroup, logs: Bool = false) { (self.group, self.logs) = (group, logs) }

    /// Counts from nothing.
    func forget() { (bytes, parts) = (0, []) }

    var index: Int { group.index }
    var count: Int { group.count }

    private func count(_ count: Int, of bytes: Int) {
        guard !isAlone else { return }
        self.bytes += count * bytes
        if logs { parts.append(count * bytes) }
    }

    func maximum(_ values: [Double]) throws -> [Double] {
        count(values.count, of: 8)
        return try group.maximum(values)
    }

    func sum(_ values: UnsafeMutableBufferPointer<Int64>) throws {
        count(values.count, of: 8)
        try group.sum(values)
    }

    func sum(_ values: UnsafeMutableBufferPointer<Float>) throws {
        count(values.count, of: 4)
        try group.sum(values)
    }
}
