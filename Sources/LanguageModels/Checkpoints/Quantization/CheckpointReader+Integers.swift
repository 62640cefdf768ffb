import Tensors

/// Matrices that a file stores as integers in groups, and that are multiplied as such.
extension CheckpointReader {
    /// How the integers of a tensor lie; nil where it is stored otherwise.
    func integerLayout(of name: String) -> QuantizedMatrix.Layout? { storedType(of: name)?.integerLayout }

    /// A matrix of integers in groups, as it is stored.
    ///
    /// The digest is that of the values which the integers stand for: the same as where they are widened.
    ///
    /// - Parameters:
    ///   - name: The whole name of the tensor.
    ///   - orientation: How `transformers` has it; the file holds it by outputs.
    ///   - bias: b [output], or nil.
    /// - Returns: Nil where it is stored otherwise, and nothing is taken then.
    /// - Throws: ``CheckpointError`` where it is missing, has another shape or a scale that is not finite.
    @Compute func integerMatrix(
        _ name: String, input: Int, output: Int, orientation: MatrixOrientation, bias: Tensor?,
        backward: QuantizedMatrix.Backward
    ) throws -> QuantizedMatrix? {
        guard let layout = integerLayout(of: name) else { return nil }
        let isTurned = orientation == .inputByOutput
        return try withIntegers(
            of: name, shape: isTurned ? [input, output] : [output, input], isTurned: isTurned
        ) { read in
            try QuantizedMatrix(
                input: input, output: output, bias: bias, layout: layout, backward: backward, readingGroups: read)
        }
    }

    /// Matrices of the same input as one, the outputs of one after those of the other; nil where they are not all stored
    /// alike as integers, and nothing is taken then.
    @Compute func integerMatrix(
        stacking parts: [(name: String, output: Int)], input: Int, bias: Tensor?, backward: QuantizedMatrix.Backward
    ) throws -> QuantizedMatrix? {
        let layouts = Set(parts.map { integerLayout(of: $0.name) })
        guard layouts.count == 1, let layout = layouts.first ?? nil else { return nil }
        var readers: [(end: Int, read: IntegerRows)] = [], end = 0
        for part in parts {
            end += part.output
            try withIntegers(of: part.name, shape: [part.output, input]) { readers.append((end, $0)) }
        }
        return try QuantizedMatrix(
            input: input, output: end, bias: bias, layout: layout, backward: backward
        ) { rows, integers, scales, offsets in
            var row = rows.lowerBound
            while row < rows.upperBound {
                guard let index = readers.firstIndex(where: { row < $0.end }) else { return }
                let first = index == 0 ? 0 : readers[index - 1].end, last = min(rows.upperBound, readers[index].end)
                func part<Number>(
                    _ buffer: UnsafeMutableBufferPointer<Number>, _ width: Int
                ) -> UnsafeMutableBufferPointer<Number> {
                    guard !buffer.isEmpty else { return buffer }
                    return UnsafeMutableBufferPointer(
                        rebasing: buffer[(row - rows.lowerBound) * width..<(last - rows.lowerBound) * width])
                }
                let perRow = layout.groups(of: input)
                try readers[index].read(
                    row - first..<last - first, part(integers, input), part(scales, perRow), part(offsets, perRow))
                row = last
            }
        }
    }
}
