import Tensors

/// Keys and values of a run of positions in every layer of one kind of attention, wherever they lie.
///
/// This is what a prefix is to a model.
@Compute public struct KeyValues {
    /// Where one layer's keys and values lie.
    public typealias Layer = (source: KeyValueRows, keyColumn: Int, valueColumn: Int)

    let layers: [Layer]
    let rows: KeyValueSegment.Rows
    /// How many positions the tokens that follow are moved by: `count`, or 0 where the text keeps its own positions.
    let positions: Int

    /// Keys and values in the columns of one matrix, layer after layer: key, value, key, value, …
    ///
    /// A matrix that nothing is differentiated through is copied layer by layer: the positions of a layer then lie side by
    /// side. Whole rows of P apart, 74 kB in GPT-2 small, they would fall on the same few places of the nearest cache.
    ///
    /// - Parameters:
    ///   - matrix: [n × 2·L·keyWidth], the layout of PEFT's `prompt_embeddings` and of the paper's P.
    ///   - stack: The layers that they belong to.
    ///   - shiftsPositions: Whether the text that follows starts at position n (else at 0).
    ///   - type: How they are held: rounded once, here, where not in 32 bits, as which alone a matrix is differentiated through.
    public init(
        rowsOf matrix: Tensor, stack: AttentionStack, shiftsPositions: Bool = true, as type: CacheType = .float32
    ) {
        precondition(matrix.width == stack.prefixRowWidth, "a prefix of \(matrix.shape) for \(stack)")
        precondition(matrix.gradient == nil || type == .float32, "a prefix in training, in \(type.rawValue)")
        let width = stack.keyWidth, inPlace = Self.layers(of: matrix, stack)
        layers =
            matrix.gradient != nil
            ? inPlace
            : inPlace.map {
                (KeyValueRows(copying: matrix, column: $0.keyColumn, width: 2 * width, as: type), 0, width)
            }
        rows = .range(0..<matrix.rows)
        positions = shiftsPositions ? matrix.rows : 0
    }

    private static func layers(of matrix: Tensor, _ stack: AttentionStack) -> [Layer] {
        (0..<stack.layerCount).map { (.float32(matrix), 2 * $0 * stack.keyWidth, (2 * $0 + 1) * stack.keyWidth) }
    }

    /// Keys and values of the decoder's self-attention; see ``init(rowsOf:stack:shiftsPositions:as:)``.
    public init(rowsOf matrix: Tensor, shape: ModelShape, shiftsPositions: Bool = true) {
        self.init(rowsOf: matrix, stack: shape.decoder, shiftsPositions: shiftsPositions)
    }

    /// Some rows of such a matrix, which the text that follows comes after.
    init(rows: Range<Int>, of matrix: Tensor, stack: AttentionStack) {
        self.init(layers: Self.layers(of: matrix, stack), rows: .range(rows), positions: rows.count)
    }

    init(layers: [Layer], rows: KeyValueSegment.Rows, positions: Int) {
        self.layers = layers
        self.rows = rows
        self.positions = positions
    }

    /// The same keys and values, held in a given way: what several have in common is rounded once, and stays common.
    static func held(_ all: [KeyValues], as type: CacheType) -> [KeyValues] {
        var rounded: [ObjectIdentifier: KeyValueRows] = [:]
        func held(_ rows: KeyValueRows) -> KeyValueRows {
            guard rows.type != type, let tensor = rows.tensor else { return rows }
            let found =
                rounded[rows.identity] ?? KeyValueRows(copying: tensor, column: 0, width: tensor.width, as: type)
            rounded[rows.identity] = found
            return found
        }
        return all.map { some in
            let layers = some.layers.map { Layer(held($0.source), $0.keyColumn, $0.valueColumn) }
            return KeyValues(layers: layers, rows: some.rows, positions: some.positions)
        }
    }

    /// A copy as one matrix, in the layout of a prefix.
    ///
    /// - Returns: [n × 2·layers·keyWidth]: key, value, key, value, … of layers 0, 1, …
    func matrix(keyWidth: Int) -> Tensor {
        let rows: [Int] =
            switch self.rows {
            case .range(let range): Array(range)
            case .list(let list): list.map(Int.init)
            }
        let matrix = Tensor(shape: [rows.count, 2 * layers.count * keyWidth])
        for (layer, (source, keyColumn, valueColumn)) in layers.enumerated() {
            for (position, row) in rows.enumerated() {
                let to = matrix.floats + position * matrix.width + 2 * layer * keyWidth
                source.read(row: row, column: keyColumn, count: keyWidth, into: to)
                source.read(row: row, column: valueColumn, count: keyWidth, into: to + keyWidth)
            }
        }
        return matrix
    }

    /// Whether they are of a model's layers: as many of them, and keys and values as wide.
    func fits(_ stack: AttentionStack) -> Bool {
        layers.count == stack.layerCount
            && layers.allSatisfy { source, keyColumn, valueColumn in
                valueColumn == keyColumn + stack.keyWidth && source.width >= valueColumn + stack.keyWidth
            }
    }

    /// How many positions they are of.
    public var count: Int { rows.count }

    /// Memory that they take; a matrix that several layers lie in counts once.
    public var byteCount: Int {
        var seen: Set<ObjectIdentifier> = []
        return layers.reduce(0) { seen.insert($1.source.identity).inserted ? $0 + $1.source.byteCount : $0 }
    }

    /// Which layer attends to a segment, where it is one of these.
    public func layer(attendingTo segment: KeyValueSegment) -> Int? {
        layers.firstIndex { $0.source.identity == segment.source.identity && $0.keyColumn == segment.keyColumn }
    }

    func segment(_ layer: Int) -> KeyValueSegment {
        let (source, keyColumn, valueColumn) = layers[layer]
        return KeyValueSegment(source: source, rows: rows, keyColumn: keyColumn, valueColumn: valueColumn)
    }
}
