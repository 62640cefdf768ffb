// Trains two prefixes of one model, and answers with both and with neither in one batch, as the tokens come.
import LanguageModels
import PrefixExperiments
import PrefixTuning

let model = try await LanguageModel.load(EmbeddedModel.folder(), for: .tuning)
let tables = try TuningTask.jsonl.readForTraining([EmbeddedModel.tables(.train)]).prefix(400)

/// A prefix that makes the model write as `write` does, laid out once for all texts that come after it.
func prefix(writing write: (_ subject: String) -> String) async throws -> ResidentPrefix {
    let examples = tables.map { table in
        let subject = String(table.prompt.dropFirst("name : ".count).prefix { $0 != "|" }.dropLast())
        var example = table
        example.completion = write(subject)
        return example
    }
    var settings = TrainingSettings()
    settings.duration = .steps(60)
    settings.learningRate = 5e-3
    settings.batchSize = 16
    let method = try await PrefixMethod(model: model, settings: .init(), seed: 1)
    let trainer = try await Trainer(
        method, examples: method.tokenize(examples, format: TuningTask.jsonl.format), settings: settings)
    for try await _ in trainer.steps() {}
    return try await ResidentPrefix(method.prefix(), for: model)
}

let table = "name : Blue Anchor | type : hotel | rooms : 42\n"
let requests = [
    AnswerRequest(table, after: try await prefix { "Have you been to \($0)?" }),
    AnswerRequest(table, after: try await prefix { "I like \($0) very much." }),
    AnswerRequest(table),
]
var options = DecodingOptions()
options.maxNewTokens = 20
for try await event in try await model.generate(requests, options: options) {
    switch event {
    case .token(let request, let token): print("\(request): \(token.text)")
    case .ended(let request, let ending): print("\(request) ends (\(ending.generation.finishReason)): \(ending.text)")
    case .failed(let request, let error): print("\(request) cannot be answered: \(error)")
    }
}
