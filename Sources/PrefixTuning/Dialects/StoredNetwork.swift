import LanguageModels
import Tensors

/// Rows that a file holds: as they are, or the MLP that gives them.
enum StoredRows: Sendable {
    /// The values, and the number of rows that they fill.
    case values([Float], count: Int)
    /// An MLP, which has to be evaluated.
    case network(StoredNetwork)

    /// Number of rows.
    var count: Int {
        switch self {
        case .values(_, let count): count
        case .network(let network): network.table.shape[0]
        }
    }

    /// The rows, in row-major order.
    ///
    /// - Throws: `CheckpointError` where a matrix cannot be used.
    @Compute func evaluated() throws -> [Float] {
        switch self {
        case .values(let values, _): values
        case .network(let network): try network.evaluated()
        }
    }
}

/// MLP(E) as a file holds it: a table and linear layers with a nonlinearity between them.
struct StoredNetwork: Sendable {
    /// A matrix of the file.
    typealias Matrix = (shape: [Int], values: [Float])

    /// E [n × d].
    var table: Matrix
    /// The layers in their order: a matrix [outputs × inputs] and a bias.
    var layers: [(matrix: Matrix, bias: [Float])] = []
    /// Between the layers.
    var activation: Activation

    /// The rows that it gives.
    @Compute func evaluated() throws -> [Float] {
        var x = Tensor(table.values, shape: table.shape)
        for (index, (matrix, bias)) in layers.enumerated() {
            let map = try matrix.values.withUnsafeBufferPointer {
                try FrozenMatrix(
                    $0, input: matrix.shape[1], output: matrix.shape[0], orientation: .outputByInput,
                    bias: Tensor(bias, shape: [matrix.shape[0]]), differentiable: false)
            }
            x = map(x)
            if index < layers.count - 1 { x = x.applying(activation) }
        }
        return x.values
    }
}

extension PrefixFile {
    /// What a file holds for a model: read, and not yet evaluated, so that reading needs no compute thread.
    public struct Stored: Sendable {
        enum Content: Sendable {
            /// There is nothing to be evaluated.
            case contents(Contents)
            /// A prefix, some of whose parts are MLPs.
            case prefix([AttentionKind: StoredRows], shape: ModelShape, Prefix.TextPosition, baseModel: String?)
            /// Embeddings of a decoder-only model.
            case softPrompt(StoredRows, width: Int)
        }

        let content: Content

        /// What it comes to.
        ///
        /// - Throws: ``PrefixError`` or `CheckpointError` where it is not what the model needs.
        @Compute public func evaluated() throws -> Contents {
            switch content {
            case .contents(let contents): contents
            case .prefix(let parts, let shape, let position, let baseModel):
                .prefix(
                    try Prefix(
                        length: parts.values.first?.count ?? 0, parts: parts.mapValues { try $0.evaluated() },
                        shape: shape, textPosition: position, baseModel: baseModel))
            case .softPrompt(let rows, let width):
                .softPrompt(SoftPrompt(width: width, values: try rows.evaluated(), place: .decoder))
            }
        }
    }
}
