import Foundation
import LanguageModels
import PrefixTuning

/// Which option an adapter is given with, as far as its folder says: models and adapters are easily taken for each other.
enum AdapterKind {
    private struct Keys: Decodable {
        var peft_type: String?
    }

    /// Refuses a folder that holds an adapter where a model is needed.
    ///
    /// - Throws: ``CommandError/adapterAsModel(path:option:model:)``.
    static func refuse(asModel folder: URL) throws {
        func data(_ name: String) -> Data? { try? Data(contentsOf: folder.appendingPathComponent(name)) }
        guard data("config.json") == nil, let contents = data("adapter_config.json") else { return }
        let option =
            switch (try? JSONDecoder().decode(Keys.self, from: contents))?.peft_type {
            case "LORA": "--lora"
            case "BOTTLENECK": "--adapter"
            default: "--prefix"
            }
        throw CommandError.adapterAsModel(
            path: folder.path, option: option, model: RecordedBase.name(ofAdapter: folder))
    }

    /// Refuses what is no adapter, where one is needed and its model is not known.
    ///
    /// - Throws: ``CommandError/modelAsAdapter(path:)``, `PrefixError`, `CheckpointError`.
    static func refuse(asAdapter url: URL) throws {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        guard FileIdentity(url)?.isFolder == true, !names.contains("adapter_config.json") else { return }
        // The authors' prefixes and loralib's adapters are such folders, too.
        let weights: Set = ["safetensors", "bin", "pt", "pth", "ckpt", "weight"]
        if names.allSatisfy({ !weights.contains(($0 as NSString).pathExtension) }) {
            _ = try PrefixFile(url)
        } else if names.contains("config.json"), (try? PrefixFile(url)) == nil {
            throw CommandError.modelAsAdapter(path: url.path)
        }
    }
}
