import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// Goldens of Tests/Goldens/deployment, and the tiny models in Tests/Goldens/gguf that they are for.
enum DeploymentGolden {
    static let folder = Fixtures.goldens.appendingPathComponent("deployment")

    static func url(_ name: String) -> URL { folder.appendingPathComponent(name) }

    static func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: url(name))) }

    static func model(_ name: String) throws -> ServedModel {
        ServedModel(try GGUFFile(Fixtures.goldens.appendingPathComponent("gguf/\(name).gguf")).configuration)
    }

    /// The configuration of a folder in Tests/Goldens/architectures or elsewhere.
    static func model(inFolder name: String) throws -> ServedModel {
        ServedModel(try HuggingFaceFolder(Fixtures.goldens.appendingPathComponent(name)).configuration)
    }

    /// The prefix that the generator's formula makes.
    static func prefix(_ model: ServedModel, length: Int = 3) throws -> Prefix {
        let count = length * model.shape.prefixRowWidth
        return try Prefix(
            length: length, values: (0..<count).map { Float(Double((7919 * $0) % 2001 - 1000) / 1000) },
            shape: model.shape)
    }

    /// What its files hold.
    static func forms(_ model: ServedModel, _ file: String) -> ServedForms {
        var forms = ServedForms(model)
        forms.placeholders = [5, 6, 7]
        forms.anchor = (9, 10)
        forms.modelName = "tiny"
        forms.settings.cacheType = type(file)
        forms.settings.transposesValues = file.contains("turned")
        forms.settings.streamCount = file.contains("streams") ? 4 : 1
        return forms
    }

    static func type(_ file: String) -> ServedCacheType {
        ServedCacheType.allCases.first { file.contains("-\($0.rawValue)") } ?? .float16
    }

    /// A value as a type holds it, by plain arithmetic.
    static func rounded(_ value: Float, _ type: ServedCacheType) -> Float {
        switch type {
        case .float32: value
        case .float16: Float(Float16(value))
        case .bfloat16:
            Float(bitPattern: (value.bitPattern + 0x7fff + (value.bitPattern >> 16 & 1)) & 0xffff_0000)
        }
    }
}
