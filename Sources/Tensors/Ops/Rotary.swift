extension Tensor {
    /// Rotary position embedding (Su et al. 2021): in each turned head, the pair of columns (i, i + rotaryWidth/2) of a
    /// row at position p is turned by the angle p·frequencies[i].
    ///
    /// The halves of a head are the coordinates of its pairs, as in GPT-NeoX and Llama, or columns side by side, (2i, 2i + 1), as in
    /// GPT-J. Angles are float products, and
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
    ///   - turnsNeighbours: Whether columns side by side are turned, not halves of a head.
    /// - Returns: A tensor of this tensor's shape.
    public func rotated(
        positions: [Int32], heads: Int, headWidth: Int, rotaryWidth: Int, frequencies: [Float], scale: Float = 1,
        turnsNeighbours: Bool = false
    ) -> Tensor {
        rotated(
            positions: positions, heads: heads, headWidth: headWidth, rotaryWidth: rotaryWidth,
            frequencies: [frequencies], ofRows: [positions.count], scale: scale, turnsNeighbours: turnsNeighbours)
    }

    /// The same where runs of rows have frequencies of their own: sequences of a batch, where frequencies depend on length.
    ///
    /// - Parameters:
    ///   - frequencies: rotaryWidth/2 angles per position for each run.
    ///   - counts: How many rows each run has.
    public func rotated(
        positions: [Int32], heads: Int, headWidth: Int, rotaryWidth: Int, frequencies: [[Float]], ofRows counts: [Int],
        scale: Float = 1, turnsNeighbours: Bool = false
    ) -> Tensor {
        precondition(
            positions.count == rows && frequencies.count == counts.count && counts.reduce(0, +) == rows,
            "\(positions.count) positions and runs of \(counts) for \(shape)")
        precondition(
            heads >= 0 && heads * headWidth <= width && rotaryWidth <= headWidth
                && frequencies.allSatisfy { $0.count * 2 == rotaryWidth },
            "\(heads) heads of \(headWidth), turned in \(rotaryWidth) columns of \(shape)")
        let tape = Tape.recording(gradient)
        let y = Tensor(shape: shape, tape: tape), rows = rows, width = width
        let angles = RotaryAngles(
            positions: positions, heads: heads, headWidth: headWidth, half: rotaryWidth / 2, frequencies: frequencies,
            ofRows: counts, scale: scale, turnsNeighbours: turnsNeighbours)
        backend.rotate(floats, by: angles, rows: rows, width: width, into: y.floats)
        if let tape, let dx = gradient, let dy = y.gradient {
            tape.record {
                guard let g = dy.take() else { return }
                dx.update { sum, accumulate in
                    backend.rotateBack(
                        g.floats, by: angles, rows: rows, width: width, accumulate: accumulate, into: sum.floats)
                }
            }
        }
        return y
    }
}

/// The angles of a batch of rows, found once per position.
@Compute struct RotaryAngles {
    /// Scaled cosines, then scaled sines: [positions × 2·half].
    let table: Tensor
    /// Each row's entry of the table.
    let entries: [Int32]
    let heads: Int
    let headWidth: Int
    let half: Int
    let turnsNeighbours: Bool

    init(
        positions: [Int32], heads: Int, headWidth: Int, half: Int, frequencies: [[Float]], ofRows counts: [Int],
        scale: Float, turnsNeighbours: Bool
    ) {
        self.turnsNeighbours = turnsNeighbours
        self.heads = heads
        self.headWidth = headWidth
        self.half = half
        // Equal frequencies share their entries, whichever rows they belong to.
        var sets: [(frequencies: [Float], distinct: [Int32], entryOf: [Int32: Int32], first: Int32)] = []
        var row = 0, local: [(set: Int, entry: Int32)] = []
        for (frequencies, count) in zip(frequencies, counts) {
            let set = sets.firstIndex { $0.frequencies == frequencies } ?? sets.count
            if set == sets.count { sets.append((frequencies, [], [:], 0)) }
            for position in positions[row..<row + count] {
                let entry = sets[set].entryOf[position] ?? Int32(sets[set].distinct.count)
                if entry == sets[set].distinct.count {
                    sets[set].entryOf[position] = entry
                    sets[set].distinct.append(position)
                }
                local.append((set, entry))
            }
            row += count
        }
        var total: Int32 = 0
        for set in sets.indices {
            sets[set].first = total
            total += Int32(sets[set].distinct.count)
        }
        entries = local.map { sets[$0.set].first + $0.entry }
        table = Tensor(shape: [Int(total) * 2 * half])
        for set in sets where !set.distinct.isEmpty {
            backend.rotaryTable(
                set.distinct, frequencies: set.frequencies, scale: scale,
                into: table.floats + Int(set.first) * 2 * half)
        }
    }
}
