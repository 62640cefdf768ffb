import LanguageModels

/// Where an adapter's file records which weights it was trained on: in the metadata of the safetensors file, which other
/// programs do not look at. An unknown key of `adapter_config.json` would make PEFT warn.
enum BaseDigest {
    private static let key = "prefixtune.base_digest"

    /// Metadata of an adapter's file.
    static func metadata(_ digest: Digest?, _ more: [String: String] = [:]) -> [String: String] {
        var metadata = ["format": "pt"].merging(more) { $1 }
        metadata[key] = digest?.description
        return metadata
    }

    /// What a file says; nil where it says nothing, as files of other programs do.
    static func read(_ source: any TensorSource) -> Digest? {
        (source as? SafetensorsFile)?.metadata[key].flatMap { Digest($0) }
    }
}

extension PrefixFile {
    /// Of the weights that it was trained on (`LanguageModel.digest`), where the file records it.
    public var baseDigest: Digest? { BaseDigest.read(weights) }
}

extension LowRankFile {
    /// Of the weights that it was trained on (`LanguageModel.weightsDigest`), where the file records it.
    public var baseDigest: Digest? { BaseDigest.read(weights) }
}
