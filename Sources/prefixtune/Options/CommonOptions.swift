import ArgumentParser
import Foundation
import LanguageModels
import Tensors

/// Options that every command has.
struct CommonOptions: ParsableArguments {
    @Option(help: "Threads of tensor work; all cores by default.") var threads: Int?
    @Flag(help: "Print results and errors only.") var quiet = false
    @Flag(help: "Print more of what happens.") var verbose = false

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads), but a number from 1 to 1024 is needed.")
        }
        if quiet && verbose { throw ValidationError("--quiet and --verbose contradict each other; give one of them.") }
    }

    /// Sets the number of threads.
    @Compute func apply() {
        if let threads { Compute.threads = threads }
    }

    /// A line about what happens, on standard error, unless quiet.
    func note(_ text: @autoclosure () -> String) {
        if !quiet { StandardError.write(text() + "\n") }
    }
}

extension CommonOptions {
    /// Warns where an adapter was trained on other weights than those in use.
    ///
    /// - Parameters:
    ///   - adapter: The adapter's place, and what it records; nil where it records nothing.
    ///   - digest: Of the weights in use.
    func warn(_ adapter: (name: String, digest: Digest?), on model: String, _ digest: Digest?) {
        guard let recorded = adapter.digest, let digest, recorded != digest else { return }
        note(
            "Warning: \(adapter.name) was trained on other weights (digest \(recorded)) than those of \(model) (\(digest)); "
                + "what it does to them is not what it was trained for")
    }
}

extension URL: @retroactive ExpressibleByArgument {
    /// A path, relative to the working folder; `~` is the user's folder.
    public init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        self.init(fileURLWithPath: UserPath.expanded(argument))
    }

    /// In help: as it would be typed.
    public var defaultValueDescription: String { relativePath }
}
