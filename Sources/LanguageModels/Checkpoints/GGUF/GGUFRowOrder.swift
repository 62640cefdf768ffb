/// Which row of a file holds a row of ours, where the converter moved the rows of heads; see ``GGUFForm/Change``.
struct GGUFRowOrder: Sendable {
    private enum Order {
        /// Heads of this width: [half][pair] is [pair][half] in the file.
        case pairs(width: Int)
        /// So many heads of this width: [head][query, key, value] is [query, key, value][head] in the file.
        case queriesKeysValues(heads: Int, width: Int)
    }

    private let order: Order

    /// The order of a tensor's rows; nil where they were not moved.
    ///
    /// - Parameters:
    ///   - rows: How many the file has.
    ///   - error: What is thrown where they are no rows of whole heads.
    init?(
        _ change: GGUFForm.Change?, rows: Int, _ configuration: any ModelConfiguration,
        error: (_ problem: String) -> CheckpointError
    ) throws {
        func width(heads: Int, _ what: String) throws -> Int {
            guard heads > 0, rows.isMultiple(of: heads), rows / heads > 0 else {
                throw error("\(rows) rows are not those of \(heads) \(what)")
            }
            return rows / heads
        }
        switch change {
        case .pairs(let ofKeys):
            let heads = ofKeys ? configuration.shape.keyHeadCount : configuration.headCount
            let width = try width(heads: heads, ofKeys ? "key heads" : "query heads")
            guard width.isMultiple(of: 2) else { throw error("heads of \(width) rows are no pairs") }
            order = .pairs(width: width)
        case .queriesKeysValues:
            let heads = configuration.headCount
            order = .queriesKeysValues(heads: heads, width: try width(heads: 3 * heads, "heads of three parts"))
        case .transposed, .plusOne, nil: return nil
        }
    }

    /// The row of the file that holds a row of ours.
    func stored(_ row: Int) -> Int {
        switch order {
        case .pairs(let width):
            let (head, within) = row.quotientAndRemainder(dividingBy: width)
            let (half, pair) = within.quotientAndRemainder(dividingBy: width / 2)
            return head * width + 2 * pair + half
        case .queriesKeysValues(let heads, let width):
            let (head, within) = row.quotientAndRemainder(dividingBy: 3 * width)
            let (part, column) = within.quotientAndRemainder(dividingBy: width)
            return (part * heads + head) * width + column
        }
    }
}
