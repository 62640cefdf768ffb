import Foundation
import LanguageModels
import PrefixExperiments
import PrefixTuning
import TestSupport
import Tokenizers

/// A folder of one test, with a tiny model and some data; gone with the test.
final class Workspace: Sendable {
    let folder: URL
    /// What the tool prints, outside of what tests compare.
    private let logs: URL

    init() throws {
        // Resolved: messages name resolved paths.
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appendingPathComponent("prefixtune-\(UUID().uuidString)")
        logs = folder.appendingPathExtension("logs")
        for folder in [folder, logs] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(at: try Self.model.get(), to: self["model"])
        try write(Self.data, to: "data.jsonl")
    }

    deinit { for folder in [folder, logs] { try? FileManager.default.removeItem(at: folder) } }

    /// A path inside.
    subscript(name: String) -> URL { folder.appendingPathComponent(name) }

    /// A path for the tool's output.
    func unusedLog(_ name: String) -> URL { logs.appendingPathComponent("\(name)-\(UUID().uuidString)") }

    func write(_ text: String, to name: String) throws { try Data(text.utf8).write(to: self[name]) }

    func text(_ name: String) throws -> String { String(decoding: try Data(contentsOf: self[name]), as: UTF8.self) }

    /// Every file below with its contents: equal before and after where nothing was changed.
    func snapshot(_ name: String = "") throws -> [String: Data] {
        let root = name.isEmpty ? folder : self[name]
        var files: [String: Data] = [:]
        for path in FileManager.default.subpaths(atPath: root.path) ?? [] {
            let file = root.appendingPathComponent(path)
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder) else { continue }
            files[path] = isFolder.boolValue ? Data() : try Data(contentsOf: file)
        }
        return files
    }

    /// Six examples of three prompts.
    static let data = """
        {"prompt": "the cat", "completion": " sat on the mat."}
        {"prompt": "a dog", "completion": " ran."}
        {"prompt": "name : X", "references": ["The X pub.", "X is a pub ."]}
        {"prompt": "the river", "completion": " is long and 98 miles wide"}

        """.replacingOccurrences(of: "\n\n", with: "\n")

    /// A model of random weights, made once.
    private static let model: Result<URL, any Error> = Result {
        try makeModel(layers: 2, in: modelFolder)
        atexit { try? FileManager.default.removeItem(at: Workspace.modelFolder) }
        return modelFolder
    }

    private static let modelFolder = FileManager.default.temporaryDirectory
        .appendingPathComponent("prefixtune-model-\(UUID().uuidString)")

    /// Writes a model folder whose vocabulary is that of the tokenizer goldens.
    static func makeModel(layers: Int, in folder: URL) throws {
        let tokenizer = try Tokenizer(folder: Fixtures.goldens.appendingPathComponent("tokenizers/plain"))
        var configuration = GPT2Configuration()
        configuration.vocabularySize = tokenizer.vocabularySize
        configuration.width = 48
        configuration.layerCount = layers
        configuration.headCount = 6
        configuration.positionCount = 64
        configuration.endTokens = [tokenizer.endOfText].compactMap(\.self)
        configuration.beginToken = tokenizer.endOfText
        let weights = try StructuredInitialization(
            .init(
                vocabularySize: configuration.vocabularySize, width: configuration.width, layers: layers,
                heads: configuration.headCount, positions: configuration.positionCount, seed: 7)
        ).weights()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var writer = SafetensorsWriter()
        for (name, weight) in weights.sorted(by: { $0.key < $1.key }) {
            writer.add(name, shape: weight.shape, values: weight.values)
        }
        try writer.write(to: folder.appendingPathComponent("model.safetensors"))
        try configuration.write(to: folder.appendingPathComponent("config.json"))
        try tokenizer.write(to: folder)
    }
}

extension Workspace {
    /// Arguments of a short training run.
    func train(_ output: String, steps: Int = 4, _ more: String...) -> [String] {
        [
            "train", "--model", "model", "--data", "data.jsonl", "--output", output, "--steps", "\(steps)",
            "--batch-size",
            "2", "--prefix-length", "3", "--reparametrization", "16", "--learning-rate", "0.01", "--threads", "1",
        ] + more
    }

    /// Trains a small prefix into `prefix`.
    func makePrefix() async throws {
        let result = try await Tool.run(train("prefix"), in: self)
        guard result.code == 0 else { throw Tool.NotBuilt(searched: [result.errors]) }
    }
}
