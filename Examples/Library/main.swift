// Trains a prefix on the embedded tables with the embedded model, writes it, and generates with it.
import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning

let model = try await LanguageModel.load(EmbeddedModel.folder(), for: .tuning)  // or any GPT-2 folder
var settings = TrainingSettings()  // the paper's; here a larger rate and few steps, for a model this small
settings.duration = .steps(100)
settings.learningRate = 5e-3
settings.batchSize = 16
let method = try await PrefixMethod(model: model, settings: .init(), seed: 1)
let trainer = try await Trainer(method, task: .jsonl, data: [EmbeddedModel.tables(.train)], settings: settings)
for try await step in trainer.steps() where step.number.isMultiple(of: 20) { print(step.number, step.tokenLoss) }
let prefix = try await method.prefix()
try prefix.write(to: FileManager.default.temporaryDirectory.appendingPathComponent("my-prefix"))  // PEFT reads it
let table = "name : Blue Anchor | type : hotel | rooms : 42\n"
for try await piece in try await model.generate(table, prefix: prefix) { print(piece, terminator: "") }
print()
