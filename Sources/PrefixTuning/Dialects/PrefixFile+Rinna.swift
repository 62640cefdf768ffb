import Foundation
import LanguageModels

/// rinna's file: one tensor without a name, evaluated, in the order of PEFT's rows.
extension PrefixFile {
    func rinnaPrefix(_ model: ModelShape) throws -> Stored.Content {
        guard model.encoder == nil else {
            throw PrefixError.badConfiguration(
                file: weightsFile.path,
                reason:
                    "the file is a bare tensor, which holds the prefix of a decoder-only model, but this model has an "
                    + "encoder; name the model that it was trained on")
        }
        let rows = try flat(PyTorchFile.nameOfBareTensor, width: model.prefixRowWidth, from: reader)
        return .prefix([.decoder: rows], shape: model, .afterPrefix, baseModel: nil)
    }
}
