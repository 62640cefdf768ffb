import Foundation

extension RotaryEmbedding {
    /// The kinds of scaling, computed as `modeling_rope_utils.py` of `transformers` does.
    struct Scaling {
        let file: ConfigurationReader
        let parameters: ConfigurationReader
        /// θ.
        let theta: Double
        /// The columns that are turned.
        let width: Int
        /// `max_position_embeddings`.
        let positions: Int

        /// What positions are divided by.
        func factor() throws -> Double {
            guard parameters.has("factor") else { throw parameters.invalid("factor", "the key is missing") }
            return try parameters.positive("factor", default: Double(positions) / Double(original()))
        }

        /// The length that the model was trained with before its positions were scaled.
        func original() throws -> Int { try Self.original(file, parameters, positions: positions) }

        /// A key beside the object goes before the one in it.
        static func original(
            _ file: ConfigurationReader, _ parameters: ConfigurationReader, positions: Int
        ) throws -> Int {
            let key = "original_max_position_embeddings"
            return try file.optionalInteger(key) ?? parameters.integer(key, default: positions)
        }

        private func needed(_ key: String) throws -> Double {
            guard let value = try parameters.optionalNumber(key), value > 0 else {
                throw parameters.invalid(key, "a number above 0 is needed")
            }
            return value
        }

        /// Llama 3 (Grattafiori et al. 2024): low frequencies divided by the factor, those between in part.
        func llama3(_ plain: [Float]) throws -> [Float] {
            let factor = Float(try factor()), context = Float(try original())
            let low = Float(try needed("low_freq_factor")), high = Float(try needed("high_freq_factor"))
            guard high > low else {
                throw parameters.invalid(
                    "high_freq_factor", "\(high) was found, but more than low_freq_factor is needed")
            }
            return plain.map { frequency in
                let wavelength = 2 * Float.pi / frequency
                if wavelength < context / high { return frequency }
                if wavelength > context / low { return frequency / factor }
                let smooth = (context / wavelength - low) / (high - low)
                return (1 - smooth) * frequency / factor + smooth * frequency
            }
        }

        /// YaRN (Peng et al. 2023, section 3): columns that turn often within the original length stay as they are, those that
        /// turn less than once are divided by the factor, with a ramp between.
        func yarn() throws -> (frequencies: [Float], scale: Float) {
            let factor = try factor(), original = Double(try original()), half = width / 2
            func turns(_ key: String, _ usual: Double) throws -> Double {
                guard let value = try parameters.optionalNumber(key), value != 0 else { return usual }
                guard value > 0 else { throw parameters.invalid(key, "\(value) turns cannot be") }
                return value
            }
            func column(turning count: Double) -> Double {
                Double(width) * log(original / (count * 2 * .pi)) / (2 * log(theta))
            }
            var low = column(turning: try turns("beta_fast", 32)), high = column(turning: try turns("beta_slow", 1))
            if try parameters.flag("truncate", default: true) { (low, high) = (low.rounded(.down), high.rounded(.up)) }
            (low, high) = (max(low, 0), min(high, Double(width - 1)))
            if low == high { high += 0.001 }
            guard low.isFinite, high.isFinite else {
                throw parameters.invalid("rope_theta", "a base of \(theta) cannot be scaled by YaRN")
            }
            let start = Float(low), length = Float(high - low)
            let frequencies = (0..<half).map { index in
                let period = powf(Float(theta), Float(2 * index) / Float(width))
                let ramp = min(1, max(0, (Float(index) - start) / length))
                return 1 / (Float(factor) * period) * ramp + 1 / period * (1 - ramp)
            }
            return (frequencies, Float(try yarnScale(factor)))
        }

        private func yarnScale(_ factor: Double) throws -> Double {
            if let stated = try parameters.optionalNumber("attention_factor") { return stated }
            func scale(_ m: Double) -> Double { factor <= 1 ? 1 : 0.1 * m * log(factor) + 1 }
            guard let m = try parameters.optionalNumber("mscale"), m != 0,
                let all = try parameters.optionalNumber("mscale_all_dim"), all != 0
            else { return scale(1) }
            return scale(m) / scale(all)
        }

        /// LongRoPE (Ding et al. 2024): each frequency divided by a factor of its own.
        func long(_ key: String) throws -> [Float] {
            guard let factors = try parameters.numbers(key) else { throw parameters.invalid(key, "the key is missing") }
            guard factors.count == width / 2, factors.allSatisfy({ $0 > 0 }) else {
                throw parameters.invalid(
                    key,
                    "\(factors.count) factors were found, but \(width / 2) above 0 are needed, one for each turned pair"
                )
            }
            return factors.enumerated().map {
                1 / (Float($0.element) * powf(Float(theta), Float(2 * $0.offset) / Float(width)))
            }
        }

        /// √(1 + ln s / ln L), where the text may be s times as long as L.
        func longScale() throws -> Float {
            if let stated = try parameters.optionalNumber("attention_factor") { return Float(stated) }
            let original = Double(try original())
            let stretch = try parameters.optionalNumber("factor") ?? Double(positions) / original
            guard stretch > 1 else { return 1 }
            guard original > 1 else {
                throw parameters.invalid("original_max_position_embeddings", "more than 1 position is needed")
            }
            return Float((1 + log(stretch) / log(original)).squareRoot())
        }
    }
}
