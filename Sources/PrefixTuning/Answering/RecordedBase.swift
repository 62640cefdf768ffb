import Foundation

/// What an adapter says of the model that it was trained on.
public enum RecordedBase {
    private struct Keys: Decodable {
        var base_model_name_or_path: String?
        var model_name: String?
    }

    /// Name or folder of the model, as PEFT (`base_model_name_or_path`) and AdapterHub (`model_name`) record it.
    ///
    /// - Parameter url: The adapter's folder, or a file in it.
    /// - Returns: Nil where nothing is said.
    public static func name(ofAdapter url: URL) -> String? {
        guard let file = PrefixPlace(url).configuration,
            let keys = try? AdapterConfigurationFile(file).decode(Keys.self)
        else { return nil }
        return [keys.base_model_name_or_path, keys.model_name].compactMap(\.self).first { !$0.isEmpty }
    }
}
