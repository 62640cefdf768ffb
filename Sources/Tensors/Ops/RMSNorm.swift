extension Tensor {
    /// RMS normalisation (Zhang & Sennrich 2019) of each row x [width]: y = x / √(mean x² + ε) · gain.
    ///
    /// - Parameters:
    ///   - gain: [width].
    ///   - epsilon: ε.
    /// - Returns: [rows × width].
    public func rmsNormalized(gain: Tensor, epsilon: Float) -> Tensor {
        precondition(gain.count == width, "RMS norm of \(shape) by a gain of \(gain.shape)")
        return headsNormalized([HeadRange(gain: gain, column: 0, count: 1, width: width)], epsilon: epsilon)
    }

    /// RMS normalisation of every query head and every key head, each over its own width (Qwen3's `q_norm` and
    /// `k_norm`); the values are copied.
    ///
    /// x is [queries | keys | values]: [rows × (heads + 2 keyHeads)·headWidth].
    ///
    /// - Parameters:
    ///   - queryGain: [headWidth], the same for all query heads.
    ///   - keyGain: [headWidth], the same for all key heads.
    ///   - heads: Query heads.
    ///   - keyHeads: Key heads; as many value heads follow them.
    ///   - headWidth: Width of a head.
    ///   - epsilon: ε.
    /// - Returns: A tensor of this tensor's shape.
    public func headsNormalized(
        queryGain: Tensor, keyGain: Tensor, heads: Int, keyHeads: Int, headWidth: Int, epsilon: Float
    ) -> Tensor {
        precondition(
            width == (heads + 2 * keyHeads) * headWidth && queryGain.count == headWidth && keyGain.count == headWidth,
            "norms of \(heads) + \(keyHeads) heads of \(headWidth) in \(shape)")
        return headsNormalized(
            [
                HeadRange(gain: queryGain, column: 0, count: heads, width: headWidth),
                HeadRange(gain: keyGain, column: heads * headWidth, count: keyHeads, width: headWidth),
            ], epsilon: epsilon)
    }

    /// Normalises ranges of heads that follow each other from the first column on; the columns after them are copied.
    private func headsNormalized(_ ranges: [HeadRange], epsilon: Float) -> Tensor {
        let tape =
            Tape.recording(gradient) ?? ranges.lazy.compactMap { Tape.recording($0.gain.gradient) }.first
        let y = Tensor(shape: shape, tape: tape), rows = rows, width = width
        let scales = ranges.map { range in
            let scale = Tensor(shape: [rows, range.count])
            backend.rmsNorm(
                floats + range.column, gain: range.gain.floats, epsilon: epsilon,
                heads: range.columns(rows: rows, of: width), into: y.floats + range.column, scale: scale.floats)
            return scale
        }
        let done = ranges.reduce(0) { $0 + $1.count * $1.width }
        backend.copyColumns(
            floats + done, stride: width, rows: rows, width: width - done, accumulate: false, into: y.floats + done,
            stride: width)
        guard let tape, let dy = y.gradient else { return y }
        tape.record { [x = self.detached, dx = gradient] in
            guard let g = dy.take() else { return }
            for (range, scale) in zip(ranges, scales) {
                range.gain.gradient?.accumulate {
                    backend.rmsNormGain(
                        g.floats + range.column, x: x.floats + range.column, scale: scale.floats,
                        heads: range.columns(rows: rows, of: width), into: $0.floats)
                }
            }
            dx?.update { sum, accumulate in
                for (range, scale) in zip(ranges, scales) {
                    backend.rmsNormBackward(
                        g.floats + range.column, x: x.floats + range.column, gain: range.gain.floats,
                        scale: scale.floats, heads: range.columns(rows: rows, of: width), accumulate: accumulate,
                        into: sum.floats + range.column)
                }
                backend.copyColumns(
                    g.floats + done, stride: width, rows: rows, width: width - done, accumulate: accumulate,
                    into: sum.floats + done, stride: width)
            }
        }
        return y
    }
}

/// Neighbouring heads that share a gain.
@Compute private struct HeadRange {
    let gain: Tensor
    /// Column of the first head.
    let column: Int
    /// Heads.
    let count: Int
    /// Width of a head.
    let width: Int

    func columns(rows: Int, of stride: Int) -> HeadColumns {
        HeadColumns(rows: rows, count: count, width: width, stride: stride)
    }
}

/// Heads of equal width side by side in rows of `stride` columns.
struct HeadColumns {
    let rows: Int
    let count: Int
    let width: Int
    let stride: Int
}
