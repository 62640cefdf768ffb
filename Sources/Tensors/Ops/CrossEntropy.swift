/// Output head, softmax and cross-entropy in one operation over chunks of rows, so that all logits never exist at once.
///
/// loss = Σᵢ weightᵢ · (−log softmax(hᵢ·W)[targetᵢ]). The gradient with respect to h is found on the way forward, while
/// a chunk's logits are at hand: dlogits = weight · (softmax − one-hot), dh = dlogits · Wᵀ.
///
/// - Parameters:
///   - hidden: h [rows × width].
///   - head: W [width × vocabulary].
///   - targets: The token each row must predict.
///   - weights: Weight of each row in the loss: 1 for a sum, 1 / rows for a mean.
///   - chunk: Rows whose logits exist at a time, a multiple of 16 where more than that, or rounded up to one; as many as the head
///     prefers where nil.
/// - Returns: The weighted loss, a scalar, and each row's own loss, unweighted, in nats.
@Compute public func crossEntropy(
    _ hidden: Tensor, head: any LinearMap, targets: [Int32], weights: [Float], chunk: Int? = nil
) -> (loss: Tensor, perRow: [Float]) {
    if head.drops {
        // Only the head's own operations drop some of what it reads: all logits exist at once.
        return crossEntropy(
            head(hidden), head: Passage(width: head.outputWidth), targets: targets, weights: weights, chunk: chunk)
    }
    let rows = hidden.rows, vocabulary = head.outputWidth, width = hidden.width
    precondition(targets.count == rows && weights.count == rows, "\(rows) rows, \(targets.count) targets")
    precondition(
        targets.allSatisfy { $0 >= 0 && $0 < Int32(vocabulary) }, "a target beyond the vocabulary of \(vocabulary)")
    let tape = Tape.recording(hidden.gradient, head.parameterGradient), most = chunk ?? head.rowsForLoss
    // Products of more than 16 rows are computed up to a multiple of 16 (``OneDNNMatrix``), over what lies behind: where the next
    // chunk begins at such, the last one ends where the tensor does.
    let chunk = most <= 16 ? most : (most + 15) / 16 * 16
    let perRow = Tensor(shape: [max(rows, 1)]), weightTensor = Tensor(weights, shape: [rows])
    let dHidden = tape == nil ? nil : Tensor(shape: [rows, width])
    let logits = Tensor(shape: [min(chunk, max(rows, 1)), vocabulary])
    for start in stride(from: 0, to: rows, by: chunk) {
        let count = min(chunk, rows - start), part = start..<start + count, scores = logits[rows: 0..<count]
        head.applyForLoss(hidden[rows: part], into: scores)
        targets.withUnsafeBufferPointer { targets in
            guard let targets = targets.baseAddress else { return }
            backend.crossEntropy(
                logits.floats, targets: targets + start,
                weights: tape == nil ? nil : UnsafePointer(weightTensor.floats + start), rows: count,
                vocabulary: vocabulary, loss: perRow.floats + start)
        }
        guard let dHidden else { continue }
        head.collectGradient(scores, x: hidden[rows: part])
        head.pullBack(scores, accumulate: false, into: dHidden[rows: part])
    }
    let losses = Array(perRow.values.prefix(rows))
    let total = zip(losses, weights).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let loss = Tensor([Float(total)], shape: [1], tape: tape)
    if let tape, let dLoss = loss.gradient, let dHidden {
        tape.record { [target = hidden.gradient] in
            // The head's own gradient is already collected: a loss is differentiated by itself, with factor 1.
            guard dLoss.take() != nil else { return }
            target?.add(dHidden)
        }
    }
    return (loss, losses)
}

/// Log-probabilities log softmax(h·W) of whole rows: for scoring and decoding, where all of them are looked at.
///
/// - Returns: [rows × vocabulary], a constant.
@Compute public func logProbabilities(_ hidden: Tensor, head: any LinearMap) -> Tensor {
    let logits = Tensor(shape: [hidden.rows, head.outputWidth])
    head.apply(hidden.allRows, into: logits.allRows)
    backend.logSoftmax(logits.floats, rows: hidden.rows, vocabulary: head.outputWidth)
    return logits
}

/// Turns rows of logits [rows × vocabulary] into log-probabilities, in place; the other rows stay what they are.
@Compute public func normalizeLogits(_ logits: Tensor, rows: Range<Int>) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= logits.rows, "rows \(rows) of \(logits.shape)")
    backend.logSoftmax(logits.floats + rows.lowerBound * logits.width, rows: rows.count, vocabulary: logits.width)
}
