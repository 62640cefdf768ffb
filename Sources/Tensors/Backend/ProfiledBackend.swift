import Foundation

/// A backend that does its work by another one and keeps the time of every operation.
///
/// Model files and operations do not know of it; a program that profiles nothing never makes one.
final class ProfiledBackend: Backend, @unchecked Sendable {
    private let base: any Backend & Sendable
    /// Read and written on the compute thread only.
    private(set) var profile = OperationProfile()

    init(over base: any Backend & Sendable) { self.base = base }

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
    private func timed<Result>(
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

    private func timed(
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
        timed("product \(k) × \(n)", operations: 2 * rows * k * n, bytes: matrix.byteCount, cached: 4 * rows * (k + n))
        {
            base.multiply(x, by: matrix, rows: rows, bias: bias, into: y)
        }
    }

    func multiplyBack(
        _ dy: Floats, by matrix: CompressedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        let (k, n) = (matrix.outputWidth, matrix.inputWidth)
        timed("product \(k) × \(n)", operations: 2 * rows * k * n, bytes: matrix.byteCount, cached: 4 * rows * (k + n))
        {
            base.multiplyBack(dy, by: matrix, rows: rows, accumulate: accumulate, into: dx)
        }
    }

    func quantize(
        _ values: UnsafeBufferPointer<Float>, input: Int, output: Int, orientation: MatrixOrientation,
        width: QuantizedMatrix.Width
    ) -> (weights: CompressedBytes, scales: CompressedBytes) {
        base.quantize(values, input: input, output: output, orientation: orientation, width: width)
    }

    func transposed(_ weights: CompressedBytes, input: Int, output: Int) -> CompressedBytes {
        base.transposed(weights, input: input, output: output)
    }

    func multiply(_ x: Floats, by matrix: QuantizedMatrix, rows: Int, bias: Floats?, into y: MutableFloats) {
        let (k, n) = (matrix.inputWidth, matrix.outputWidth)
        timed(
            "product \(k) × \(n)", operations: 2 * rows * k * n, bytes: matrix.forward.count + matrix.scales.count,
            cached: 4 * rows * (k + n), unit: .int8
        ) { base.multiply(x, by: matrix, rows: rows, bias: bias, into: y) }
    }

    func multiplyBack(
        _ dy: Floats, by matrix: QuantizedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        let (k, n) = (matrix.outputWidth, matrix.inputWidth), copy = matrix.transposed
        timed(
            "product \(k) × \(n)", operations: 2 * rows * k * n,
            bytes: copy?.count ?? matrix.forward.count + matrix.scales.count, cached: 4 * rows * (k + n),
            unit: copy == nil ? .float32 : .int8
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
        timed("attention", operations: 4 * size.products, bytes: 4 * size.elements) {
            base.attention(call, into: output, logSums: logSums)
        }
    }

    func attentionBackward(
        _ call: AttentionCall, logSums: Floats, outputGradients: Floats, queryGradients: MutableFloats?
    ) {
        let size = call.size
        timed("attention, back", operations: 10 * size.products, bytes: 8 * size.elements) {
            base.attentionBackward(
                call, logSums: logSums, outputGradients: outputGradients, queryGradients: queryGradients)
        }
    }

    // MARK: Rows and elements: bound by memory

    func gatherRows(_ matrix: CompressedMatrix, _ indices: [Int32], into out: MutableFloats) {
        timed("gather rows", cached: 8 * indices.count * matrix.inputWidth) {
            base.gatherRows(matrix, indices, into: out)
        }
    }

    func layerNorm(
        _ x: Floats, gain: Floats, bias: Floats, epsilon: Float, rows: Int, width: Int, into y: MutableFloats,
        mean: MutableFloats, scale: MutableFloats
    ) {
        timed("layer norm", cached: 8 * rows * width) {
            base.layerNorm(
                x, gain: gain, bias: bias, epsilon: epsilon, rows: rows, width: width, into: y, mean: mean, scale: scale
            )
        }
    }

    func layerNormBackward(
        _ dy: Floats, x: Floats, gain: Floats, mean: Floats, scale: Floats, rows: Int, width: Int, accumulate: Bool,
        into dx: MutableFloats
    ) {
        timed("layer norm, back", cached: (accumulate ? 16 : 12) * rows * width) {
            base.layerNormBackward(
                dy, x: x, gain: gain, mean: mean, scale: scale, rows: rows, width: width, accumulate: accumulate,
                into: dx)
        }
    }

    func layerNormParameters(
        _ dy: Floats, x: Floats, mean: Floats, scale: Floats, rows: Int, width: Int, gain: MutableFloats,
        bias: MutableFloats
    ) {
        timed("layer norm, back", cached: 8 * rows * width) {
            base.layerNormParameters(
                dy, x: x, mean: mean, scale: scale, rows: rows, width: width, gain: gain, bias: bias)
        }
    }

    func rmsNorm(
        _ x: Floats, gain: Floats, epsilon: Float, heads: HeadColumns, into y: MutableFloats, scale: MutableFloats
    ) {
        timed("RMS norm", cached: 8 * heads.elements) {
            base.rmsNorm(x, gain: gain, epsilon: epsilon, heads: heads, into: y, scale: scale)
        }
    }

    func rmsNormBackward(
        _ dy: Floats, x: Floats, gain: Floats, scale: Floats, heads: HeadColumns, accumulate: Bool,
        into dx: MutableFloats
    ) {
        timed("RMS norm, back", cached: (accumulate ? 16 : 12) * heads.elements) {
            base.rmsNormBackward(dy, x: x, gain: gain, scale: scale, heads: heads, accumulate: accumulate, into: dx)
        }
    }

    func rmsNormGain(_ dy: Floats, x: Floats, scale: Floats, heads: HeadColumns, into gain: MutableFloats) {
        timed("RMS norm, back", cached: 8 * heads.elements) {
            base.rmsNormGain(dy, x: x, scale: scale, heads: heads, into: gain)
        }
    }

    func rotate(_ x: Floats, by angles: RotaryAngles, rows: Int, width: Int, into y: MutableFloats) {
        timed("rotary", cached: 8 * rows * width) { base.rotate(x, by: angles, rows: rows, width: width, into: y) }
    }

    func rotateBack(
        _ dy: Floats, by angles: RotaryAngles, rows: Int, width: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        timed("rotary, back", cached: (accumulate ? 12 : 8) * rows * width) {
            base.rotateBack(dy, by: angles, rows: rows, width: width, accumulate: accumulate, into: dx)
        }
    }

    func rotaryTable(_ positions: [Int32], frequencies: [Float], scale: Float, into table: MutableFloats) {
        timed("rotary", cached: 8 * positions.count * frequencies.count) {
            base.rotaryTable(positions, frequencies: frequencies, scale: scale, into: table)
        }
    }

    func activation(_ kind: Activation, _ x: Floats, count: Int, into y: MutableFloats) {
        timed("activation", cached: 8 * count) { base.activation(kind, x, count: count, into: y) }
    }

    func activationBackward(
        _ kind: Activation, _ dy: Floats, x: Floats, count: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        timed("activation, back", cached: (accumulate ? 16 : 12) * count) {
            base.activationBackward(kind, dy, x: x, count: count, accumulate: accumulate, into: dx)
        }
    }

    func gate(_ kind: Activation, _ x: Floats, rows: Int, width: Int, into y: MutableFloats) {
        timed("activation", cached: 12 * rows * width) { base.gate(kind, x, rows: rows, width: width, into: y) }
    }

    func gateBackward(
        _ kind: Activation, _ dy: Floats, x: Floats, rows: Int, width: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        timed("activation, back", cached: (accumulate ? 28 : 20) * rows * width) {
            base.gateBackward(kind, dy, x: x, rows: rows, width: width, accumulate: accumulate, into: dx)
        }
    }

    func add(_ x: Floats, _ y: Floats, count: Int, into z: MutableFloats) {
        timed("add", cached: 12 * count) { base.add(x, y, count: count, into: z) }
    }

    func addScaled(_ x: Floats, by factor: Float, count: Int, into y: MutableFloats) {
        timed("add", cached: 12 * count) { base.addScaled(x, by: factor, count: count, into: y) }
    }

    func scale(_ x: MutableFloats, by factor: Float, count: Int) {
        timed("scale", cached: 8 * count) { base.scale(x, by: factor, count: count) }
    }

    func multiply(_ x: Floats, _ y: Floats, count: Int, into z: MutableFloats) {
        timed("scale", cached: 12 * count) { base.multiply(x, y, count: count, into: z) }
    }

    func addRowSums(_ x: Floats, rows: Int, columns: Int, into sums: MutableFloats) {
        timed("sum", cached: 4 * rows * columns) { base.addRowSums(x, rows: rows, columns: columns, into: sums) }
    }

    func copyColumns(
        _ x: Floats, stride: Int, rows: Int, width: Int, accumulate: Bool, into y: MutableFloats, stride yStride: Int
    ) {
        timed("copy", cached: (accumulate ? 12 : 8) * rows * width) {
            base.copyColumns(
                x, stride: stride, rows: rows, width: width, accumulate: accumulate, into: y, stride: yStride)
        }
    }

    func gatherRows(_ table: Floats, _ indices: [Int32], width: Int, into out: MutableFloats) {
        timed("gather rows", cached: 8 * indices.count * width) {
            base.gatherRows(table, indices, width: width, into: out)
        }
    }

    func scatterAddRows(_ x: Floats, _ indices: [Int32], width: Int, into table: MutableFloats) {
        timed("gather rows, back", cached: 12 * indices.count * width) {
            base.scatterAddRows(x, indices, width: width, into: table)
        }
    }

    func sumOfSquares(_ x: Floats, count: Int) -> Double {
        var sum = 0.0
        timed("sum", cached: 4 * count) { sum = base.sumOfSquares(x, count: count) }
        return sum
    }

    func read(_ x: Floats, count: Int) -> Double { base.read(x, count: count) }

    func allFinite(_ x: Floats, count: Int) -> Bool {
        var isFinite = false
        timed("sum", cached: 4 * count) { isFinite = base.allFinite(x, count: count) }
        return isFinite
    }

    func dropoutMask(seed: UInt64, probability: Float, count: Int, into mask: MutableFloats) {
        timed("dropout", cached: 4 * count) {
            base.dropoutMask(seed: seed, probability: probability, count: count, into: mask)
        }
    }

    // MARK: Loss and optimiser

    func crossEntropy(
        _ logits: MutableFloats, targets: UnsafePointer<Int32>, weights: Floats?, rows: Int, vocabulary: Int,
        loss: MutableFloats
    ) {
        timed("cross-entropy", cached: (weights == nil ? 4 : 8) * rows * vocabulary) {
            base.crossEntropy(
                logits, targets: targets, weights: weights, rows: rows, vocabulary: vocabulary, loss: loss)
        }
    }

    func logSoftmax(_ logits: MutableFloats, rows: Int, vocabulary: Int) {
        timed("log softmax", cached: 8 * rows * vocabulary) {
            base.logSoftmax(logits, rows: rows, vocabulary: vocabulary)
        }
    }

    func adamW(
        _ update: AdamWUpdate, gradient: Floats, count: Int, values: MutableFloats, first: MutableFloats,
        second: MutableFloats
    ) {
        timed("AdamW", bytes: 28 * count) {
            base.adamW(update, gradient: gradient, count: count, values: values, first: first, second: second)
        }
    }

    func adamW(
        _ update: AdamWUpdate, gradient: GradientProduct, values: MutableFloats, first: MutableFloats,
        second: MutableFloats
    ) {
        timed("AdamW", bytes: 24 * gradient.count) {
            base.adamW(update, gradient: gradient, values: values, first: first, second: second)
        }
    }

    func sumOfSquares(_ product: GradientProduct) -> Double {
        var sum = 0.0
        timed("sum", cached: 4 * product.rank * (product.left.width + product.right.width)) {
            sum = base.sumOfSquares(product)
        }
        return sum
    }
}

extension HeadColumns {
    fileprivate var elements: Int { rows * count * width }
}

extension AttentionCall {
    /// Multiplications of q·k over all heads, and the elements of queries, outputs, keys and values, each counted once.
    fileprivate var size: (products: Int, elements: Int) {
        var products = 0, elements = 0, seen: Set<SegmentPlace> = []
        for sequence in sequences {
            let queries = sequence.queries.count
            let positions = sequence.segments.reduce(0) { $0 + $1.rows.count }
            // Half of the queries' own square is hidden from them.
            let pairs = queries * positions - (geometry.isCausal ? queries * (queries - 1) / 2 : 0)
            products += pairs * geometry.heads * geometry.headWidth
            elements += 2 * queries * geometry.heads * geometry.headWidth
            for segment in sequence.segments where seen.insert(SegmentPlace(segment)).inserted {
                elements += 2 * segment.rows.count * geometry.keyHeads * geometry.headWidth
            }
        }
        return (products, elements)
    }

    private struct SegmentPlace: Hashable {
        let source: ObjectIdentifier
        let column: Int
        let first: Int
        let count: Int

        init(_ segment: KeyValueSegment) {
            source = ObjectIdentifier(segment.source)
            column = segment.keyColumn
            count = segment.rows.count
            switch segment.rows {
            case .range(let range): first = range.lowerBound
            case .list(let list): first = Int(list.first ?? -1)
            }
        }
    }
}
