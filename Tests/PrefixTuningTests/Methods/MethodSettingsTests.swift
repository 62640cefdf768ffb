import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

@testable import PrefixTuning

@Suite("Settings of a method") struct MethodSettingsTests {
    private static func settings(_ json: String) throws -> MethodSettings {
        try JSONDecoder().decode(MethodSettings.self, from: Data(json.utf8))
    }

    @Test("every property is a key, so that no file can lose one")
    func keys() {
        let properties = Mirror(reflecting: MethodSettings(.prefix)).children.compactMap(\.label)
        let snake = properties.map { $0.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" } }
        #expect(snake.sorted() == MethodSettings.CodingKeys.allCases.map(\.rawValue).sorted())
    }

    @Test("what is not set is not written, and a file with fewer keys says the same")
    func fewerKeys() throws {
        #expect(try Self.settings(#"{"method": "top-layers"}"#) == MethodSettings(.topLayers))
        #expect(
            String(decoding: try JSONEncoder().encode(MethodSettings(.topLayers)), as: UTF8.self)
                == #"{"method":"top-layers"}"#)
    }

    @Test(
        "what a prefix starts from is one text in a file",
        arguments: [
            (PrefixInitialization.random, "random"), (.words("table: to text"), "words:table: to text"),
            (.file(URL(fileURLWithPath: "/a/b.txt")), "file:/a/b.txt"),
            (.adapter(URL(fileURLWithPath: "/a/b")), "adapter:/a/b"),
        ])
    func initialization(value: PrefixInitialization, text: String) throws {
        var settings = MethodSettings(.prefix)
        settings.initialization = value
        let data = try JSONEncoder().encode(settings)
        let written = try JSONSerialization.jsonObject(with: data) as? [String: String]
        #expect(written == ["method": "prefix", "initialization": text])
        #expect(try JSONDecoder().decode(MethodSettings.self, from: data) == settings)
        // Where it is read, the working folder may be another.
        let relative = try #require(PrefixInitialization("file:a.txt"))
        let again = try JSONDecoder().decode(PrefixInitialization.self, from: JSONEncoder().encode(relative))
        #expect(again == relative)
    }

    @Test("other texts are refused", arguments: ["", "magic", "words", "words:", "random:", "file:", "adapter:"])
    func noInitialization(text: String) throws {
        #expect(PrefixInitialization(text) == nil)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(PrefixInitialization.self, from: JSONEncoder().encode(text))
        }
    }

    @Test("all that is set of training arrives, and nothing else changes")
    func training() throws {
        let task = TuningTask.e2e
        let given = try Self.settings(
            """
            {"method": "lora", "learning_rate": 0.5, "steps": 7, "batch_size": 3, "schedule": "cosine", "warmup": 2,
             "layer_decay": 0.9, "weight_decay": 0.01, "clip": 0, "reduction": "sum", "shuffles": false,
             "recompute": "layer", "tokens_per_pass": 99}
            """
        ).training(task)
        var expected = MethodSettings(.lora).training(task)
        expected.learningRate = 0.5
        expected.duration = .steps(7)
        expected.batchSize = 3
        expected.schedule = .cosine
        expected.warmupSteps = 2
        expected.layerDecay = 0.9
        expected.optimizer.weightDecay = 0.01
        expected.optimizer.clip = 0
        expected.reduction = .sum
        expected.shuffles = false
        expected.recomputation = .layer
        expected.tokensPerPass = 99
        #expect(given == expected && given != MethodSettings(.lora).training(task))
        #expect(try Self.settings(#"{"method": "prefix", "epochs": 2}"#).training(task).duration == .epochs(2))
    }

    @Test(
        "all that is set of a method arrives",
        arguments: [
            (
                #"{"method": "prefix", "length": 3, "hidden_width": 0, "prefix_dropout": 0.5, "text_position": "zero", "#
                    + #""attentions": ["decoder"], "model_dropout": 0.25, "attention_dropout": 0.125}"#,
                "length 3, flat, dropout 0.5, text zero, dropout in the model 0.25, on attention 0.125, before decoder"
            ),
            (#"{"method": "prefix"}"#, "length 5, MLP of width 512, dropout 0.0, text after-prefix"),
            (
                #"{"method": "prefix", "words": "a b"}"#,
                "length 4, MLP of width 512, dropout 0.0, text after-prefix"
            ),
            (
                #"{"method": "prefix", "initialization": "random", "words": "a b", "words_before_source": true}"#,
                "length 5, MLP of width 512, dropout 0.0, text after-prefix"
            ),
            (
                #"{"method": "infix", "length": 3, "hidden_width": 7, "prefix_dropout": 0.5}"#,
                "length 3, MLP of width 7, dropout 0.5"
            ),
            (#"{"method": "infix"}"#, "length 5, MLP of width 512, dropout 0.0"),
            (
                #"{"method": "prompt-tuning", "initialization": "words:a b"}"#, "length 4, hidden width default"
            ),
            (#"{"method": "p-tuning", "hidden_width": 8}"#, "length 5, hidden width 8"),
            (#"{"method": "embedding-only", "length": 2, "hidden_width": 0}"#, "length 2, hidden width 0"),
            (
                #"{"method": "fine-tune", "model_dropout": 0.25, "attention_dropout": 0.5}"#,
                "dropout 0.25, on attention 0.5"
            ),
            (
                #"{"method": "top-layers", "layers": 1, "embeddings": true, "model_dropout": 0}"#,
                "dropout 0.0, the last 1 layers and embeddings"
            ),
            (#"{"method": "top-layers", "model_dropout": 0}"#, "dropout 0.0, the last 2 layers"),
            (
                #"{"method": "adapter", "bottleneck": 3, "placement": "sublayers", "model_dropout": 0}"#,
                "bottleneck 3, sublayers, dropout in the model 0.0"
            ),
            (
                #"{"method": "adapter", "share": 0.1, "model_dropout": 0.5, "attention_dropout": 0}"#,
                "bottleneck 17, block, dropout in the model 0.5"
            ),
            (
                #"{"method": "lora", "rank": 2, "alpha": 3, "targets": ["c_fc", "lm_head"], "lora_dropout": 0.5, "#
                    + #""bias": "all", "dora": true, "modules": ["ln_f"], "model_dropout": 0, "attention_dropout": 0.25}"#,
                "rank 2, alpha 3.0, targets c_fc lm_head, dropout 0.5, in the model 0.0, on attention 0.25, with "
                    + "magnitudes, biases all, modules ln_f"
            ),
        ])
    @Compute func method(json: String, fingerprint: String) throws {
        Compute.threads = 1
        try withTrainingFolder { folder in
            try TinyModel.writeWorded(to: folder)
            let settings = try Self.settings(json)
            try settings.validate()
            let method = try settings.method(on: BaseModel(folder: folder), task: .e2e, seed: 1)
            #expect(method.fingerprint == fingerprint)
            #expect(method.name == settings.method.rawValue)
        }
    }

    @Test("the authors' prefixes for summaries are longer, wider inside, and trained with dropout")
    func summaries() {
        let settings = MethodSettings(.prefix).prefix(.xsum)
        #expect(settings.length == 100 && settings.hiddenWidth == 800 && settings.modelDropout == 0.1)
        var flat = MethodSettings(.prefix)
        (flat.hiddenWidth, flat.modelDropout) = (0, 0)
        #expect(flat.prefix(.xsum).hiddenWidth == nil && flat.prefix(.xsum).modelDropout == 0)
    }

    @Test(
        "what has no meaning with the method is refused, and named",
        arguments: [
            (#"{"method": "adapter", "rank": 2}"#, TrainingError.meaningless(setting: "rank", method: "adapter")),
            (#"{"method": "lora", "length": 2}"#, .meaningless(setting: "length", method: "lora")),
            (#"{"method": "prefix", "layers": 2}"#, .meaningless(setting: "layers", method: "prefix")),
            (
                #"{"method": "prompt-tuning", "hidden_width": 2}"#,
                .meaningless(setting: "hidden_width", method: "prompt-tuning")
            ),
            (#"{"method": "infix", "text_position": "zero"}"#, .meaningless(setting: "text_position", method: "infix")),
            (
                #"{"method": "p-tuning", "model_dropout": 0}"#,
                .meaningless(setting: "model_dropout", method: "p-tuning")
            ),
            (#"{"method": "fine-tune", "words": "a"}"#, .meaningless(setting: "words", method: "fine-tune")),
            (
                #"{"method": "infix", "initialization": "words:a"}"#,
                .cannotStart(method: "infix", from: "random values or adapter:DIR")
            ),
            (
                #"{"method": "p-tuning", "initialization": "adapter:a"}"#,
                .cannotStart(method: "p-tuning", from: "random values")
            ),
            (#"{"method": "adapter", "freeze": "lora_A"}"#, .meaningless(setting: "freeze", method: "adapter")),
            (
                #"{"method": "fine-tune", "initialization": "random"}"#,
                .cannotStart(method: "fine-tune", from: "the model's own weights or those of adapter:DIR")
            ),
        ])
    func meaningless(json: String, error: TrainingError) throws {
        let settings = try Self.settings(json)
        #expect(failure(TrainingError.self) { try settings.validate() } == error)
    }

    @Test(
        "and what has one is not",
        arguments: [
            #"{"method": "fine-tune", "words": "a", "words_before_source": true}"#,
            #"{"method": "prompt-tuning", "words": "a"}"#, #"{"method": "embedding-only", "initialization": "random"}"#,
            #"{"method": "prefix", "initialization": "file:a"}"#, #"{"method": "lora", "initialization": "adapter:a"}"#,
            #"{"method": "prompt-tuning", "initialization": "adapter:a"}"#,
            #"{"method": "top-layers", "proximal": 0.1}"#,
        ])
    func meaningful(json: String) throws { try Self.settings(json).validate() }

    @Test("a number that is none is left to what takes it, which says more of it")
    func notANumber() throws {
        var settings = MethodSettings(.lora)
        (settings.clip, settings.weightDecay, settings.alpha) = (.nan, .infinity, -.infinity)
        try settings.validate()
    }
}
