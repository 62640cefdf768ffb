import ArgumentParser
import Foundation
import LanguageModels
import Hub
import PrefixTuning
import Tensors

/// Options that every command has.
struct CommonOptions: ParsableArguments {
    @Option(help: .n("Threads of tensor work; $PREFIXTUNE_THREADS or all cores by default.")) var threads: Int?
    @Flag(help: "Print results and errors only.") var quiet = false
    @Flag(help: "Print more of what happens.") var verbose = false

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads), but a number from 1 to 1024 is needed.")
        }
        if threads == nil, let text = Self.environmentThreads, !(1...1024).contains(Int(text) ?? 0) {
            throw ValidationError("PREFIXTUNE_THREADS is \(text), but a number from 1 to 1024 is needed.")
        }
        if quiet && verbose { throw ValidationError("--quiet and --verbose contradict each other; give one of them.") }
    }

    private static var environmentThreads: String? { ProcessInfo.processInfo.environment["PREFIXTUNE_THREADS"] }

    /// Sets the number of threads.
    @Compute func apply() {
        if let threads = threads ?? Self.environmentThreads.flatMap({ Int($0) }) { Compute.threads = threads }
    }

    /// A line about what happens, on standard error, unless quiet.
    func note(_ text: @autoclosure () -> String) {
        if !quiet { StandardError.write(text() + "\n") }
    }
}

extension CommonOptions {
    /// Warns of texts at whose end some layers do not see the prefix.
    func warn(_ reach: PrefixReach?, of lengths: @autoclosure () -> [Int], _ noun: (one: String, many: String)) {
        if let remark = reach?.remark(on: lengths(), noun) { note("Warning: \(remark)") }
    }

    /// Says where the integers of a model's file are widened, which nobody may have meant.
    func noteWidening(of model: URL, _ precision: WeightPrecision) {
        guard !quiet, precision == .float32, (try? modelFiles(at: model).holdsIntegers) == true
        else {
            return
        }
        note(
            "The integers of \(model.lastPathComponent) are widened to 32 bits; --precision stored keeps them, in a fraction of the "
                + "memory, and is faster.")
    }

    /// Warns where adapters were trained on other weights than those in use.
    func warn(_ mismatches: [BaseMismatch?]) {
        for mismatch in mismatches.compactMap(\.self) { note("Warning: \(mismatch)") }
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
