import Foundation

/// Why a shape cannot be initialised with the copying circuit.
public enum StructuredInitializationError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// A dimension is below its minimum.
    case tooSmall(name: String, value: Int, least: Int)
    /// The heads do not divide the width.
    case unevenHeads(width: Int, heads: Int)
    /// The third of the width that holds tokens is no multiple of an even head width.
    case noRoom(headWidth: Int, part: Int)

    /// One sentence: what does not fit and what to choose.
    public var description: String {
        switch self {
        case .tooSmall(let name, let value, let least):
            "\(name) is \(value), but the structured initialisation needs at least \(least)."
        case .unevenHeads(let width, let heads):
            "The width \(width) cannot be divided into \(heads) heads; choose a number of heads that divides it."
        case .noRoom(let headWidth, let part):
            """
            Heads of width \(headWidth) do not fit the \(part) dimensions of the token part (a third of the width); \
            choose an even head width that divides a third of the width, such as width 192 with 6 heads.
            """
        }
    }

    /// The same sentence.
    public var errorDescription: String? { description }
}

extension StructuredInitialization {
    /// A dense matrix in row-major order, [in, out].
    struct Matrix {
        let rows: Int
        let columns: Int
        var values: [Float]

        subscript(row: Int, column: Int) -> Float {
            get { values[row * columns + column] }
            set { values[row * columns + column] = newValue }
        }
    }

    /// Normally distributed numbers from a seed, by the Box–Muller transform.
    struct NormalSource {
        private var random: SeededRandom

        init(seed: UInt64) {
            random = SeededRandom(seed: seed)
        }

        mutating func next(_ count: Int, deviation: Float) -> [Float] {
            var values: [Float] = []
            values.reserveCapacity(count + 1)
            while values.count < count {
                let radius = (-2 * log(1 - random.unit())).squareRoot() * Double(deviation)
                let angle = 2 * Double.pi * random.unit()
                values.append(Float(radius * cos(angle)))
                values.append(Float(radius * sin(angle)))
            }
            values.removeLast(values.count - count)
            return values
        }
    }
}
