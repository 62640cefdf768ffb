import ArgumentParser
import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import Tokenizers

/// Tells how probable a model finds given completions.
struct Score: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Log-probabilities of given completions, and their perplexity.",
        discussion: """
            Writes one line {"token_ids": […], "logprobs": […]} per example: the tokens of the completion and the \
            end-of-text token after it, with natural logarithms. An example with several references is scored once for \
            each. The perplexity of all these tokens comes last, on standard error where the lines go to standard output. With \
            --mean, the output is one line for all, {"loss": …, "perplexity": …, "tokens": …, "examples": …}: the loss, in \
            nats per token, is that of a validation while training.

            EXAMPLE
              prefixtune score --prefix e2e-prefix --data src1_valid.txt --output scores.jsonl
            """)

    @OptionGroup(title: "Model") var model: ModelOptions
    @Option(help: .file("Examples with completions, plain or gzip-compressed; - for standard input.")) var data:
        InputFile
    @OptionGroup var source: TaskOptions
    @Flag(help: "One line for all examples instead of one for each.") var mean = false
    @OptionGroup(title: "Conversations") var chat: ChatOptions
    @OptionGroup(title: "Lengths") var limits: TaskLimits
    @Option(help: .file("The file to write the lines to; standard output by default.")) var output: URL?
    @OptionGroup(title: "General") var common: CommonOptions

    @Compute func compute() async throws {
        try ResultOutput.check(
            ["--output": output], against: ["--data": [data.url], "the model": model.inputs.map(\.value)])
        let files = try await model.files(common)
        var task = try source.resolved(try files.taskRecord)
        let examples = task.remarkingEndings(try task.readForTraining([data.url]), of: data.url, common)
        let loaded = try model.load(files, common)
        if task.isChat {
            let templates = try chat.templates(modelFiles(at: files.model), try? files.taskRecord, common)
            task.format.chat = chat.form(templates, tokenizer: loaded.model.tokenizer)
        }
        let tokenizer = loaded.tokenizer(limits.format(of: task))
        let tokenized = try examples.compactMap { try tokenizer.example($0) }
        common.warn(loaded.prefixReach, of: tokenized.map(\.length), ("example", "examples"))
        let scorer = loaded.scorer()
        var perplexity = Perplexity(), display = ProgressDisplay(quiet: common.quiet, unit: "example"), done = 0
        try ResultOutput.write(to: output) { write in
            try scorer.score(tokenized) { score in
                if !mean { try write(try JSONText.line(score)) }
                perplexity.add(score)
                done += 1
                guard output != nil else { return }
                display.update(
                    done, of: tokenized.count, facts: String(format: "perplexity %.2f", perplexity.value))
            }
            if mean, done > 0 { try write(try JSONText.line(Mean(perplexity, examples: done))) }
        }
        let summary = String(
            format: "perplexity %.4f (%.4f nats per token) over %@ of %@", perplexity.value, perplexity.loss,
            counted(perplexity.tokens, "token"), counted(done, "example"))
        if output != nil { print(summary) } else { common.note(summary) }
    }
}

extension Score {
    /// Of all tokens together.
    private struct Mean: Encodable {
        let loss, perplexity: Double
        let tokens, examples: Int

        init(_ found: Perplexity, examples: Int) {
            (loss, perplexity) = (found.loss, min(found.value, .greatestFiniteMagnitude))
            (tokens, self.examples) = (found.tokens, examples)
        }
    }
}
