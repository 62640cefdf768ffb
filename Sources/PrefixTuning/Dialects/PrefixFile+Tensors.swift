import Foundation
import LanguageModels
import Tensors

extension PrefixFile {
    /// The tensors below ``root``.
    var reader: CheckpointReader {
        let reader = CheckpointReader(weights)
        return root.isEmpty ? reader : reader.scoped(String(root.dropLast()))
    }

    /// The shape of a tensor below ``root``.
    func shape(of name: String) -> [Int]? { weights.shape(of: root + name) }

    /// Reads a tensor of a shape that the file itself says.
    ///
    /// - Parameters:
    ///   - expected: What shape it should have, for the message.
    ///   - isValid: Whether it has.
    func read(
        _ name: String, from reader: CheckpointReader, expected: String, where isValid: ([Int]) -> Bool
    ) throws -> (shape: [Int], values: [Float]) {
        guard let shape = shape(of: name) else {
            throw CheckpointError.missingTensor(file: weightsFile.path, key: root + name, similar: [])
        }
        guard shape.allSatisfy({ $0 > 0 }), Self.count(shape) != nil, isValid(shape) else {
            throw PrefixError.wrongTensor(
                file: weightsFile.path, key: root + name, expected: expected, found: shape)
        }
        return (shape, try reader.read(name, shape: shape))
    }

    /// The number of elements, or nil where there are more than any prefix has: views can claim any size.
    private static func count(_ shape: [Int]) -> Int? {
        var count = 1
        for size in shape {
            let (product, overflows) = count.multipliedReportingOverflow(by: size)
            guard !overflows, product <= 1 << 31 else { return nil }
            count = product
        }
        return count
    }

    /// P = MLP(E): a table and linear layers 0, 2, … with a nonlinearity between them.
    ///
    /// - Parameters:
    ///   - table: The name of E.
    ///   - network: The name of the layers.
    ///   - width: The width of a row of P.
    /// - Returns: The number of rows, and the rows.
    @Compute func evaluate(
        table: String, network: String, activation: Activation = .tanh, width: Int, from reader: CheckpointReader
    ) throws -> (length: Int, values: [Float]) {
        let (tableShape, embeddings) = try read("\(table).weight", from: reader, expected: "[n × d]") { $0.count == 2 }
        var layers = 1
        while shape(of: "\(network).\(2 * layers).weight") != nil { layers += 1 }
        var x = Tensor(embeddings, shape: tableShape)
        for layer in 0..<layers {
            let name = "\(network).\(2 * layer)", isLast = layer == layers - 1
            let (matrixShape, values) = try read(
                "\(name).weight", from: reader, expected: "[\(isLast ? "\(width)" : "m") × \(x.width)]"
            ) { $0.count == 2 && $0[1] == x.width && (!isLast || $0[0] == width) }
            let bias = try reader.read("\(name).bias", shape: [matrixShape[0]])
            let map = try values.withUnsafeBufferPointer {
                try FrozenMatrix(
                    $0, input: matrixShape[1], output: matrixShape[0], orientation: .outputByInput,
                    bias: Tensor(bias, shape: [matrixShape[0]]), differentiable: false)
            }
            x = map(x)
            if !isLast { x = x.applying(activation) }
        }
        return (tableShape[0], x.values)
    }

    /// P of a flat parameter: any shape of as many elements, in the order of PEFT's rows.
    func flat(_ name: String, width: Int, from reader: CheckpointReader) throws -> (length: Int, values: [Float]) {
        let (shape, values) = try read(name, from: reader, expected: "[n · \(width)]") {
            $0.reduce(1, *).isMultiple(of: width)
        }
        guard shape.count == 1 || shape[0] * width == values.count else {
            throw PrefixError.wrongTensor(
                file: weightsFile.path, key: root + name, expected: "[n × \(width)]", found: shape)
        }
        return (values.count / width, values)
    }
}
