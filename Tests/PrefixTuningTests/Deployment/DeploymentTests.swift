import Foundation
import LanguageModels
import PrefixTuning
import Tensors
import TestSupport
import Testing
import Tokenizers

/// The folder that a prefix is given to a server in.
@Suite("Deployments of prefixes") @Compute struct DeploymentTests {
    private func model(_ name: String) throws -> LanguageModel {
        Compute.threads = 1
        return try LanguageModel.load(
            GGUFFile(Fixtures.goldens.appendingPathComponent("gguf/\(name).gguf")), name: name)
    }

    private func options() -> Deployment.Options {
        var options = Deployment.Options()
        options.prompts = ["ab", "the cat", "b"]
        return options
    }

    @Test(
        "files, placeholders that stay themselves, and a canary of our own answers",
        arguments: ["llama", "qwen3", "gpt2"])
    func folder(_ name: String) throws {
        let model = try model(name), prefix = try DeploymentGolden.prefix(ServedModel(model.configuration))
        var options = options()
        options.chatTemplate = "{{ messages[0].content }}"
        let deployment = try Deployment(prefix, on: model, as: .llamaSlot, options: options), facts = deployment.facts
        #expect(facts.length == 3 && facts.placeholders.count == 3 && Set(facts.placeholders).count == 3)
        for tail in ["", "a", " the", "\n"] {
            #expect(try model.tokenizer.encode(facts.placeholderText + tail).starts(with: facts.placeholders))
        }
        #expect(facts.answerTokens.count == facts.margins.count && facts.margins.allSatisfy { $0 >= 0 })
        // The canary is what the engine answers with the prefix as the cache holds it.
        var rounded = prefix
        rounded.values = prefix.values.map { Float(Float16($0)) }
        let answers = try Generator(model.network, tokenizer: model.tokenizer).generate(
            [facts.promptTokens], after: try rounded.keyValues(for: model.network.shape),
            options: DecodingOptions(maxNewTokens: 16, endTokens: model.conventions.endTokens))
        #expect(answers.first?.tokenIds == facts.answerTokens)
        try withTrainingFolder { folder in
            let (once, again) = (folder.appendingPathComponent("served"), folder.appendingPathComponent("again"))
            try deployment.write(to: once)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: once.path).sorted()
                    == ["HOWTO.md", "canary.json", "chat_template.jinja", "prefix.bin"])
            #expect(try DeploymentFacts(folder: once) == facts)
            let template = try String(contentsOf: once.appendingPathComponent("chat_template.jinja"), encoding: .utf8)
            #expect(template == facts.placeholderText + "{{ messages[0].content }}")
            let howTo = try String(contentsOf: once.appendingPathComponent("HOWTO.md"), encoding: .utf8)
            #expect(howTo.contains("--slot-save-path FOLDER/ -np 1 --cache-ram 0"))
            #expect(
                howTo.contains(
                    "`curl 'http://127.0.0.1:8080/slots/0?action=restore' -d '{\"filename\": \"prefix.bin\"}'`"))
            // The folder is a prefix again, and becomes the same folder, placeholders included.
            let file = try PrefixFile(once)
            #expect(file.dialect == .llamaSlot && file.length == 3)
            try Deployment(try file.prefix(for: model), on: model, as: .llamaSlot, options: options).write(to: again)
            for name in try FileManager.default.contentsOfDirectory(atPath: once.path) {
                #expect(
                    FileManager.default.contentsEqual(
                        atPath: once.appendingPathComponent(name).path, andPath: again.appendingPathComponent(name).path
                    ),
                    "\(name)")
            }
        }
    }

    @Test("another prefix has other placeholders, and those of the user are checked")
    func placeholders() throws {
        let model = try model("llama"), prefix = try DeploymentGolden.prefix(ServedModel(model.configuration))
        var other = prefix
        other.values[0] += 1
        let one = try Deployment(prefix, on: model, as: .llamaSlot, options: options())
        let two = try Deployment(other, on: model, as: .llamaSlot, options: options())
        #expect(one.facts.placeholders != two.facts.placeholders)
        var options = options()
        options.placeholders = one.facts.placeholders
        #expect(
            try Deployment(other, on: model, as: .llamaSlot, options: options).facts.placeholders
                == one.facts.placeholders)
        options.placeholders = [1]
        #expect(
            failure(CacheFileError.self) { _ = try Deployment(other, on: model, as: .llamaSlot, options: options) }
                == .placeholderCount(found: 1, needed: 3))
        options.placeholders = [9999, 1, 2]
        let error = failure(CacheFileError.self) {
            _ = try Deployment(other, on: model, as: .llamaSlot, options: options)
        }
        #expect(error?.description.hasPrefix("the placeholders 9999,1,2 are \"") == true)
        #expect(error?.description.hasSuffix("choose tokens that stay as they are") == true)
    }

    @Test("whatever follows the placeholders, they stay as they are", arguments: ["llama", "qwen3", "gpt2"])
    func sealed(_ name: String) throws {
        let model = try model(name), tokenizer = model.tokenizer
        let tails = (0..<Int32(tokenizer.vocabularySize)).map {
            String(decoding: tokenizer.bytes(of: $0), as: UTF8.self)
        }
        for seed in 0..<100 as Range<UInt64> {
            let placeholders = try Placeholders(count: 3, of: model, template: nil, seed: seed)
            for tail in tails {
                #expect(
                    try tokenizer.encode(placeholders.text + tail).starts(with: placeholders.tokens), "\(seed) \(tail)")
            }
        }
        // A and B are tokens, and so is AB.
        let begin = tokenizer.specialTokensAround.before
        let open = try begin + ["C", "A"].map { try #require(tokenizer.id(of: $0)) }
        #expect(
            failure(CacheFileError.self) { _ = try Placeholders(open, count: open.count, tokenizer: tokenizer) }
                == open.last.map { .openPlaceholder($0, text: "A") })
    }

    @Test("the canary is the prompt whose answer tells most safely, and one that fits where few do")
    func canaries() throws {
        let model = try model("gpt2"), prefix = try DeploymentGolden.prefix(ServedModel(model.configuration))
        func facts(_ prompts: [String]) throws -> DeploymentFacts {
            var options = Deployment.Options()
            options.prompts = prompts
            return try Deployment(prefix, on: model, as: .llamaSlot, options: options).facts
        }
        func safety(_ facts: DeploymentFacts) -> Float {
            let shared = zip(facts.answerTokens, facts.answerToPlaceholders).prefix { $0 == $1 }.count
            return shared < facts.answerTokens.count ? facts.margins.prefix(shared + 1).min() ?? -1 : -1
        }
        let prompts = ["B", "C D", "EFG", "AB!", "123", "Q"], each = try prompts.map { try safety(facts([$0])) }
        #expect(Set(each).count > 1)
        let best = try facts(prompts)
        #expect(best.prompt == prompts[each.indices.max { each[$0] < each[$1] } ?? 0])
        #expect(best.tellsApart == (safety(best) > best.tolerance))
        let long = String(repeating: "C", count: 60), short = String(repeating: "D", count: 40)
        let fitting = try facts([long, short])
        #expect(fitting.prompt == short && (1...5).contains(fitting.answerTokens.count))
    }

    @Test("a session's canary begins with its anchor")
    func anchored() throws {
        let model = try model("qwen3"), prefix = try DeploymentGolden.prefix(ServedModel(model.configuration))
        var options = Deployment.Options()
        options.anchor = "B"
        for (prompts, chosen) in [(["CD", "BE", "D"], "BE"), (["CD", "D"], "B")] {
            options.prompts = prompts
            let deployment = try Deployment(prefix, on: model, as: .llamaSession, options: options)
            #expect(deployment.facts.prompt == chosen)
            try withTrainingFolder { folder in
                try deployment.write(to: folder)
                let howTo = try String(contentsOf: folder.appendingPathComponent("HOWTO.md"), encoding: .utf8)
                #expect(howTo.contains(" --temp 0 ") && howTo.contains("The prompt of canary.json: `\(chosen)`"))
            }
        }
    }

    @Test("files that are not of a deployment are not replaced, and none of an earlier one is left to mislead")
    func places() throws {
        let model = try model("llama"), prefix = try DeploymentGolden.prefix(ServedModel(model.configuration))
        var options = options()
        options.chatTemplate = "{{ messages[0].content }}"
        let slot = try Deployment(prefix, on: model, as: .llamaSlot, options: options)
        for (name, reason) in [
            ("chat_template.jinja", "is a chat template that was not written with a prefix"),
            ("HOWTO.md", "is a text that was not written with a prefix"),
            ("adapter_config.json", "is of another adapter, which would be read in place of the prefix"),
        ] {
            try withTrainingFolder { folder in
                let file = folder.appendingPathComponent(name)
                try Data("mine".utf8).write(to: file)
                let error = failure(CacheFileError.self) { try slot.write(to: folder) }
                #expect(error?.description == "\(file.path) \(reason); choose another folder")
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [name])
                #expect(try Data(contentsOf: file) == Data("mine".utf8))
            }
        }
        try withTrainingFolder { folder in
            func names() throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            }
            try slot.write(to: folder)
            // Broken off before canary.json: the rest is known as ours.
            try FileManager.default.removeItem(at: folder.appendingPathComponent("canary.json"))
            try slot.write(to: folder)
            var other = prefix
            other.values[0] += 1
            try Deployment(other, on: model, as: .llamaSlot, options: options).write(to: folder)
            #expect(try names() == ["HOWTO.md", "canary.json", "chat_template.jinja", "prefix.bin"])
            try Deployment(prefix, on: model, as: .mlx, options: options).write(to: folder)
            #expect(try names() == ["HOWTO.md", "canary.json", "prefix.bin", "prompt_cache.safetensors"])
        }
        // Somebody else's canary.json beside a checkpoint.
        try withTrainingFolder { folder in
            let checkpoint = folder.appendingPathComponent("checkpoint")
            try FileManager.default.copyItem(
                at: Fixtures.goldens.appendingPathComponent("dialects/authors-mlp"), to: checkpoint)
            let known = try PrefixFile(checkpoint).dialect
            try Data("{\"bird\": 1}".utf8).write(to: checkpoint.appendingPathComponent("canary.json"))
            #expect(try PrefixFile(checkpoint).dialect == known)
        }
    }

    @Test("a session ends with what every prompt begins with, and a token that never follows")
    func session() throws {
        let model = try model("qwen3"), prefix = try DeploymentGolden.prefix(ServedModel(model.configuration))
        var options = options()
        for anchor in [nil, "b", "ab"] {
            options.anchor = anchor
            options.prompts = [anchor ?? "b"]
            try withTrainingFolder { folder in
                let deployment = try Deployment(prefix, on: model, as: .llamaSession, options: options)
                try deployment.write(to: folder)
                let state = try LlamaCppState(folder.appendingPathComponent("session.bin"))
                #expect(state.architecture == "qwen3" && state.tokens.count == 5 && state.length == 3)
                #expect(state.tokens[3] == deployment.facts.promptTokens.first && state.tokens[4] != state.tokens[3])
            }
        }
    }

    @Test("folders that are none, or are for another program")
    func foreign() throws {
        let send: DeploymentCheck.Send = { _, _, _ in (404, Data()) }
        try withTrainingFolder { folder in
            #expect(
                failure(CacheFileError.self) { _ = try DeploymentCheck(folder: folder, slot: 0, send: send) }?
                    .description
                    == "\(folder.path) holds no prefix for a server: it has no canary.json; write the prefix as llama-slot"
            )
            try Data("{}".utf8).write(to: folder.appendingPathComponent("canary.json"))
            #expect(
                failure(CacheFileError.self) { _ = try DeploymentCheck(folder: folder, slot: 0, send: send) }?
                    .description
                    == "\(folder.path) holds no prefix for a server: its canary.json is not what belongs there; write the prefix as llama-slot"
            )
            let model = try model("llama")
            try Deployment(
                DeploymentGolden.prefix(ServedModel(model.configuration)), on: model, as: .mlx, options: options()
            ).write(to: folder)
            #expect(try PrefixFile(folder).dialect == .mlx)
            #expect(
                failure(CacheFileError.self) { _ = try DeploymentCheck(folder: folder, slot: 0, send: send) }?
                    .description
                    == "\(folder.path) was written as mlx, which llama-server does not read; write the prefix as llama-slot"
            )
        }
    }
}
