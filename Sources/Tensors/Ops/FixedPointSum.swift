/// A sum of tensors that comes out the same in whatever order they are added, and in whatever groups: integers are added.
///
/// Each element becomes a multiple of 2^-exponent, which is chosen by the greatest magnitude m of all addends such that
/// their sum stays below 2^62. What rounding to that grid loses is below m · 2^-54 for 256 addends, far under what a
/// float32 of size m can tell apart.
@Compute public final class FixedPointSum {
    /// The sums, one integer per element.
    public private(set) var sums: [Int64]

    /// Zeros.
    public init(count: Int) { sums = Array(repeating: 0, count: count) }

    /// The grid for some addends.
    ///
    /// - Parameters:
    ///   - greatest: m, the greatest magnitude of any element; finite.
    ///   - addends: How many tensors are added, at least 1.
    public static func exponent(greatest: Double, addends: Int) -> Int {
        guard greatest > 0 else { return 0 }
        // m < 2^(exponent + 1), and as many addends as 2^bits at most.
        let bits = addends <= 1 ? 0 : Int.bitWidth - (addends - 1).leadingZeroBitCount
        return 62 - bits - (Int(greatest.exponent) + 1)
    }

    /// Adds a tensor to the elements from `offset` on.
    public func add(_ tensor: Tensor, exponent: Int, at offset: Int) {
        precondition(offset >= 0 && offset + tensor.count <= sums.count, "outside of the sum")
        sums.withUnsafeMutableBufferPointer { sums in
            guard let base = sums.baseAddress else { return }
            backend.addFixed(tensor.floats, exponent: exponent, count: tensor.count, into: base + offset)
        }
    }

    /// The elements from `offset` on, rounded back to float32.
    public func tensor(shape: [Int], exponent: Int, at offset: Int) -> Tensor {
        let tensor = Tensor(shape: shape)
        precondition(offset >= 0 && offset + tensor.count <= sums.count, "outside of the sum")
        sums.withUnsafeBufferPointer { sums in
            guard let base = sums.baseAddress else { return }
            backend.floats(ofFixed: base + offset, exponent: exponent, count: tensor.count, into: tensor.floats)
        }
        return tensor
    }

    /// Puts the bits of a tensor that is the only addend where its sum would be: nothing is rounded then.
    public func put(bitsOf tensor: Tensor, at offset: Int) {
        precondition(offset >= 0 && offset + tensor.count <= sums.count, "outside of the sum")
        for index in 0..<tensor.count { sums[offset + index] = Int64(tensor.floats[index].bitPattern) }
    }

    /// The tensor of ``put(bitsOf:at:)``.
    public func tensor(ofBits shape: [Int], at offset: Int) -> Tensor {
        let tensor = Tensor(shape: shape)
        for index in 0..<tensor.count {
            tensor.floats[index] = Float(bitPattern: UInt32(truncatingIfNeeded: sums[offset + index]))
        }
        return tensor
    }

    /// Lets others add to the sums.
    public func withSums<Result>(_ body: (UnsafeMutableBufferPointer<Int64>) throws -> Result) rethrows -> Result {
        try sums.withUnsafeMutableBufferPointer { try body($0) }
    }
}

extension Tensor {
    /// The greatest magnitude of its elements; infinity where one is not finite.
    public var greatestMagnitude: Double { Double(backend.greatestMagnitude(floats, count: count)) }
}
