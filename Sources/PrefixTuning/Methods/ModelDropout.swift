import LanguageModels
import Tensors

/// Dropout inside a model while a method trains it or something in it.
struct ModelDropout: Equatable {
    /// On embeddings and on what layers add to the residual stream.
    let residual: Float
    /// On the probabilities of attention.
    let attention: Float

    /// Probabilities in 0..<1.
    ///
    /// - Throws: ``TrainingError/badSetting(name:value:needed:)``.
    init(residual: Float, attention: Float) throws {
        for (name, value) in [("the model's dropout", residual), ("the attention dropout", attention)]
        where !(0..<1).contains(value) {
            throw TrainingError.badSetting(name: name, value: "\(value)", needed: "a number from 0 to below 1")
        }
        (self.residual, self.attention) = (residual, attention)
    }

    /// As stated, or else as `config.json` says.
    ///
    /// - Parameter attention: Nil for 0 where `residual` is stated to be 0: dropout is then off altogether.
    /// - Throws: ``TrainingError/badSetting(name:value:needed:)``.
    init(residual: Float?, attention: Float?, of configuration: any ModelConfiguration) throws {
        try self.init(
            residual: residual ?? configuration.residualDropout,
            attention: attention ?? (residual == 0 ? 0 : configuration.attentionDropout))
    }

    /// The masks of a step; nil where nothing is dropped.
    @Compute func masks(seed: UInt64) -> Dropout? {
        residual > 0 || attention > 0 ? Dropout(probability: residual, attention: attention, seed: seed) : nil
    }

    /// For the fingerprint of a run: what it has said since before attention had a dropout comes first.
    var fingerprint: String { "\(residual)" + (attention > 0 ? ", on attention \(attention)" : "") }
}
