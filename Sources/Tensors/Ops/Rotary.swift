extension Tensor {
    /// Rotary position embedding (Su et al. 2021): in each turned head, the pair of columns (i, i + rotaryWidth/2) of a
    /// row at position p is turned by the angle p·frequencies[i].
    ///
    /// The halves of a head are the coordinates of its pairs, as in GPT-NeoX and Llama. Angles are float products, and
    /// their cosines and sines float numbers, as the models were trained with. On the way back, gradients are turned by
    /// the opposite angles.
    ///
    /// - Parameters:
    ///   - positions: One per row.
    ///   - heads: How many heads, from the first column on, are turned (queries and keys); all further columns are
    ///     copied.
    ///   - headWidth: Width of a head.
    ///   - rotaryWidth: How many columns of a head are turned, from its first on; even. The others are copied.
    ///   - frequencies: rotaryWidth/2 angles per position, in radians.
    ///   - scale: Multiplies cosines and sines (the attention factor of YaRN, Peng et al. 2023).
    /// - Returns: A tensor of this tensor's shape.
    public func rotated(
        positions: [Int32], heads: Int, headWidth: Int, rotaryWidth: Int, frequencies: [Float], scale: Float = 1
    ) -> Tensor {
        precondition(positions.count == rows, "\(positions.count) positions for \(shape)")
        precondition(
            heads >= 0 && heads * headWidth <= width && rotaryWidth <= headWidth
                && frequencies.count * 2 == rotaryWidth,
            "\(heads) heads of \(headWidth), turned by \(frequencies.count) angles in \(rotaryWidth) columns of \(shape)"
        )
        let tape = Tape.recording(gradient)
        let y = Tensor(shape: shape, tape: tape), rows = rows, width = width
        let angles = RotaryAngles(
            positions: positions, heads: heads, headWidth: headWidth, frequencies: frequencies, scale: scale)
        backend.rotate(floats, by: angles, rows: rows, width: width, into: y.floats)
        if let tape, let dx = gradient, let dy = y.gradient {
            tape.record {
                guard let g = dy.take() else { return }
                dx.update { sum, accumulate in
                    backend.rotateBack(
                        g.floats, by: angles, rows: rows, width: width, accumulate: accumulate, into: sum)
                }
            }
        }
        return y
    }
}

/// The angles of a batch of rows, found once per position.
struct RotaryAngles {
    /// Scaled cosines, then scaled sines: [positions × 2·half].
    let table: Tensor
    /// Each row's entry of the table.
    let entries: [Int32]
    let heads: Int
    let headWidth: Int
    let half: Int

    init(positions: [Int32], heads: Int, headWidth: Int, frequencies: [Float], scale: Float) {
        self.heads = heads
        self.headWidth = headWidth
        half = frequencies.count
        var distinct: [Int32] = [], entryOf: [Int32: Int32] = [:]
        entries = positions.map { position in
            if let entry = entryOf[position] { return entry }
            let entry = Int32(distinct.count)
            entryOf[position] = entry
            distinct.append(position)
            return entry
        }
        table = Tensor(shape: [distinct.count * 2 * half])
        backend.rotaryTable(distinct, frequencies: frequencies, scale: scale, into: table.floats)
    }
}
