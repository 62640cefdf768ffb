import ArgumentParser
import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// Shows the answers of several prefixes beside each other.
struct Compare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer the same prompts with several prefixes, side by side.",
        discussion: """
            All answers are made in common batches over one resident model. With --json, a line per prompt: "prompt" and \
            "outputs", each with "prefix" (null for the model alone), "text" and "token_ids". Tasks, lengths and decoding \
            are those of generate.

            EXAMPLE
              prefixtune compare --model gpt2 --prefixes restaurants airports --base --prompt "name : The Mill"
            """)

    @Option(help: "The model: its folder, or org/name[@revision] on the hub.") var model: ModelReference
    @Option(parsing: .upToNextOption, help: "Prefixes or soft prompts: their folders or files, or org/name.")
    var prefixes: [ModelReference]
    @Flag(help: "Answer without a prefix, too.") var base = false
    @Option(help: WeightPrecision.help) var precision = WeightPrecision.float32
    @Option(help: "The text to continue; - reads it from standard input.") var prompt: String?
    @Option(help: "A file of prompts, plain or gzip-compressed; - for standard input.")
    var input: InputFile?
    @Option(help: "Format of the input: e2e, webnlg, dart, xsum or jsonl. \(TaskKind.promptHelp)") var task = TaskKind
        .jsonl
    @Option(help: "Only so many prompts, from the first on.") var limit: Int?
    @OptionGroup(title: "Lengths") var limits: TaskLimits
    @OptionGroup(title: "Decoding") var decoding: DecodingFlags
    @Option(help: "Prompts that are answered at a time, by all prefixes.") var batchSize: Int?
    @Flag(help: "Print JSON lines instead of a table.") var json = false
    @Option(help: "The file to write to; standard output by default.") var output: URL?
    @Option(help: "An HTML file to write as well.") var report: URL?
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
        guard (prompt == nil) != (input == nil) else {
            throw ValidationError("Give either --prompt TEXT or --input FILE.")
        }
        for (name, value) in [("batch-size", batchSize), ("limit", limit)] {
            guard let value, value < 1 else { continue }
            throw ValidationError("--\(name) is \(value), but at least 1 is needed.")
        }
    }

    func run() async throws { try await runOnComputeThread() }

    @Compute private func runOnComputeThread() async throws {
        common.apply()
        try ResultOutput.check(
            ["--output": output, "--report": report],
            against: ["--input": [input?.url], "--model": [self.model.file], "--prefixes": prefixes.map(\.file)])
        let model = try LanguageModel.load(
            await self.model.located(quiet: common.quiet), precision: precision, name: self.model.description)
        let shape = model.network.shape
        var starts: [InitialKeyValues?] = base ? [nil] : [], positions = shape.positionCount
        for reference in prefixes {
            let file = try PrefixFile(await reference.located(quiet: common.quiet)),
                prefix = try file.prefix(for: model)
            common.warn((file.url.path, file.baseDigest), on: model.name, model.digest)
            starts.append(try prefix.keyValues(for: shape))
            // All answer the same prompts: as long as fit after the longest prefix.
            if prefix.textPosition == .afterPrefix { positions = min(positions, shape.positionCount - prefix.length) }
        }
        let examples = try examples(), count = starts.count
        let run = try AnswerRun(
            examples, task: task, format: limits.format(of: task),
            loaded: LoadedModel(model: model, start: nil, positions: positions), flags: decoding, batchSize: nil,
            fits: input == nil)
        if let note = run.note { common.note(note) }
        var size = GenerationRun.Limits()
        if let batchSize {
            size = GenerationRun.Limits(prompts: batchSize, rowsEach: run.options.width, count)
        }
        let comparison = SideBySide(
            model.network, after: starts, prompts: run.prompts, options: run.options, limits: size,
            tokenizer: model.tokenizer)
        try write(comparison, run, examples)
    }

    private func examples() throws -> [Example] {
        guard let input else {
            return [
                Example(
                    prompt: try PromptText.read(prompt ?? ""), location: DataLocation(file: "--prompt", line: 1))
            ]
        }
        // As for generate: a table has one line per reference in its file.
        let all = try task.read(input.url), examples = task == .jsonl ? all : all.groupedBySource().examples
        return limit.map { Array(examples.prefix($0)) } ?? examples
    }

    @Compute private func write(_ comparison: SideBySide, _ run: AnswerRun, _ examples: [Example]) throws {
        let names = (base ? [nil] : []) + Self.names(prefixes)
        var page = SideBySideReport(
            systems: names, subtitle: "\(counted(examples.count, "input")) answered by \(model)",
            byline: ["prefixtune compare", Date().formatted(.iso8601.year().month().day())])
        var display = ProgressDisplay(quiet: common.quiet || output == nil, unit: "prompt")
        let begin = Date(), isTable = [.e2e, .webnlg, .dart].contains(task)
        func writeAll(_ writeReport: (String) throws -> Void) throws {
            try ResultOutput.write(to: output) { write in
                try comparison.run { index, generations in
                    let answers = generations.map { run.line(index, [$0]) }
                    try write(json ? try JSONText.line(line(names, answers)) : table(index, names, answers))
                    page.add(examples[index], outputs: answers.map(\.text), isTable: isTable)
                    let done = index + 1, seconds = Date().timeIntervalSince(begin)
                    display.update(
                        done, of: examples.count, facts: "\(counted(names.count, "answer")) each",
                        secondsLeft: seconds / Double(done) * Double(examples.count - done))
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
