import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning
import Tensors

/// Shows the answers of several prefixes beside each other.
struct Compare: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer the same prompts with several prefixes, side by side.",
        discussion: """
            All answers are made in common batches over one resident model. With --json, a line per prompt: "prompt" and \
            "outputs", each with "prefix" (null for the model alone), "text" and "token_ids". Tasks, lengths and decoding \
            are those of generate.

            EXAMPLE
              prefixtune compare --prefixes restaurants airports --base --prompt "name : Mill"
            """)

    @Option(help: ModelName.optionalHelp) var model: ModelName?
    @Option(parsing: .upToNextOption, help: .adapter("Prefixes or soft prompts: their folders or files, or org/name."))
    var prefixes: [ModelReference]
    @Flag(help: "Answer without a prefix, too.") var base = false
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
    @Option(help: CacheType.help) var cacheType = CacheType.float32
    @OptionGroup var source: PromptSource
    @Option(help: .n("Only so many prompts, from the first on.")) var limit: Int?
    @OptionGroup(title: "Lengths") var limits: TaskLimits
    @OptionGroup(title: "Decoding") var decoding: DecodingFlags
    @Option(help: .n("Prompts that are answered at a time, by all prefixes.")) var batchSize: Int?
    @Flag(help: "Print JSON lines instead of a table.") var json = false
    @Option(help: .file("The file to write to; standard output by default.")) var output: URL?
    @Option(help: .file("An HTML file to write as well.")) var report: URL?
    @OptionGroup(title: "General") var common: CommonOptions

    /// A line of JSON.
    struct Line: Encodable {
        struct Output: Encodable {
            let prefix: String?
            let text: String
            let token_ids: [Int32]

            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Key.self)
                try container.encode(prefix, forKey: .prefix)  // null, not left out
                try container.encode(text, forKey: .text)
                try container.encode(token_ids, forKey: .token_ids)
            }
            private enum Key: CodingKey { case prefix, text, token_ids }
        }
        let prompt: String
        let outputs: [Output]
    }

    func validate() throws {
        for (name, value) in [("batch-size", batchSize), ("limit", limit)] {
            guard let value, value < 1 else { continue }
            throw ValidationError("--\(name) is \(value), but at least 1 is needed.")
        }
    }

    @Compute func compute() async throws {
        try ResultOutput.check(
            ["--output": output, "--report": report],
            against: [
                "--input": [source.input?.url], "--model": [self.model?.file], "--prefixes": prefixes.map(\.file),
            ])
        var places: [URL] = []
        for reference in prefixes { places.append(try await reference.located(quiet: common.quiet)) }
        let name = try ModelName.chosen(self.model, adapters: places, common)
        let folder = try await name.located(quiet: common.quiet)
        let task = try source.resolved(try TaskRecord.read(from: places) ?? TaskRecord.read(from: [folder]))
        let examples = try examples(task)
        let model = try LanguageModel.load(
            folder, precision: precision, name: name.description, cacheType: cacheType)
        var loaded: [ResidentPrefix] = []
        for place in places {
            let prefix = try ResidentPrefix(contentsOf: place, for: model)
            common.warn([prefix.mismatch(with: model)])
            loaded.append(prefix)
        }
        try decoding.check(fits: model)
        // All answer the same prompts: as long as fit after the longest prefix.
        let run = try AnswerRun(
            examples, by: AdaptedModel(model, after: loaded.max { $0.positions < $1.positions }),
            format: limits.format(of: task),
            options: AnswerOptions(task, for: model, changes: decoding.changes), isFitting: source.input == nil)
        if let note = run.note { common.note(note) }
        let starts = (base ? [nil] : []) + loaded.map(\.start)
        var size = GenerationRun.Limits()
        if let batchSize {
            size = GenerationRun.Limits(prompts: batchSize, rowsEach: run.options.decoding.width, starts.count)
        }
        let comparison = SideBySide(
            model.network, after: starts, prompts: run.prompts, options: run.options.decoding, limits: size,
            tokenizer: model.tokenizer, cacheType: model.cacheType)
        try write(comparison, run, examples)
    }

    private func examples(_ task: TuningTask) throws -> [Example] {
        let examples = try source.promptsToAnswer(task, common)
        return limit.map { Array(examples.prefix($0)) } ?? examples
    }

    @Compute private func write(_ comparison: SideBySide, _ run: AnswerRun, _ examples: [Example]) throws {
        let names = (base ? [nil] : []) + Self.names(prefixes)
        var page = SideBySideReport(
            systems: names, subtitle: "\(counted(examples.count, "input")) answered by \(run.model.model.name)",
            byline: ["prefixtune compare", Date().formatted(.iso8601.year().month().day())])
        var display = ProgressDisplay(quiet: common.quiet || output == nil, unit: "prompt")
        func writeAll(_ writeReport: (String) throws -> Void) throws {
            try ResultOutput.write(to: output) { write in
                try comparison.run { index, generations in
                    let answers = generations.map { run.line(index, [run.answer($0)]) }
                    try write(json ? try JSONText.line(line(names, answers)) : table(index, names, answers))
                    page.add(examples[index], outputs: answers.map(\.text), isTable: run.options.task.hasTables)
                    display.update(index + 1, of: examples.count, facts: "\(counted(names.count, "answer")) each")
                }
            }
            try writeReport(page.html)
        }
        guard let report else { return try writeAll { _ in } }
        try ResultOutput.write(to: report) { try writeAll($0) }
    }

    private func line(_ names: [String?], _ answers: [AnswerLine]) -> Line {
        Line(
            prompt: answers.first?.prompt ?? "",
            outputs: zip(names, answers).map { .init(prefix: $0, text: $1.text, token_ids: $1.token_ids) })
    }

    private func table(_ index: Int, _ names: [String?], _ answers: [AnswerLine]) -> String {
        let width = output == nil ? TerminalText.columns : 100, names = names.map { $0 ?? "no prefix" }
        let indent = (names + ["prompt"]).reduce(0) { max($0, $1.count) } + 2
        let items = [("prompt", answers.first?.prompt ?? "")] + zip(names, answers.map(\.text))
        return (index == 0 ? "" : "\n")
            + items.map { TerminalText.item($0, $1, indent: indent, width: width) }.joined()
    }

    /// The last parts of the paths where they tell the prefixes apart, else the paths.
    private static func names(_ prefixes: [ModelReference]) -> [String] {
        let full = prefixes.map(\.description)
        let short = full.map { URL(fileURLWithPath: $0).lastPathComponent }
        return Set(short).count == short.count ? short : full
    }
}
