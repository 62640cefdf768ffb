import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TextMetrics

/// Testing what was trained.
extension Train {
    /// The scores of a run's answers to the test examples.
    struct Scores {
        let report: EvaluationReport
        let folder: URL

        /// Prints them.
        func show() throws { try ResultOutput.write(to: nil) { write in try write("\(report)\n") } }
    }

    /// Answers the test examples with what a run trained, and scores the answers: test.jsonl and test.json in its folder.
    ///
    /// - Returns: Nil where no test was asked for.
    @Compute func test(_ folder: URL, _ material: Material) throws -> Scores? {
        guard !material.test.isEmpty else { return nil }
        let best = folder.appendingPathComponent("best")
        let trained = validation.isEmpty || !FileManager.default.fileExists(atPath: best.path) ? folder : best
        let loaded = try adapted(material.base, by: trained)
        let run = try AnswerRun(
            material.test, by: loaded, format: limits.format(of: material.task),
            options: AnswerOptions(material.task, for: loaded.model), isFitting: true)
        var display = ProgressDisplay(quiet: common.quiet, unit: "test example"), lines = "", texts: [String] = []
        try Interrupt.gracefully(deadline: 1.5) {
            try run.lines { answer in
                lines += try JSONText.line(answer)
                texts.append(answer.text)
                display.update(texts.count, of: run.count, facts: trained.lastPathComponent)
            }
        }
        let report = try EvaluationReport.evaluate(
            predictions: texts, references: material.test.map(\.references), suite: task.suite)
        try AtomicFile.write(Data(lines.utf8), to: folder.appendingPathComponent("test.jsonl"))
        try AtomicFile.write(Data(JSONText.document(report).utf8), to: folder.appendingPathComponent("test.json"))
        return Scores(report: report, folder: folder)
    }

    /// Refuses a test with a prompt that does not fit: that is not to be found out after training.
    ///
    /// - Throws: `DataError` or `AnsweringError`, with the prompt's file and line.
    @Compute func checkTest(_ material: Material, for method: any TuningMethod) throws {
        guard !material.test.isEmpty else { return }
        let network = method.model.network, reserved = method.reservedPositions
        let positions = network.shape.positionCount - reserved
        let newTokens = try AnswerOptions(material.task, for: method.model).decoding.maxNewTokens
        let tokenizer = ExampleTokenizer(
            method.model, format: limits.format(of: material.task), reservedPositions: reserved)
        for example in material.test {
            let tokens = try tokenizer.prompt(example).count
            // The decoder of an encoder–decoder model begins with one token, whatever the prompt.
            guard network.startToken == nil, tokens > positions else { continue }
            throw AnsweringError.promptTooLong(
                example.location, tokens: tokens, newTokens: newTokens, positions: positions)
        }
    }

    /// The model with what was trained; loaded anew where that lies in its weights.
    @Compute private func adapted(_ base: BaseModel, by trained: URL) throws -> AdaptedModel {
        var files = AdaptedModel.Files(model: base.folder, name: base.name, precision: precision)
        switch method {
        case .prefix, .embeddingOnly, .infix, .promptTuning, .pTuning:
            let model = try base.model()
            return AdaptedModel(model, after: try ResidentPrefix(contentsOf: trained, for: model))
        case .lora: files.lora = .init(trained)
        case .adapter: files.adapter = trained
        case .fineTune, .topLayers: files.model = trained
        }
        base.release()
        return try AdaptedModel.load(files)
    }
}
