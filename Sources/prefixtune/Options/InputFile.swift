import ArgumentParser
import Foundation
import PrefixExperiments
import TextMetrics

/// A file that is read: a path, `-` for standard input, or `embedded` for the tables that come with the program.
struct InputFile: ExpressibleByArgument {
    /// Which of the embedded tables are meant.
    enum Part {
        case training, validation, test
    }

    private let named: URL
    private let isEmbedded: Bool

    init?(argument: String) {
        guard let url = argument == "-" ? URL(fileURLWithPath: "/dev/stdin") : URL(argument: argument) else {
            return nil
        }
        named = url
        isEmbedded = argument == ModelName.embeddedName
    }

    /// The file.
    var url: URL { url(.training) }

    /// The file, or the tables for a purpose.
    func url(_ part: Part) -> URL {
        guard isEmbedded else { return named }
        let split: EmbeddedTables.Split =
            switch part {
            case .training: .train
            case .validation: .validation
            case .test: .testSeen
            }
        // Where the program is installed without them, `embedded` is a file that is not there.
        return (try? EmbeddedModel.tables(split)) ?? named
    }

    var path: String { url.path }

    /// Whether it is standard input, which one process alone can read.
    var isStandardInput: Bool { named.path == "/dev/stdin" }

    /// As it can be typed in any folder.
    var absolute: String { isEmbedded ? ModelName.embeddedName : named.path == "/dev/stdin" ? "-" : named.path }

    /// Refuses a command line that names standard input twice: nothing would be left for the second.
    static func validate(_ files: [InputFile?]) throws {
        if files.count(where: { $0?.named.path == "/dev/stdin" }) > 1 {
            throw ValidationError(
                "Standard input is named twice, but can be read once; write it into a file, and name that.")
        }
    }
}
