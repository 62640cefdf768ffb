import ArgumentParser
import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// A model, and what is put before its text.
struct ModelOptions: ParsableArguments {
    @Option(help: "The model's folder.") var model: URL
    @Option(help: "The folder of a trained prefix; the model alone without it.") var prefix: URL?
    @Option(help: "How frozen weights are held: f32, or stored (16-bit weights as they are).") var precision =
        WeightPrecision.float32

    /// Loads both.
    @Compute func load(_ common: CommonOptions) throws -> LoadedModel {
        let model = try LanguageModel.load(model, precision: precision)
        guard let prefix else {
            return LoadedModel(model: model, start: nil, positions: model.network.shape.positionCount)
        }
        let loaded = try Prefix(folder: prefix, model: model.network.shape)
        if common.verbose {
            common.note(
                "prefix of \(loaded.length) positions, trained on \(loaded.baseModel ?? "a model that is not recorded")"
            )
        }
        let taken = loaded.textPosition == .afterPrefix ? loaded.length : 0
        return LoadedModel(
            model: model, start: try loaded.keyValues(for: model.network.shape),
            positions: model.network.shape.positionCount - taken)
    }
}

/// A model ready to generate and to score.
@Compute struct LoadedModel {
    let model: LanguageModel
    /// What every text comes after.
    let start: InitialKeyValues?
    /// How many positions are left for text.
    let positions: Int
}
