import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning
import Tensors

/// Makes one prefix of two.
struct Combine: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make one prefix of two: in a row, or a mixture.",
        discussion: """
            Without --weight, the positions of the first stand before those of the second, and text attends to both. With \
            --weight w the result is (1 - w) times the first plus w times the second, value by value. Both must be for the \
            same model. The folder also gets the task, template and lengths that they were trained with, where those agree.

            EXAMPLE
              prefixtune combine restaurants airports --weight 0.5 --output both
            """)

    @Argument(help: "A prefix: its folder or file, or org/name on the hub.") var first: ModelReference
    @Argument(help: "Another.") var second: ModelReference
    @Option(help: .folder("The folder to write.")) var output: URL
    @Option(help: .x("Share of the second, value by value; 0 to 1 lies between them.")) var weight: Float?
    @Option(
        help: .model(
            "The model's folder or name on the hub, or its sizes, where the files do not say them; see convert."))
    var model: ModelSizes?
    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        if let weight, !weight.isFinite { throw ValidationError("--weight is \(weight), but a number is needed.") }
    }

    @Compute func compute() async throws {
        let folder = try await model?.folder(quiet: common.quiet), known = try model?.resolved(folder)
        var prefixes: [Prefix] = [], places: [URL] = []
        for input in [first, second] {
            let url = try await input.located(quiet: common.quiet)
            try Convert.check(output, against: ["a prefix": [url], "--model": [model?.file]])
            let file = try PrefixFile(url)
            guard let shape = known?.shape ?? file.modelShape else {
                throw ConvertError.unknownSizes(path: url.path, dialect: file.dialect.title)
            }
            let contents = try known?.configuration.map(file.contents) ?? file.contents(for: shape)
            guard case .prefix(let prefix) = contents else { throw PrefixError.softPrompt(file: url.path) }
            prefixes.append(prefix)
            places.append(url)
        }
        let combined =
            try weight.map { try prefixes[0].interpolated(with: prefixes[1], weight: $0) }
            ?? prefixes[0].concatenated(with: prefixes[1])
        let record = try record(of: places)
        try combined.write(to: output)
        try TaskRecord.write(record, to: output)
        common.note("\(counted(combined.length, "position")), written to \(output.path)")
    }

    /// What the result answers: what both were trained on, or what the one of them that says it was.
    private func record(of places: [URL]) throws -> TaskRecord? {
        do {
            return try TaskRecord.read(from: places)
        } catch TaskRecordError.differ {
            common.note(
                "the two were trained on different tasks or templates: the result records none, and is used as --task and "
                    + "--prompt-template say")
            return nil
        }
    }
}
