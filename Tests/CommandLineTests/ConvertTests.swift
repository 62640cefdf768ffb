import Foundation
import TestSupport
import Testing

/// `prefixtune convert` and `prefixtune inspect` on the forms of other programs (Tests/Goldens/dialects).
@Suite struct ConvertTests {
    private static let sizes = "layers=2,heads=4,head-width=8"

    private func golden(_ name: String) -> String {
        Fixtures.goldens.appendingPathComponent("dialects/\(name)").path
    }

    @Test func throughEveryFormAndBack() async throws {
        let workspace = try Workspace()
        var last = golden("rinna-rows.pt")
        for (target, output) in [
            ("peft", "a"), ("authors", "b"), ("cartridge", "c.pt"), ("prefixtune", "d"), ("rinna", "e.pt"),
            ("peft", "f"),
        ] {
            let result = try await Tool.run(
                ["convert", last, output, "--to", target, "--model", Self.sizes], in: workspace)
            #expect(result.code == 0 && result.output == "", "\(target): \(result.errors)")
            #expect(result.errors.hasSuffix(": 3 positions, written as \(target) to \(workspace[output].path)\n"))
            last = output
        }
        #expect(try workspace.snapshot("a") == workspace.snapshot("f"))
        // The sizes are in PEFT's folder.
        let known = try await Tool.run(["convert", "f", "g.pt", "--to", "rinna", "--quiet"], in: workspace)
        #expect(known.code == 0 && known.errors == "")
        #expect(try Data(contentsOf: workspace["g.pt"]) == Data(contentsOf: workspace["e.pt"]))
    }

    @Test func theModelsFolderNamesTheSizes() async throws {
        let workspace = try Workspace()
        try await workspace.makePrefix()
        for arguments in [
            ["convert", "prefix", "p.pt", "--to", "rinna"],
            ["convert", "p.pt", "again", "--model", "model"],
        ] {
            let result = try await Tool.run(arguments, in: workspace)
            #expect(result.code == 0, "\(result.errors)")
        }
        // The task goes from folder to folder; a file has no place for it, and an old one is not left beside the new prefix.
        #expect(!FileManager.default.fileExists(atPath: workspace["again/prefixtune_task.json"].path))
        for input in ["prefix", "p.pt"] {
            let copy = try await Tool.run(["convert", input, "copy", "--model", "model"], in: workspace)
            #expect(copy.code == 0, "\(copy.errors)")
            let record = try? workspace.text("copy/prefixtune_task.json")
            #expect(record == (input == "prefix" ? try workspace.text("prefix/prefixtune_task.json") : nil))
        }
        let scores = try await ["prefix", "again"].asyncMap { prefix in
            try await Tool.run(
                ["score", "--model", "model", "--prefix", prefix, "--data", "data.jsonl", "--threads", "1"],
                in: workspace
            ).output
        }
        #expect(scores[0] == scores[1] && !scores[0].isEmpty)
    }

    @Test func refusalsSayWhyAndWriteNothing() async throws {
        let workspace = try Workspace()
        let before = try workspace.snapshot()
        for (arguments, says) in [
            (
                ["rinna-rows.pt", "--to", "peft"],
                "does not say how many layers and heads its model has; name the model"
            ),
            (
                ["adapterhub-gpt2", "--to", "peft", "--model", Self.sizes],
                "cannot be written as peft: PEFT lets the text start at position 3, after the prefix, but this prefix was "
                    + "trained with text from position 0 on"
            ),
            (["peft-gqa", "--to", "adapterhub"], "cannot be written as adapterhub: AdapterHub lets the text start at"),
            (["peft-prompt", "--model", Self.sizes], "holds a soft prompt"),
            (["peft-gqa", "--model", Self.sizes], "2 layers with 2 key heads of width 8, but this one has"),
            (["lora-peft"], "an adapter of type LORA was found"),
            (["nowhere"], "there is no such file"),
        ] {
            let result = try await Tool.run(
                ["convert", golden(arguments[0]), "out"] + arguments.dropFirst(), in: workspace)
            #expect(result.code == 1 && result.output == "", "\(arguments)")
            #expect(result.errors.hasPrefix("Error: ") && result.errors.contains(says), "\(result.errors)")
            #expect(try workspace.snapshot() == before, "\(arguments)")
        }
        for bad in ["layers=2", "layers=2,heads=4,head-width=0", "layers=2,heads=4,head-width=8,x=1"] {
            let result = try await Tool.run(["convert", golden("peft-gqa"), "out", "--model", bad], in: workspace)
            #expect(result.code == 2, "\(bad): \(result.errors)")
        }
    }

    @Test func inspectNamesTheDialectAndItsConvention() async throws {
        let workspace = try Workspace()
        let unknown = "not recorded; only the model tells"
        for (name, heading, kind, positions, start) in [
            ("peft-gqa", "Prefix", "PREFIX_TUNING, as PEFT stores it", "3", "at position 3, after the prefix"),
            ("peft-early", "Prefix", "PREFIX_TUNING, as PEFT stores it", "4", "at position 4, after the prefix"),
            (
                "peft-seq2seq-2-2", "Prefix", "PREFIX_TUNING of an encoder–decoder model, as PEFT stores it", "3",
                "at position 3, after the prefix"
            ),
            ("peft-cartridge", "Prefix", "CARTRIDGE, as PEFT stores it", "5", "at position 5, after the prefix"),
            (
                "peft-prompt", "Soft prompt", "PROMPT_TUNING, as PEFT stores it: a soft prompt", "3",
                "at position 3, after the prefix"
            ),
            (
                "authors-mlp", "Prefix", "GPT-2 checkpoint of the paper's authors", "3",
                "at position 3, after the prefix"
            ),
            (
                "authors-flat", "Prefix", "GPT-2 checkpoint of the paper's authors", unknown,
                "at position n, after the prefix"
            ),
            (
                "authors-bart", "Prefix", "BART checkpoint of the paper's authors", "3",
                "at position 0, as without a prefix"
            ),
            ("adapterhub-bart", "Prefix", "AdapterHub's prefix_tuning", "3", "at position 0, as without a prefix"),
            ("rinna-rows.pt", "Prefix", "rinna's bare tensor", "3", "at position 3, after the prefix"),
            ("rinna-flat.pt", "Prefix", "rinna's bare tensor", unknown, "at position n, after the prefix"),
            (
                "cartridge-lists.pt", "Prefix", "cartridge of the Cartridges repository", "5",
                "at position 5, after the prefix"
            ),
        ] {
            let result = try await Tool.run(["inspect", golden(name)], in: workspace)
            #expect(result.code == 0, "\(name): \(result.errors)")
            let lines = result.output.split(separator: "\n").map(String.init)
            #expect(lines.first == heading, "\(name)")
            for (label, value) in [("kind", kind), ("positions", positions), ("text starts", start)] {
                let line = "  \(label)".padding(toLength: 18, withPad: " ", startingAt: 0) + value
                #expect(lines.contains(line), "\(name): \(result.output)")
            }
        }
        let sizes = try await Tool.run(["inspect", golden("cartridge-lists.pt")], in: workspace)
        #expect(sizes.output.contains("for a model of  2 layers with 2 key heads of width 8\n"))
        #expect(sizes.output.contains("parameters      320 (5 × 64)\n"))
        #expect(sizes.output.contains("frozen          the first 2 positions\n"))
        let network = try await Tool.run(["inspect", golden("authors-mlp")], in: workspace)
        #expect(network.output.contains("for a model of  \(unknown)\n"))
        #expect(network.output.contains("parameters      1,190 of an MLP that computes the prefix\n"))
        let adapter = try await Tool.run(["inspect", golden("lora-loralib.pt"), "--json"], in: workspace)
        let facts = try JSONSerialization.jsonObject(with: Data(adapter.output.utf8)) as? [String: [String: Any]]
        #expect(facts?["adapter"]?["kind"] as? String == "LORA")
        #expect(facts?["adapter"]?["matrices"] as? Int == 2)
    }
}

extension Sequence {
    /// One after the other.
    func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
