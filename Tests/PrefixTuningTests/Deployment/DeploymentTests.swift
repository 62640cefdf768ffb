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
            #expect(howTo.contains("--slot-save-path") && howTo.contains("\"prefix.bin\""))
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
                failure(CacheFileError.self) { _ = try PrefixFile(folder) }?.description
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
