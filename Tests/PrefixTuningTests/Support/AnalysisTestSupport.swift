import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing

/// The tiny models of other goldens, with the prefixes that lie beside them.
@Compute struct AnalysisModel {
    let folder: URL
    let network: any CausalModel
    private let golden: SafetensorsFile

    /// - Parameter path: Area and name: "gpt2/tied".
    init(_ path: String) throws {
        Compute.threads = 1
        folder = Fixtures.goldens.appendingPathComponent(path)
        golden = try SafetensorsFile(folder.appendingPathComponent("golden.safetensors"))
        network = try Self.configuration(folder).network(
            WeightLoader(CheckpointReader(folder: folder), use: .frozen(differentiable: false)))
    }

    /// With a tokenizer, because a model must have one; its first tokens stand for the vocabulary.
    var model: LanguageModel {
        get throws {
            try LanguageModel(
                name: folder.lastPathComponent, tokenizer: TinyModel.tokenizer(),
                configuration: Self.configuration(folder), network: network)
        }
    }

    /// The prefix of the goldens: that of the decoder with the text after it, or the three of BART with the text at 0.
    var prefix: Prefix {
        get throws {
            guard network.shape.encoder != nil else {
                let values = try values("prefix.prompt_embeddings")
                return try Prefix(
                    length: values.count / network.shape.prefixRowWidth, values: values, shape: network.shape)
            }
            var parts: [AttentionKind: [Float]] = [:]
            for kind in AttentionKind.allCases { parts[kind] = try values("prefix.\(kind.rawValue)") }
            return try Prefix(length: 3, parts: parts, shape: network.shape, textPosition: .zero)
        }
    }

    func cases<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: folder.appendingPathComponent("cases.json")))
    }

    private func values(_ name: String) throws -> [Float] {
        try CheckpointReader(golden).read(name, shape: try #require(golden.shape(of: name), "no golden \(name)"))
    }

    private static func configuration(_ folder: URL) throws -> any ModelConfiguration {
        try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json"))
    }
}
