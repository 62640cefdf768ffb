import ArgumentParser
import Foundation
import TextMetrics

/// A file that is read: a path, or `-` for standard input.
struct InputFile: ExpressibleByArgument {
    let url: URL

    init?(argument: String) {
        guard let url = argument == "-" ? URL(fileURLWithPath: "/dev/stdin") : URL(argument: argument) else {
            return nil
        }
        self.url = url
    }

    var path: String { url.path }

    /// Refuses a command line that names standard input twice: nothing would be left for the second.
    static func validate(_ files: [InputFile?]) throws {
        if files.count(where: { $0?.path == "/dev/stdin" }) > 1 {
            throw ValidationError(
                "Standard input is named twice, but can be read once; write it into a file, and name that.")
        }
    }
}
