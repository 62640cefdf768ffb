import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// Answers as lines of a file that a later run can go on with.
extension AnswerRun {
    /// The line of a prompt.
    @Compute func line(_ index: Int, _ answers: [Answer]) -> AnswerLine {
        let answers = answers.map { AnswerLine.Answer($0, options.decoding, tokenizer: model.model.tokenizer) }
        return AnswerLine(prompt: examples[index].prompt, answers[0], others: Array(answers.dropFirst()))
    }

    /// Answers the prompts from `first` on, unless Ctrl-C comes in between.
    @Compute func lines(from first: Int = 0, receive: (AnswerLine) throws -> Void) throws {
        try answers(from: first, willStep: Self.stopWhereAsked) { try receive(line($0, $1)) }
    }

    private static func stopWhereAsked() throws {
        if Interrupt.isRequested { throw CommandError.interrupted }
    }

    /// What was changed to make a prompt fit, for people.
    @Compute var note: String? {
        isShortened ? "at most \(options.decoding.maxNewTokens) new tokens fit after this prompt" : nil
    }

    /// What the answers depend on but for the model and what adapts it, as text by name.
    @Compute func settings() throws -> [String: String] {
        let encoded = try JSONSerialization.jsonObject(with: JSONEncoder().encode(options.decoding))
        var settings = (encoded as? [String: Any] ?? [:]).mapValues { "\($0)" }, prompts = Fingerprint()
        for (example, tokens) in zip(examples, self.prompts) {
            prompts.add(example.prompt)
            prompts.add("\(tokens)")
        }
        settings["task"] = options.task.name
        settings["fingerprint_of_the_prompts"] = prompts.text
        return settings
    }

    /// Whether bytes are the line of a prompt.
    ///
    /// - Throws: ``PartialOutputError`` where they are that of another one.
    @Compute func isWhole(_ index: Int, _ bytes: Data) throws -> Bool {
        guard let line = try? JSONDecoder().decode(AnswerLine.self, from: bytes), index < count else { return false }
        guard line.prompt == examples[index].prompt else {
            throw PartialOutputError.otherPrompt(
                line: index + 1, found: String(line.prompt.prefix(60)),
                expected: String(examples[index].prompt.prefix(60)))
        }
        return true
    }
}
