import CKernels
import COneDNN

/// oneDNN for matrix products, C loops for the rest.
struct CPUBackend: Backend {
    var threads: Int {
        get { Int(ptk_threads()) }
        nonmutating set { ptk_set_threads(Int32(min(max(1, newValue), 1024))) }
    }

    func releaseFreeMemory() { ptk_trim_heap() }

    func pack(_ matrix: Floats, k: Int, n: Int, transposed: Bool) throws(TensorError) -> any PackedMatrix {
        try OneDNNMatrix(matrix, k: k, n: n, transposed: transposed)
    }

    func multiply(
        _ a: Floats, transposed transposeA: Bool, _ b: Floats, transposed transposeB: Bool, m: Int, n: Int, k: Int,
        accumulate: Bool, into c: MutableFloats
    ) {
        LastWords.check(ptd_room(), "a product of \(m) × \(k) × \(n)")
        let status = ptd_gemm(
            transposeA, transposeB, Int64(m), Int64(n), Int64(k), a, Int64(transposeA ? m : k), b,
            Int64(transposeB ? k : n), accumulate, c, Int64(n))
        LastWords.check(status, "a product of \(m) × \(k) × \(n)")
    }

    func layerNorm(
        _ x: Floats, gain: Floats, bias: Floats, epsilon: Float, rows: Int, width: Int, into y: MutableFloats,
        mean: MutableFloats, scale: MutableFloats
    ) {
        ptk_layer_norm_forward(x, gain, bias, epsilon, Int64(rows), Int64(width), y, mean, scale)
    }

    func layerNormBackward(
        _ dy: Floats, x: Floats, gain: Floats, mean: Floats, scale: Floats, rows: Int, width: Int, accumulate: Bool,
        into dx: MutableFloats
    ) {
        ptk_layer_norm_backward(dy, x, gain, mean, scale, Int64(rows), Int64(width), accumulate, dx)
    }

    func layerNormParameters(
        _ dy: Floats, x: Floats, mean: Floats, scale: Floats, rows: Int, width: Int, gain: MutableFloats,
        bias: MutableFloats
    ) {
        ptk_layer_norm_parameters(dy, x, mean, scale, Int64(rows), Int64(width), gain, bias)
    }

    func activation(_ kind: Activation, _ x: Floats, count: Int, into y: MutableFloats) {
        ptk_activation_forward(kind.kernel, x, Int64(count), y)
    }

    func activationBackward(
        _ kind: Activation, _ dy: Floats, x: Floats, count: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        ptk_activation_backward(kind.kernel, dy, x, Int64(count), accumulate, dx)
    }

    func add(_ x: Floats, _ y: Floats, count: Int, into z: MutableFloats) { ptk_add(x, y, Int64(count), z) }

    func addScaled(_ x: Floats, by factor: Float, count: Int, into y: MutableFloats) {
        ptk_add_scaled(x, factor, Int64(count), y)
    }

    func scale(_ x: MutableFloats, by factor: Float, count: Int) { ptk_scale(x, factor, Int64(count)) }

    func multiply(_ x: Floats, _ y: Floats, count: Int, into z: MutableFloats) { ptk_multiply(x, y, Int64(count), z) }

    func addRowSums(_ x: Floats, rows: Int, columns: Int, into sums: MutableFloats) {
        ptk_add_row_sums(x, Int64(rows), Int64(columns), sums)
    }

    func gatherRows(_ table: Floats, _ indices: [Int32], width: Int, into out: MutableFloats) {
        ptk_gather_rows(table, indices, Int64(indices.count), Int64(width), out)
    }

    func scatterAddRows(_ x: Floats, _ indices: [Int32], width: Int, into table: MutableFloats) {
        ptk_scatter_add_rows(x, indices, Int64(indices.count), Int64(width), table)
    }

    func sumOfSquares(_ x: Floats, count: Int) -> Double {
        let blocks = Int(ptk_sum_of_squares_scratch(Int64(count)))
        let scratch = Storage(count: 2 * blocks)
        return UnsafeMutableRawPointer(scratch.floats).withMemoryRebound(to: Double.self, capacity: blocks) {
            ptk_sum_of_squares(x, Int64(count), $0)
        }
    }

    func greatestMagnitude(_ x: Floats, count: Int) -> Float { ptk_greatest_magnitude(x, Int64(count)) }

    func addFixed(_ x: Floats, exponent: Int, count: Int, into sums: UnsafeMutablePointer<Int64>) {
        ptk_add_fixed(x, Int32(exponent), Int64(count), sums)
    }

    func floats(ofFixed sums: UnsafePointer<Int64>, exponent: Int, count: Int, into y: MutableFloats) {
        ptk_fixed_to_floats(sums, Int32(exponent), Int64(count), y)
    }

    func read(_ x: Floats, count: Int) -> Double { ptk_first_sum(x, Int64(count)) }

    func allFinite(_ x: Floats, count: Int) -> Bool { ptk_all_finite(x, Int64(count)) != 0 }

    func dropoutMask(seed: UInt64, probability: Float, count: Int, into mask: MutableFloats) {
        ptk_dropout_mask(seed, probability, Int64(count), mask)
    }

    func crossEntropy(
        _ logits: MutableFloats, targets: UnsafePointer<Int32>, weights: Floats?, rows: Int, vocabulary: Int,
        loss: MutableFloats
    ) {
        ptk_cross_entropy(logits, targets, weights, Int64(rows), Int64(vocabulary), loss)
    }

    func logSoftmax(_ logits: MutableFloats, rows: Int, vocabulary: Int) {
        ptk_log_softmax(logits, Int64(rows), Int64(vocabulary))
    }

    func adamW(
        _ update: AdamWUpdate, gradient: Floats, count: Int, values: MutableFloats, first: MutableFloats,
        second: MutableFloats
    ) {
        var settings = update.kernelSettings
        ptk_adamw(&settings, gradient, Int64(count), values, first, second)
    }

    func adamW(
        _ update: AdamWUpdate, gradient: GradientProduct, values: MutableFloats, first: MutableFloats,
        second: MutableFloats
    ) {
        var settings = update.kernelSettings
        ptk_adamw_factored(
            &settings, gradient.left.floats, gradient.right.floats, Int64(gradient.rank), Int64(gradient.left.width),
            Int64(gradient.right.width), values, first, second)
    }

    func sumOfSquares(_ product: GradientProduct) -> Double {
        ptk_factored_sum_of_squares(
            product.left.floats, product.right.floats, Int64(product.rank), Int64(product.left.width),
            Int64(product.right.width))
    }
}

extension AdamWUpdate {
    fileprivate var kernelSettings: ptk_adamw_settings {
        ptk_adamw_settings(
            decay: decay, step: stepSize, rest1: rest1, beta2: beta2, rest2: rest2, root_correction2: rootCorrection2,
            epsilon: epsilon, gradient_scale: gradientScale)
    }
}

extension Activation {
    var kernel: ptk_activation {
        switch self {
        case .geluTanh: ptk_gelu_tanh
        case .geluErf: ptk_gelu_erf
        case .relu: ptk_relu
        case .tanh: ptk_tanh
        case .silu: ptk_silu
        }
    }
}
