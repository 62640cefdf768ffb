/// Operations on rows and elements, bound by memory; the loss and the optimiser.
extension ProfiledBackend {
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

    func greatestMagnitude(_ x: Floats, count: Int) -> Float {
        var greatest: Float = 0
        timed("sum of passes", cached: 4 * count) { greatest = base.greatestMagnitude(x, count: count) }
        return greatest
    }

    func addFixed(_ x: Floats, exponent: Int, count: Int, into sums: UnsafeMutablePointer<Int64>) {
        timed("sum of passes", cached: 20 * count) { base.addFixed(x, exponent: exponent, count: count, into: sums) }
    }

    func floats(ofFixed sums: UnsafePointer<Int64>, exponent: Int, count: Int, into y: MutableFloats) {
        timed("sum of passes", cached: 12 * count) {
            base.floats(ofFixed: sums, exponent: exponent, count: count, into: y)
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
