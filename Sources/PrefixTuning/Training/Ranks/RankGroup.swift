import Tensors

/// The processes that train together, as one of them sees them.
///
/// All take the same steps on the same batches. Each computes some of the passes of a step; what they found is exchanged
/// before the gradients leave the passes (before the MLP of a prefix), and the rest of the step every rank does for
/// itself, from the same bits. All calls are made by all ranks, in the same order.
@Compute public protocol RankGroup: AnyObject {
    /// Which of them this process is, from 0.
    var index: Int { get }
    /// How many there are.
    var count: Int { get }

    /// The greatest value of all ranks, element by element.
    ///
    /// - Throws: ``RankError`` where another rank has ended or does not answer.
    func maximum(_ values: [Double]) throws -> [Double]

    /// The sum over all ranks, element by element, wrapping around, in place.
    ///
    /// - Throws: ``RankError``.
    func sum(_ values: UnsafeMutableBufferPointer<Int64>) throws

    /// The same of floats, whose last bits depend on the order in which ranks are added.
    ///
    /// - Throws: ``RankError``.
    func sum(_ values: UnsafeMutableBufferPointer<Float>) throws
}

extension RankGroup {
    /// Whether this process is alone.
    public var isAlone: Bool { count == 1 }

    /// Whether any rank says so.
    ///
    /// - Throws: ``RankError``.
    func any(_ isSo: Bool) throws -> Bool { isAlone ? isSo : try maximum([isSo ? 1 : 0])[0] > 0 }

    /// Rows of numbers, each of which some rank knows, made known to all.
    ///
    /// Every rank fills its rows and leaves the others zero; bits are added as integers, so that nothing is rounded.
    func gather(_ rows: inout [Double]) throws {
        guard !isAlone else { return }
        var bits = rows.map { Int64(bitPattern: $0.bitPattern) }
        try bits.withUnsafeMutableBufferPointer { try sum($0) }
        rows = bits.map { Double(bitPattern: UInt64(bitPattern: $0)) }
    }
}

/// A process that trains alone.
@Compute public final class SoleRank: RankGroup {
    /// Prepares it.
    public init() {}
    /// 0.
    public var index: Int { 0 }
    /// 1.
    public var count: Int { 1 }
    /// The values themselves.
    public func maximum(_ values: [Double]) -> [Double] { values }
    /// Nothing is to be added.
    public func sum(_ values: UnsafeMutableBufferPointer<Int64>) {}
    /// Nothing is to be added.
    public func sum(_ values: UnsafeMutableBufferPointer<Float>) {}
}
