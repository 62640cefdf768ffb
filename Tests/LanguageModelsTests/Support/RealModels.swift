import Foundation

/// The pretrained models that `Tools/real-models.sh DIR` fetches, where `PREFIXTUNE_MODELS` names the folder.
enum RealModels {
    static let smolLM2 = file("smollm2-135m-instruct-q4_1.gguf")
    static let gemma3 = file("gemma-3-270m-q4_k_m.gguf")

    /// Why a test is skipped.
    static func missing(_ what: String) -> String {
        "\(what) is not here: run Tools/real-models.sh DIR and set PREFIXTUNE_MODELS to DIR"
    }

    /// A folder as the hub has it, which only some keep beside those files.
    static func folder(_ name: String) -> URL? { file(name) }

    private static func file(_ name: String) -> URL? {
        guard let folder = ProcessInfo.processInfo.environment["PREFIXTUNE_MODELS"] else { return nil }
        let file = URL(fileURLWithPath: folder).appendingPathComponent(name)
        return FileManager.default.fileExists(atPath: file.path) ? file : nil
    }
}
