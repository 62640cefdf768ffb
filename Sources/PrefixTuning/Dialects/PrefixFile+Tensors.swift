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
    func network(
        table: String, network: String, activation: Activation = .tanh, width: Int, from reader: CheckpointReader
    ) throws -> StoredRows {
        var found = StoredNetwork(
            table: try read("\(table).weight", from: reader, expected: "[n × d]") { $0.count == 2 },
            activation: activation)
        var count = 1, input = found.table.shape[1]
        while shape(of: "\(network).\(2 * count).weight") != nil { count += 1 }
        for layer in 0..<count {
            let name = "\(network).\(2 * layer)", isLast = layer == count - 1
            let matrix = try read(
                "\(name).weight", from: reader, expected: "[\(isLast ? "\(width)" : "m") × \(input)]"
            ) { $0.count == 2 && $0[1] == input && (!isLast || $0[0] == width) }
            found.layers.append((matrix, try reader.read("\(name).bias", shape: [matrix.shape[0]])))
            input = matrix.shape[0]
        }
        return .network(found)
    }

    /// P of a flat parameter: any shape of as many elements, in the order of PEFT's rows.
    func flat(_ name: String, width: Int, from reader: CheckpointReader) throws -> StoredRows {
        let (shape, values) = try read(name, from: reader, expected: "[n · \(width)]") {
            $0.reduce(1, *).isMultiple(of: width)
        }
        guard shape.count == 1 || shape[0] * width == values.count else {
            throw PrefixError.wrongTensor(
                file: weightsFile.path, key: root + name, expected: "[n × \(width)]", found: shape)
        }
        return .values(values, count: values.count / width)
    }
}
