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

    /// What reports call the embedded base model.
    public static let title = "the embedded model"

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
        let candidates = places.map { $0.appendingPathComponent("\(bundleName)/Resources/\(name)") }
        if let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) }) { return found }
        throw InstallationError.missingResources(path: candidates.first?.path ?? bundleName)
    }

    #if canImport(Darwin)
        private static let bundleName = "prefixtune_PrefixExperiments.bundle"
        private final class Marker {}
        private static let hosts = [Bundle.main, Bundle(for: Marker.self)]
    #else
        private static let bundleName = "prefixtune_PrefixExperiments.resources"
        private static let hosts = [Bundle.main]
    #endif

    /// Where the package manager and `make install` put the resources: beside the program, or in its bundle. The accessor that
    /// is generated, `Bundle.module`, ends the process where they are missing.
    private static let places: [URL] = hosts.flatMap { host in
        [
            host.bundleURL, host.resourceURL,
            host.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent(),
        ].compactMap(\.self)
    }
}
