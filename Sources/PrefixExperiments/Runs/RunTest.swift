import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TextMetrics
import Tokenizers

/// Answers the test sources of a data set with what a run has trained, and scores the answers.
@Compute struct RunTest {
    let data: ExperimentDataSet
    let settings: ExperimentSettings

    /// The texts, in the order of the test sources.
    struct Answers {
        var texts: [String]
        /// Sources that lost their end to fit the model.
        var cut: Int
    }

    /// Answers all test sources.
    ///
    /// - Parameter words: Text before every source; nil for none.
    /// - Throws: ``ExperimentError/noRoom(dataSet:positions:)``, or what generation throws.
    func answers(of method: any TuningMethod, words: String?) throws -> Answers {
        let model = method.model
        let hasEncoder = model.network.startToken != nil
        let positions = model.network.shape.positionCount - method.reservedPositions
        let options = try AnswerOptions(data.task, for: model, changes: changes)
        // A decoder-only model answers in the positions that the prompt leaves.
        let room = hasEncoder ? positions : positions - options.decoding.maxNewTokens
        guard room > 1 else {
            throw ExperimentError.noRoom(dataSet: data.name, positions: model.network.shape.positionCount)
        }
        var format = settings.format(of: data.task)
        format.overflow = .truncate
        let whole = ExampleTokenizer(model, format: format, reservedPositions: method.reservedPositions)
        format.sourceLimit = min(format.sourceLimit ?? .max, room)
        let cutting = ExampleTokenizer(model, format: format, reservedPositions: method.reservedPositions)
        var cut = 0
        let prompts = try data.test.map { example in
            let example = example.preceded(by: words)
            let prompt = try cutting.prompt(example)
            if try whole.prompt(example).count > prompt.count { cut += 1 }
            return prompt
        }
        let generations = try method.passTape.withoutRecording {
            try Generator(model.network).generate(prompts, after: method.start(), options: options.decoding)
        }
        return Answers(texts: generations.map { options.text(of: $0, model.tokenizer) }, cut: cut)
    }

    /// What the experiment asks for.
    private var changes: DecodingChanges {
        var changes = DecodingChanges()
        if settings.beams > 0 { changes.strategy = settings.beams == 1 ? .greedy : .beam(width: settings.beams) }
        if settings.maxNewTokens > 0 { changes.maxNewTokens = settings.maxNewTokens }
        return changes
    }

    /// Scores of each part of the test set.
    ///
    /// - Throws: `MetricError`.
    func scores(_ texts: [String]) throws -> [RunResult.Test] {
        try data.splits.map { split in
            let report = try EvaluationReport.evaluate(
                predictions: split.indices.map { texts[$0] },
                references: split.indices.map { data.test[$0].references }, suite: data.task.suite,
                bootstrap: settings.bootstrap > 0 ? Bootstrap(samples: settings.bootstrap) : nil)
            return RunResult.Test(
                split: split.name, instances: split.indices.count,
                scores: report.scores.map {
                    .init(name: $0.name, value: $0.value, interval: $0.interval, higherIsBetter: $0.higherIsBetter)
                })
        }
    }
}
