import Foundation

/// The small GPT-2 and the table-to-text data that come with the package, so that it can be tried without a network.
public enum EmbeddedModel {
    /// What can be wrong with the installation.
    public enum InstallationError: Error, Equatable, CustomStringConvertible, LocalizedError {
        /// The folder beside the program is missing.
        case missingResources(path: String)

        /// One sentence: what happened and what to do.
        public var description: String {
            switch self {
            case .missingResources(let path):
                "the embedded model is not at \(path); install the folder prefixtune_PrefixExperiments.resources beside the "
                    + "program, as `make install` does"
            }
        }

        /// The same sentence, for code that shows any `Error`.
        public var errorDescription: String? { description }
    }

    /// The folder of the embedded base model.
    ///
    /// - Throws: ``InstallationError/missingResources(path:)``.
    public static func folder() throws -> URL { try resource("base-model") }

    /// The file of a split of the embedded tables.
    ///
    /// - Throws: ``InstallationError/missingResources(path:)``.
    public static func tables(_ split: EmbeddedTables.Split) throws -> URL { try resource("tables/\(split.fileName)") }

    /// The settings file of an experiment; nil where there is none of this name.
    static func experiment(_ name: String) throws -> URL? {
        let folder = try resource("experiments")
        let file = folder.appendingPathComponent("\(name).json")
        return FileManager.default.fileExists(atPath: file.path) ? file : nil
    }

    private static func resource(_ name: String) throws -> URL {
        let url = Bundle.module.bundleURL.appendingPathComponent("Resources/\(name)")
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw InstallationError.missingResources(path: url.path)
        }
        return url
    }
}
