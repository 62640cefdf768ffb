import Tensors

/// Matrices that stay the integers that the checkpoint stores.
extension WeightLoader {
    /// How gradients come back through a tensor that stays the integers that the checkpoint stores; nil where it does not.
    func integers(_ name: String, isDelicate: Bool = false) -> QuantizedMatrix.Backward? {
        guard case .frozen(let differentiable, let precision) = use, let layout = reader.integerLayout(of: name) else {
            return nil
        }
        return precision.backward(through: layout, differentiable: differentiable, isDelicate: isDelicate)
    }

    func integerMatrix(
        _ name: String, input: Int, output: Int, orientation: MatrixOrientation, bias: Tensor?, isDelicate: Bool
    ) throws -> QuantizedMatrix? {
        guard let backward = integers(name, isDelicate: isDelicate) else { return nil }
        return try reader.integerMatrix(
            name, input: input, output: output, orientation: orientation, bias: bias, backward: backward)
    }

    /// One matrix of integers for several, where all are stored alike.
    func stackedIntegers(
        _ parts: [(name: String, output: Int)], input: Int, hasBias: Bool, isDelicate: Bool
    ) throws -> QuantizedMatrix? {
        guard !parts.contains(where: { mergedUpdate(of: $0.name) != nil }),
            Set(parts.map { reader.integerLayout(of: "\($0.name).weight") }).count == 1,
            let backward = parts.first.flatMap({ integers("\($0.name).weight", isDelicate: isDelicate) })
        else { return nil }
        return try reader.integerMatrix(
            stacking: parts.map { ("\($0.name).weight", $0.output) }, input: input,
            bias: hasBias ? try stackedBias(parts) : nil, backward: backward)
    }
}
