/// The work that operations are made of. Operations and models know this protocol only; a second implementation (for
/// a GPU, say) needs no change above it.
///
/// All matrices are row-major. Pointers are to memory of the backend; 64-byte aligned where a whole tensor is meant.
@Compute protocol Backend {
    typealias Floats = UnsafePointer<Float>
    typealias MutableFloats = UnsafeMutablePointer<Float>

    /// Threads used by one operation.
    var threads: Int { get nonmutating set }

    /// Returns memory to the system that is held besides the blocks of tensors.
    func releaseFreeMemory()

    /// Re-lays a constant matrix [k × n] ([n × k] where `transposed`) for multiplying many rows by it.
    func pack(_ matrix: Floats, k: Int, n: Int, transposed: Bool) throws(TensorError) -> any PackedMatrix

    /// C [m × n] (+)= op(A) · op(B) for matrices that change at every step.
    func multiply(
        _ a: Floats, transposed: Bool, _ b: Floats, transposed: Bool, m: Int, n: Int, k: Int, accumulate: Bool,
        into c: MutableFloats)

    /// y = x·Wᵀ (+ bias), and dx (+)= dy·W, for a matrix that stays compressed; results do not depend on `threads`. As bfloat16,
    /// the memory of y and dx has room for `paddedRows(rows)` rows.
    func multiply(_ x: Floats, by matrix: CompressedMatrix, rows: Int, bias: Floats?, into y: MutableFloats)
    func multiplyBack(
        _ dy: Floats, by matrix: CompressedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats)
    func gatherRows(_ matrix: CompressedMatrix, _ indices: [Int32], into out: MutableFloats)

    /// The nearest bfloat16 of each number, ties to even.
    func roundToBFloat16(_ values: Floats, count: Int, into rounded: UnsafeMutableRawPointer)

    /// Rounds some outputs of a ``QuantizedMatrix``, from a multiple of 64 on: `values` is [rows × input], or [input × rows].
    func quantize(_ values: Floats, orientation: MatrixOrientation, rows: Range<Int>, into weights: QuantizedWeights)
    /// Takes integers of some outputs, likewise, with the scales and offsets of their groups; whether those are held exactly.
    func takeGroups(
        _ q: UnsafeBufferPointer<Int8>, scales: Floats, offsets: Floats?, rows: Range<Int>,
        into weights: QuantizedWeights
    ) -> Bool
    /// y = x·Wᵀ (+ bias), and dx (+)= dy·W; results do not depend on `threads`.
    func multiply(_ x: Floats, by matrix: QuantizedMatrix, rows: Int, bias: Floats?, into y: MutableFloats)
    func multiplyBack(
        _ dy: Floats, by matrix: QuantizedMatrix, rows: Int, accumulate: Bool, into dx: MutableFloats)
    func gatherRows(_ matrix: QuantizedMatrix, _ indices: [Int32], into out: MutableFloats)

    func layerNorm(
        _ x: Floats, gain: Floats, bias: Floats, epsilon: Float, rows: Int, width: Int, into y: MutableFloats,
        mean: MutableFloats, scale: MutableFloats)
    func layerNormBackward(
        _ dy: Floats, x: Floats, gain: Floats, mean: Floats, scale: Floats, rows: Int, width: Int, accumulate: Bool,
        into dx: MutableFloats)
    func layerNormParameters(
        _ dy: Floats, x: Floats, mean: Floats, scale: Floats, rows: Int, width: Int, gain: MutableFloats,
        bias: MutableFloats)

    /// Normalises heads of rows of `stride` columns; `scale` [rows × heads] is kept for the way back.
    func rmsNorm(
        _ x: Floats, gain: Floats, epsilon: Float, heads: HeadColumns, into y: MutableFloats, scale: MutableFloats)
    func rmsNormBackward(
        _ dy: Floats, x: Floats, gain: Floats, scale: Floats, heads: HeadColumns, accumulate: Bool,
        into dx: MutableFloats)
    func rmsNormGain(_ dy: Floats, x: Floats, scale: Floats, heads: HeadColumns, into gain: MutableFloats)

    /// Turns x by the angles of the table, or by their opposites on the way back.
    func rotate(_ x: Floats, by angles: RotaryAngles, rows: Int, width: Int, into y: MutableFloats)
    func rotateBack(
        _ dy: Floats, by angles: RotaryAngles, rows: Int, width: Int, accumulate: Bool, into dx: MutableFloats)
    /// Scaled cosines, then scaled sines, of each position.
    func rotaryTable(_ positions: [Int32], frequencies: [Float], scale: Float, into table: MutableFloats)

    func activation(_ kind: Activation, _ x: Floats, count: Int, into y: MutableFloats)
    func activationBackward(
        _ kind: Activation, _ dy: Floats, x: Floats, count: Int, accumulate: Bool, into dx: MutableFloats)
    /// y = f(gate) · up for rows [gate | up] of 2·width columns.
    func gate(_ kind: Activation, _ x: Floats, rows: Int, width: Int, into y: MutableFloats)
    func gateBackward(
        _ kind: Activation, _ dy: Floats, x: Floats, rows: Int, width: Int, accumulate: Bool, into dx: MutableFloats)

    func add(_ x: Floats, _ y: Floats, count: Int, into z: MutableFloats)
    func addScaled(_ x: Floats, by factor: Float, count: Int, into y: MutableFloats)
    func scale(_ x: MutableFloats, by factor: Float, count: Int)
    func multiply(_ x: Floats, _ y: Floats, count: Int, into z: MutableFloats)
    func addRowSums(_ x: Floats, rows: Int, columns: Int, into sums: MutableFloats)
    /// y (+)= x, where the rows of x and y begin every `stride` and `yStride` elements.
    func copyColumns(
        _ x: Floats, stride: Int, rows: Int, width: Int, accumulate: Bool, into y: MutableFloats, stride yStride: Int)
    func gatherRows(_ table: Floats, _ indices: [Int32], width: Int, into out: MutableFloats)
    func scatterAddRows(_ x: Floats, _ indices: [Int32], width: Int, into table: MutableFloats)
    func sumOfSquares(_ x: Floats, count: Int) -> Double
    /// The greatest |x|; infinity where an element is not finite.
    func greatestMagnitude(_ x: Floats, count: Int) -> Float
    /// sums += x · 2^exponent, rounded to integers.
    func addFixed(_ x: Floats, exponent: Int, count: Int, into sums: UnsafeMutablePointer<Int64>)
    /// y = sums · 2^-exponent.
    func floats(ofFixed sums: UnsafePointer<Int64>, exponent: Int, count: Int, into y: MutableFloats)
    /// Does nothing but read x: for measuring how fast that goes.
    func read(_ x: Floats, count: Int) -> Double
    func allFinite(_ x: Floats, count: Int) -> Bool
    func dropoutMask(seed: UInt64, probability: Float, count: Int, into mask: MutableFloats)

    func attention(_ call: AttentionCall, into output: MutableFloats, logSums: MutableFloats)
    func attentionBackward(
        _ call: AttentionCall, logSums: Floats, outputGradients: Floats, queryGradients: MutableFloats?)

    /// Logits become the gradient of the weighted loss where weights are given.
    func crossEntropy(
        _ logits: MutableFloats, targets: UnsafePointer<Int32>, weights: Floats?, rows: Int, vocabulary: Int,
        loss: MutableFloats)
    func logSoftmax(_ logits: MutableFloats, rows: Int, vocabulary: Int)

    func adamW(
        _ update: AdamWUpdate, gradient: Floats, count: Int, values: MutableFloats, first: MutableFloats,
        second: MutableFloats)
    /// The same for a matrix whose gradient is a product.
    func adamW(
        _ update: AdamWUpdate, gradient: GradientProduct, values: MutableFloats, first: MutableFloats,
        second: MutableFloats)
    func sumOfSquares(_ product: GradientProduct) -> Double
}

/// A constant matrix in the layout that its backend multiplies by fastest.
@Compute protocol PackedMatrix: AnyObject {
    /// Memory held.
    var byteCount: Int { get }

    /// C [m × n] (+)= A [m × k] · B (+ bias). The memory of A and C has room for `paddedRows(m)` rows.
    func multiply(
        _ a: UnsafePointer<Float>, m: Int, bias: UnsafePointer<Float>?, accumulate: Bool,
        into c: UnsafeMutablePointer<Float>)
}

/// The backend in use; set before any tensor work that it is to do.
@Compute var backend: any Backend = CPUBackend()
