import Foundation

/// What this machine can do at best with the threads in use, measured: the denominator of every profile.
public struct MachineRates: Sendable, Codable {
    /// Products of 32-bit floats with a re-laid matrix, multiplications and additions per second.
    public let float32: Double
    /// The same with bfloat16, the rounding of the inputs included; nil where the processor does not multiply such.
    public let bfloat16: Double?
    /// The same with 8-bit integers, the rounding of the inputs included.
    public let int8: Double
    /// Reading memory far larger than any cache.
    public let memoryBytesPerSecond: Double
    /// Reading what lies in the second-level caches.
    public let cacheBytesPerSecond: Double

    private enum CodingKeys: String, CodingKey {
        case float32, bfloat16, int8, memoryBytesPerSecond = "memory_bytes_per_second"
        case cacheBytesPerSecond = "cache_bytes_per_second"
    }

    /// Operations per second of a unit.
    public func operationsPerSecond(_ unit: OperationProfile.Unit) -> Double {
        switch unit {
        case .float32: float32
        case .bfloat16: bfloat16 ?? float32
        case .int8: int8
        }
    }

    /// Measures for about a second; the best of many short runs, since others may use the machine.
    ///
    /// - Throws: ``TensorError`` where memory is short.
    @Compute public static func measured() throws -> MachineRates {
        let (k, n, rows) = (1024, 4096, 512)
        let weights = Tensor.zeros([k, n]), x = Tensor.zeros([rows, k]), y = Tensor(shape: [rows, n])
        let matrix = try weights.withMutableValues { values in
            try FrozenMatrix(
                UnsafeBufferPointer(values), input: k, output: n, orientation: .inputByOutput, differentiable: false)
        }
        let rounded = weights.withMutableValues {
            QuantizedMatrix(
                UnsafeBufferPointer($0), input: k, output: n, orientation: .inputByOutput, layout: .int8,
                backward: .none
            )
        }
        let halves =
            Processor.multipliesBFloat16
            ? weights.withMutableValues {
                CompressedMatrix(
                    roundingToBFloat16: UnsafeBufferPointer($0), input: k, output: n, orientation: .inputByOutput)
            } : nil
        let product = best(of: 12) { matrix.apply(x.allRows, into: y.allRows) }
        let roundedProduct = best(of: 12) { rounded.apply(x.allRows, into: y.allRows) }
        let halfProduct = halves.map { halves in best(of: 12) { halves.apply(x.allRows, into: y.allRows) } }
        let large = Tensor.zeros([64 << 20]), small = Tensor.zeros([256 << 10])
        let memory = best(of: 6) { _ = backend.read(large.floats, count: large.count) }
        let cache = best(of: 200) { _ = backend.read(small.floats, count: small.count) }
        let float32 = 2 * Double(rows * k * n) / product
        return MachineRates(
            float32: float32, bfloat16: halfProduct.map { 2 * Double(rows * k * n) / $0 },
            int8: 2 * Double(rows * k * n) / roundedProduct,
            memoryBytesPerSecond: Double(4 * large.count) / memory,
            cacheBytesPerSecond: Double(4 * small.count) / cache)
    }

    /// Seconds of the fastest of some runs.
    @Compute private static func best(of runs: Int, _ body: () -> Void) -> Double {
        (0...runs).map { _ in
            let begin = DispatchTime.now().uptimeNanoseconds
            body()
            return Double(DispatchTime.now().uptimeNanoseconds - begin) * 1e-9
        }.dropFirst().min() ?? .infinity
    }
}
