import ArgumentParser
import Foundation
import Hub
import LanguageModels
import PrefixTuning
import Tensors

/// Says what a folder holds.
struct Inspect: ComputeCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a model, an adapter or a training run is.",
        discussion: """
            Architecture, shapes, parameters and conventions of a model or an adapter; progress and losses of a training \
            run. Headers are read and checked; a prefix is read whole where its file names the sizes of its model. \
            Prefixes may be of PEFT, the paper's authors, rinna, AdapterHub or the Cartridges repository, in a folder or \
            a single file.

            EXAMPLE
              prefixtune inspect e2e-prefix
            """)

    @Argument(
        help: """
            The folder, a GGUF file, the file of a prefix or LoRA adapter, org/name[@revision] on the hub, or embedded.
            """)
    var folder: ModelName
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup(title: "General") var common: CommonOptions

    @Compute func compute() async throws {
        let place =
            switch folder {
            case .embedded: try await folder.located(quiet: common.quiet)
            // An adapter, too.
            case .reference(let reference): try await reference.located(quiet: common.quiet)
            }
        let report = try FolderReport(place)
        let text = json ? try JSONText.document(report) : report.description + "\n"
        try ResultOutput.write(to: nil) { write in try write(text) }
    }
}

/// What a folder holds: a fine-tuning run, for instance, is a model and a run.
struct FolderReport: Encodable {
    let model: ModelFacts?
    let adapter: AdapterFacts?
    /// What the adapter or model was trained to answer.
    let prompts: TaskRecord?
    let run: RunFacts?

    @Compute init(_ folder: URL) throws {
        func has(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
            throw CommandError.unknownFolder(path: folder.path, reason: "does not exist")
        }
        guard isFolder.boolValue else {
            guard try !holdsModel(at: folder) else {
                (model, adapter, run, prompts) = (try ModelFacts(folder), nil, nil, nil)
                return
            }
            guard PrefixFile.canHoldTensors(folder) else {
                throw CommandError.unknownFolder(path: folder.path, reason: "is a file, not a folder")
            }
            adapter = try AdapterFacts(folder)
            (model, run) = (nil, nil)
            prompts = try TaskRecord.read(from: [folder])
            return
        }
        let isModel = try holdsModel(at: folder)
        let isAdapter = has("adapter_config.json") || has("adapter_model.safetensors")
        // The authors' checkpoints are called like a model's.
        let isCheckpoint = !isAdapter && PrefixFile.isCheckpoint(in: folder)
        adapter = isAdapter || isCheckpoint ? try AdapterFacts(folder) : nil
        model = isModel && !isCheckpoint ? try ModelFacts(folder) : nil
        prompts = try TaskRecord.read(from: [folder])
        run = has("training-state/state.safetensors") || has("summary.json") ? try RunFacts(folder) : nil
        guard adapter != nil || model != nil || run != nil else {
            throw CommandError.unknownFolder(path: folder.path, reason: "holds no model, adapter or training run")
        }
    }
}

extension FolderReport: CustomStringConvertible {
    var description: String {
        let parts: [(String, [(String, String)])?] = [
            model.map { ("Model", $0.lines) }, adapter.map { ($0.heading, $0.lines) },
            prompts.map { ("Prompts", $0.lines) },
            run.map { ("Training run", $0.lines) },
        ]
        return parts.compactMap { part -> String? in
            guard let (title, lines) = part else { return nil }
            let width = lines.reduce(0) { max($0, $1.0.count) }
            return
                ([title] + lines.map { "  " + $0.0.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.1 })
                .joined(separator: "\n")
        }.joined(separator: "\n\n")
    }
}

extension TaskRecord {
    /// For people.
    fileprivate var lines: [(String, String)] {
        let rows: [(String, String?)] = [
            ("task", task), ("template", promptTemplate), ("prompt", promptField), ("completion", completionField),
            ("all end with", promptEnding.map { TerminalText.quoted($0) }),
            ("source tokens", maxSourceTokens.map { "\($0) at most" }),
            ("target tokens", maxTargetTokens.map { "\($0) at most" }),
        ]
        return rows.compactMap { row in row.1.map { (row.0, TerminalText.withoutControls($0)) } }
    }
}

/// Numbers for people.
enum Readable {
    /// 1234567 → "1,234,567".
    static func count(_ number: Int) -> String {
        var text = "", digits = 0
        for digit in String(number.magnitude).reversed() {
            if digits > 0, digits % 3 == 0 { text = "," + text }
            text = String(digit) + text
            digits += 1
        }
        return (number < 0 ? "-" : "") + text
    }

    /// 1234567 → "1.2 MB".
    static func bytes(_ number: Int) -> String {
        var value = Double(number), unit = 0
        let units = ["bytes", "kB", "MB", "GB", "TB"]
        while value >= 1000, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
        return unit == 0 ? "\(number) bytes" : String(format: "%.1f %@", value, units[unit])
    }

    /// The size of a file; 0 where it is not there.
    static func size(of file: URL) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int) ?? 0
    }
}
