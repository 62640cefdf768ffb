import Foundation

/// A backend that does its work by another one and keeps the time of every operation.
///
/// Model files and operations do not know of it; a program that profiles nothing never makes one.
final class ProfiledBackend: Backend {
    let base: any Backend
    private(set) var profile = OperationProfile()

    init(over base: any Backend) { self.base = base }

    /// Starts again from nothing.
    func reset() { profile = OperationProfile() }

    /// Runs one operation.
    ///
    /// - Parameters:
    ///   - name: What it is counted under.
    ///   - operations: Multiplications and additions.
    ///   - bytes: Weights, caches and states: what must be read and written in memory at least.
    ///   - cached: Activations, which the operation before left in a cache.
    ///   - unit: What does the operations.
    func timed<Result>(
        _ name: @autoclosure () -> String, operations: Int = 0, bytes: Int = 0, cached: Int = 0,
        unit: OperationProfile.Unit = .float32,
        _ body: () throws(TensorError) -> Result
    ) throws(TensorError) -> Result {
        let begin = DispatchTime.now().uptimeNanoseconds
        let result = try body()
        let end = DispatchTime.now().uptimeNanoseconds
        profile.add(
            name(), seconds: Double(end - begin) * 1e-9, operations: operations, bytes: bytes, cached: cached,
            unit: unit)
        return result
    }

    func timed(
        _ name: @autoclosure () -> String, operations: Int = 0, bytes: Int = 0, cached: Int = 0,
        unit: OperationProfile.Unit = .float32,
        _ body: () -> Void
    ) {
        let begin = DispatchTime.now().uptimeNanoseconds
        body()
        let end = DispatchTime.now().uptimeNanoseconds
        profile.add(
            name(), seconds: Double(end - begin) * 1e-9, operations: operations, bytes: bytes, cached: cached,
            unit: unit)
    }

    var threads: Int {
        get { base.threads }
        set { base.threads = newValue }
    }

    func releaseFreeMemory() { base.releaseFreeMemory() }

    // MARK: Products

    func pack(_ matrix: Floats, k: Int, n: Int, transposed: Bool) throws(TensorError) -> any PackedMatrix {
        let packed = try timed("re-lay", bytes: 8 * k * n) { () throws(TensorError) in
            try base.pack(matrix, k: k, n: n, transposed: transposed)
        }
        return ProfiledMatrix(packed, k: k, n: n, of: self)
    }

    private final class ProfiledMatrix: PackedMatrix {
        private let base: any PackedMatrix
        private let k: Int
        private let n: Int
        private unowned let owner: ProfiledBackend

        init(_ base: any PackedMatrix, k: Int, n: Int, of owner: ProfiledBackend) {
            self.base = base
            self.k = k
            self.n = n
            self.owner = owner
        }

        var byteCount: Int { base.byteCount }

        func multiply(
            _ a: UnsafePointer<Float>, m: Int, bias: UnsafePointer<Float>?, accumulate: Bool,
            into c: UnsafeMutablePointer<Float>
        ) {
            owner.timed("product \(k) × \(n)", operations: 2 * m * k * n, bytes: 4 * k * n, cached: 4 * m * (k + n)) {
                base.multiply(a, m: m, bias: bias, accumulate: accumulate, into: c)
            }
        }
    }

    func multiply(
        _ a: Floats, transposed transposeA: Bool, _ b: Floats, transposed transposeB: Bool, m: Int, n: Int, k: Int,
        accumulate: Bool, into c: MutableFloats
    ) {
        timed("plain product", operations: 2 * m * n * k, cached: 4 * (m * k + k * n + m * n)) {
            base.multiply(
                a, transposed: transposeA, b, transposed: transposeB, m: m, n: n, k: k, accumulate: accumulate, into: c)
        }
    }

    func multiply(_ x: Floats, by matrix: CompressedMatrix, rows: Int, bias: Floats?, into y: MutableFloats) {
        let (k, n) = (matrix.inputWidth, matrix.outputWidth)
        timed(
            "product \(k) × \(n)", operations: 2 * rows * k * n, bytes: matrix.byteCount, cached: 4 * rows * (k + n),
            unit: matrix.products == .bfloat16 ? .bfloat16 : .float32
        ) { base.multiply(x, by: matrix, rows: rows, bias: bias, into: y) }
    }

    func multiplyBack(
        _ dy: Floats, by matrix: CompressedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        let (k, n) = (matrix.outputWidth, matrix.inputWidth)
        timed(
            "product \(k) × \(n)", operations: 2 * rows * k * n, bytes: matrix.byteCount, cached: 4 * rows * (k + n),
            unit: matrix.products == .bfloat16 ? .bfloat16 : .float32
        ) { base.multiplyBack(dy, by: matrix, rows: rows, accumulate: accumulate, into: dx) }
    }

    func roundToBFloat16(_ values: Floats, count: Int, into rounded: UnsafeMutableRawPointer) {
        base.roundToBFloat16(values, count: count, into: rounded)
    }

    func quantize(_ values: Floats, orientation: MatrixOrientation, rows: Range<Int>, into weights: QuantizedWeights) {
        base.quantize(values, orientation: orientation, rows: rows, into: weights)
    }

    func takeGroups(
        _ q: UnsafeBufferPointer<Int8>, scales: Floats, offsets: Floats?, rows: Range<Int>,
        into weights: QuantizedWeights
    ) -> Bool { base.takeGroups(q, scales: scales, offsets: offsets, rows: rows, into: weights) }

    func multiply(_ x: Floats, by matrix: QuantizedMatrix, rows: Int, bias: Floats?, into y: MutableFloats) {
        let (k, n) = (matrix.inputWidth, matrix.outputWidth)
        timed(
            "product \(k) × \(n)", operations: 2 * rows * k * n, bytes: matrix.byteCount, cached: 4 * rows * (k + n),
            unit: .int8
        ) { base.multiply(x, by: matrix, rows: rows, bias: bias, into: y) }
    }

    func multiplyBack(
        _ dy: Floats, by matrix: QuantizedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        let (k, n) = (matrix.outputWidth, matrix.inputWidth)
        timed(
            "product \(k) × \(n)", operations: 2 * rows * k * n, bytes: matrix.byteCount, cached: 4 * rows * (k + n),
            unit: matrix.backward == .int8 ? .int8 : .float32
        ) { base.multiplyBack(dy, by: matrix, rows: rows, accumulate: accumulate, into: dx) }
    }

    func gatherRows(_ matrix: QuantizedMatrix, _ indices: [Int32], into out: MutableFloats) {
        timed("gather rows", cached: 8 * indices.count * matrix.inputWidth) {
            base.gatherRows(matrix, indices, into: out)
        }
    }

    // MARK: Attention

    func attention(_ call: AttentionCall, into output: MutableFloats, logSums: MutableFloats) {
        let size = call.size
        timed("attention", operations: 4 * size.products, bytes: size.bytes) {
            base.attention(call, into: output, logSums: logSums)
        }
    }

    func attentionBackward(
        _ call: AttentionCall, logSums: Floats, outputGradients: Floats, queryGradients: MutableFloats?
    ) {
        let size = call.size
        timed("attention, back", operations: 10 * size.products, bytes: 2 * size.bytes) {
            base.attentionBackward(
                call, logSums: logSums, outputGradients: outputGradients, queryGradients: queryGradients)
        }
    }
}

extension AttentionCall {
    /// Multiplications of q·k over all heads, and the bytes of queries, outputs, keys and values, each counted once.
    fileprivate var size: (products: Int, bytes: Int) {
        var products = 0, bytes = 0, seen: Set<SegmentPlace> = []
        for sequence in sequences {
            let queries = sequence.queries.count
            let positions = sequence.segments.reduce(0) { $0 + $1.rows.count }
            // Half of the queries' own square is hidden from them.
            let pairs = queries * positions - (geometry.isCausal ? queries * (queries - 1) / 2 : 0)
            products += pairs * geometry.heads * geometry.headWidth
            bytes += 8 * queries * geometry.heads * geometry.headWidth
            for segment in sequence.segments where seen.insert(SegmentPlace(segment)).inserted {
                let elements = 2 * segment.rows.count * geometry.keyHeads * geometry.headWidth
                bytes += elements * (segment.source.type == .bfloat16 ? 2 : 4)
            }
        }
        return (products, bytes)
    }

    private struct SegmentPlace: Hashable {
        let source: ObjectIdentifier
        let column: Int
        let first: Int
        let count: Int

        @Compute init(_ segment: KeyValueSegment) {
            source = segment.source.identity
            column = segment.keyColumn
            count = segment.rows.count
            switch segment.rows {
            case .range(let range): first = range.lowerBound
            case .list(let list): first = Int(list.first ?? -1)
            }
        }
    }
}
