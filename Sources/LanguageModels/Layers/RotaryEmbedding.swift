import Foundation
import Tensors

/// Rotary position embedding (Su et al. 2021): queries and keys are turned by angles that grow with their position.
///
/// Two kinds of scaling for long texts turn by other angles once a sequence is longer than the model was trained for. What
/// `transformers` decides for a batch is decided here for each sequence, so that it does not depend on its neighbours: a
/// sequence that is read in one go is turned as `transformers` turns it; tokens that are generated behind it are turned
/// by the length so far, and keys that were cached before, a prefix's among them, stay as they were, as they do there.
public struct RotaryEmbedding: Equatable, Sendable {
    /// The columns of a head that are turned: the first ones; even.
    public let width: Int
    /// The angle per position of each pair of columns [width / 2].
    public let frequencies: [Float]
    /// What cosines and sines are multiplied by: the attention factor of YaRN and LongRoPE.
    public let scale: Float
    /// What is different about long sequences.
    public let lengthening: Lengthening
    /// Whether the coordinates of a pair lie side by side, as in GPT-J, and not half of the turned columns apart.
    public let turnsNeighbours: Bool

    /// The plain form with a base of 10,000, side by side.
    init(neighboursOf width: Int) {
        self.width = width
        (frequencies, scale, lengthening, turnsNeighbours) = (Self.plain(base: 10_000, width), 1, .none, true)
    }

    /// How long sequences are turned.
    public enum Lengthening: Equatable, Sendable {
        /// As all others.
        case none
        /// LongRoPE (Ding et al. 2024): by other frequencies beyond so many positions.
        case long(after: Int, frequencies: [Float])
        /// Dynamic NTK: by frequencies of a base that grows with the length, beyond so many positions.
        case dynamic(after: Int, factor: Double, base: Double)
    }

    /// The columns of queries and keys turned, values kept.
    ///
    /// - Parameter projected: [tokens × (heads + 2·keyHeads)·headWidth]: queries | keys | values.
    @Compute func callAsFunction(_ projected: Tensor, _ step: CacheStep, _ geometry: AttentionGeometry) -> Tensor {
        let counts: [Int], sets: [[Float]]
        if case .none = lengthening {
            (counts, sets) = ([step.positions.count], [frequencies])
        } else {
            counts = step.ranges.map(\.count)
            sets = step.lengths.map(frequencies)
        }
        return projected.rotated(
            positions: step.positions, heads: geometry.heads + geometry.keyHeads, headWidth: geometry.headWidth,
            rotaryWidth: width, frequencies: sets, ofRows: counts, scale: scale, turnsNeighbours: turnsNeighbours)
    }

    /// The angles per position in a sequence of so many positions.
    func frequencies(ofLength length: Int) -> [Float] {
        switch lengthening {
        case .long(let after, let long) where length > after: long
        case .dynamic(let after, let factor, let base) where length > after:
            Self.plain(base: Float(Self.dynamicBase(base, factor, length: length, after: after, width: width)), width)
        default: frequencies
        }
    }

    /// In single precision, as the original computes them.
    static func plain(base: Float, _ width: Int) -> [Float] {
        stride(from: 0, to: width, by: 2).map { 1 / powf(base, Float($0) / Float(width)) }
    }

    /// θ·(factor·length/after − (factor − 1))^(d/(d − 2)).
    private static func dynamicBase(_ base: Double, _ factor: Double, length: Int, after: Int, width: Int) -> Double {
        let stretch = factor * Double(length) / Double(after) - (factor - 1)
        return base * pow(stretch, Double(width) / Double(width - 2))
    }
}
