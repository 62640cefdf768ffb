import Tensors

/// Matrices of the same input as one.
extension WeightLoader {
    /// Matrices of the same input, side by side: y = [x·A | x·B | …], each stored by output rows.
    ///
    /// - Parameters:
    ///   - parts: Name and output width of each.
    ///   - isDelicate: As for ``matrix(_:input:output:orientation:hasBias:inputScales:isDelicate:)``.
    public func stacked(
        _ parts: [(name: String, output: Int)], input: Int, hasBias: Bool, isDelicate: Bool = false
    ) throws -> any LinearMap {
        if case .frozen(let differentiable, let precision) = use, parts.allSatisfy({ isPlain($0.name) }) {
            let kept = parts.map { integers("\($0.name).weight", isDelicate: isDelicate) != nil }
            if !kept.contains(true), precision != .stored {
                return try stackedPlain(
                    parts, input: input, hasBias: hasBias, differentiable: differentiable, isDelicate: isDelicate)
            }
            if !kept.contains(false),
                let map = try stackedIntegers(
                    parts, input: input, hasBias: hasBias, isDelicate: isDelicate)
            {
                return map
            }
        }
        return StackedMap(
            try parts.map {
                try matrix(
                    $0.name, input: input, output: $0.output, orientation: .outputByInput, hasBias: hasBias,
                    isDelicate: isDelicate)
            })
    }

    /// Whether a matrix is an ordinary tensor that will be held alone.
    private func isPlain(_ name: String) -> Bool {
        contains("\(name).weight") && !reader.isQuantized(name) && !isAdapted(name)
    }

    func stackedBias(_ parts: [(name: String, output: Int)]) throws -> Tensor {
        let bias = Tensor(shape: [parts.reduce(0) { $0 + $1.output }])
        var row = 0
        for part in parts {
            try bias.withMutableValues { buffer in
                try reader.read(
                    "\(part.name).bias", shape: [part.output],
                    into: UnsafeMutableBufferPointer(rebasing: buffer[row..<row + part.output]))
            }
            row += part.output
        }
        return bias
    }

    /// One re-laid matrix for several.
    private func stackedPlain(
        _ parts: [(name: String, output: Int)], input: Int, hasBias: Bool, differentiable: Bool, isDelicate: Bool
    ) throws -> any LinearMap {
        let output = parts.reduce(0) { $0 + $1.output }
        for part in parts { try reader.expect("\(part.name).weight", shape: [part.output, input]) }
        let values = Tensor(shape: [output, input]), bias = hasBias ? try stackedBias(parts) : nil
        var row = 0
        for part in parts {
            try values.withMutableValues { buffer in
                try read(
                    part.name, shape: [part.output, input], .outputByInput,
                    into: UnsafeMutableBufferPointer(rebasing: buffer[row * input..<(row + part.output) * input]))
            }
            row += part.output
        }
        return try values.withMutableValues {
            try frozen(
                UnsafeBufferPointer($0), input: input, output: output, .outputByInput, bias: bias,
                differentiable: differentiable, isDelicate: isDelicate)
        }
    }
}
