import Foundation
import Tensors

/// Rotary position embedding (Su et al. 2021): queries and keys are turned by angles that grow with their position.
public struct RotaryEmbedding: Equatable, Sendable {
    /// The columns of a head that are turned: the first ones; even.
    public let width: Int
    /// The angle per position of each pair of columns [width / 2].
    public let frequencies: [Float]

    /// The columns of queries and keys turned, values kept.
    ///
    /// - Parameter projected: [tokens × (heads + 2·keyHeads)·headWidth]: queries | keys | values.
    func callAsFunction(_ projected: Tensor, _ step: CacheStep, _ geometry: AttentionGeometry) -> Tensor {
        projected.rotated(
            positions: step.positions, heads: geometry.heads + geometry.keyHeads, headWidth: geometry.headWidth,
            rotaryWidth: width, frequencies: frequencies)
    }
}

extension RotaryEmbedding {
    /// Reads `rope_parameters`, or what older files have instead: `rope_theta` or `rotary_emb_base`, `rotary_pct`,
    /// `rope_scaling`.
    ///
    /// Known are the plain form, `linear` (positions divided by a factor) and `llama3` (low frequencies divided by it,
    /// Grattafiori et al. 2024).
    ///
    /// - Parameters:
    ///   - fraction: The part of a head that is turned where the file says nothing.
    ///   - base: θ where the file says nothing.
    init(_ file: ConfigurationReader, headWidth: Int, fraction: Double = 1, base: Double = 10_000) throws {
        let parameters = try file.object("rope_parameters", "rope_scaling")
        let theta =
            try parameters?.optionalNumber("rope_theta")
            ?? file.positive("rope_theta", "rotary_emb_base", default: base)
        let part =
            try parameters?.optionalNumber("partial_rotary_factor")
            ?? file.positive("partial_rotary_factor", "rotary_pct", default: fraction)
        // Compared before it is an integer: a damaged file may have any number here, and a head may be of width 1.
        let turned = Double(headWidth) * part
        width = (2...Double(max(2, headWidth))).contains(turned) ? Int(turned) : 0
        guard width > 0, width <= headWidth, width.isMultiple(of: 2), theta > 0 else {
            throw file.invalid(
                file.has("rope_parameters") ? "rope_parameters" : "rotary_pct",
                "\(part) of a head of width \(headWidth) are turned with base \(theta), but an even number of columns "
                    + "within the head and a base above 0 are needed")
        }
        // In single precision, as the original computes them.
        let columns = Float(width)
        let plain = stride(from: 0, to: width, by: 2).map { 1 / powf(Float(theta), Float($0) / columns) }
        guard let parameters else {
            frequencies = plain
            return
        }
        let kind = try parameters.optionalString("rope_type", "type") ?? "default"
        switch kind {
        case "default": frequencies = plain
        case "linear":
            let factor = Float(try parameters.positive("factor", default: 1))
            frequencies = plain.map { $0 / factor }
        case "llama3": frequencies = try Self.llama3(plain, parameters)
        default:
            throw parameters.invalid(
                parameters.has("rope_type") ? "rope_type" : "type",
                "rotary scaling of type \"\(kind)\" is not supported; default, linear and llama3 are")
        }
    }

    private static func llama3(_ plain: [Float], _ parameters: ConfigurationReader) throws -> [Float] {
        let factor = Float(try parameters.positive("factor", default: 8))
        let low = Float(try parameters.positive("low_freq_factor", default: 1))
        let high = Float(try parameters.positive("high_freq_factor", default: 4))
        let context = Float(
            try parameters.integer("original_max_position_embeddings", in: 1...1 << 22, default: 8192))
        guard high > low else {
            throw parameters.invalid("high_freq_factor", "\(high) was found, but more than low_freq_factor is needed")
        }
        return plain.map { frequency in
            let wavelength = 2 * Float.pi / frequency
            if wavelength < context / high { return frequency }
            if wavelength > context / low { return frequency / factor }
            let smooth = (context / wavelength - low) / (high - low)
            return (1 - smooth) * frequency / factor + smooth * frequency
        }
    }
}
