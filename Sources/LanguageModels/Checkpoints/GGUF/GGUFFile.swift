import Foundation
import Synchronization
import Tokenizers

/// A model in one file of the GGUF format, as llama.cpp, Ollama and LM Studio use it, or in the files that one was split into.
///
/// ```swift
/// let model = try LanguageModel.load(GGUFFile(URL(fileURLWithPath: "SmolLM2-135M-Instruct.Q4_1.gguf")), precision: .stored)
/// ```
///
/// Metadata becomes what `config.json` would say, and tensors get the names, shapes and orders of `transformers`: a prefix that was
/// trained on one form of a model goes with the other.
public struct GGUFFile: ModelFiles {
    /// The first file.
    public let url: URL
    let metadata: GGUFMetadata
    /// Of all files.
    private let parts: [(mapping: MappedFile, header: GGUFHeader)]
    let memory = Memory()

    /// What was read of the file, and is asked for again.
    final class Memory: Sendable {
        let vocabulary = Mutex<GGUFVocabulary?>(nil)
    }

    /// Maps the file, or all files of a set, and checks the headers.
    ///
    /// - Parameter url: The file, or the first of a set: `…-00001-of-00003.gguf`.
    /// - Throws: ``CheckpointError`` where a file cannot be read, is damaged or holds a type of tensor that cannot be read.
    public init(_ url: URL) throws {
        self.url = url
        let first = try Self.open(url), metadata = GGUFMetadata(first.header, first.mapping)
        self.metadata = metadata
        let count = try metadata.integer("split.count") ?? 1
        guard (1...1 << 16).contains(count) else { throw metadata.invalid("split.count", "\(count) files cannot be") }
        guard count > 1 else {
            parts = [first]
            return
        }
        let number = try metadata.integer("split.no") ?? 0
        let names = try Self.names(of: url, count: count, metadata)
        guard number == 0 else {
            throw metadata.invalid("split.no", "this is file \(number + 1) of \(count); give the first: \(names[0])")
        }
        parts =
            [first]
            + (try (1..<count).map { index in
                let part = try Self.open(url.deletingLastPathComponent().appendingPathComponent(names[index]))
                let its = GGUFMetadata(part.header, part.mapping)
                let (found, of) = (try its.integer("split.no"), try its.integer("split.count"))
                guard found == index, of == count else {
                    throw its.invalid(
                        "split.no",
                        "file \(index) of \(count), counted from 0, is needed, but this is \(found ?? 0) of \(of ?? 1)")
                }
                return part
            })
    }

    /// Whether a file begins as this format does.
    public static func isRecognized(_ file: URL) -> Bool {
        guard let mapping = try? MappedFile(file) else { return false }
        return withExtendedLifetime(mapping) { mapping.bytes.starts(with: GGUFHeader.magic) }
    }

    /// The only GGUF file of a folder, or the first of its only set; nil where it has none.
    ///
    /// - Throws: ``CheckpointError/unreadable(file:reason:)`` where nobody knows which of several is meant.
    static func only(in folder: URL) throws -> URL? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let files = names.filter {
            $0.hasSuffix(".gguf") && !$0.hasPrefix("mmproj") && !$0.contains(/-(?!00001)\d{5}-of-\d{5}\.gguf$/)
        }.sorted()
        guard files.count <= 1 else {
            throw CheckpointError.unreadable(
                file: folder.path,
                reason:
                    "it holds several models (\(files.prefix(4).joined(separator: ", "))\(files.count > 4 ? ", …" : "")); give the "
                    + "file of one")
        }
        return files.first.map { folder.appendingPathComponent($0) }
    }

    private static func open(_ url: URL) throws -> (mapping: MappedFile, header: GGUFHeader) {
        let mapping = try MappedFile(url)
        return (mapping, try GGUFHeader(mapping.bytes, file: mapping.path))
    }

    /// The names of the files of a set.
    private static func names(of url: URL, count: Int, _ metadata: GGUFMetadata) throws -> [String] {
        let name = url.lastPathComponent
        guard let match = name.wholeMatch(of: /(.*)-(\d{5})-of-(\d{5})\.gguf/), Int(match.3) == count else {
            throw metadata.invalid(
                "split.count",
                "it is one of \(count) files, which are to be called …-00001-of-\(Self.padded(count)).gguf, but this is \(name)"
            )
        }
        return (1...count).map { "\(match.1)-\(padded($0))-of-\(padded(count)).gguf" }
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    // MARK: The files of a model

    /// The path of the file.
    public var name: String { url.path }

    /// What the makers call the model (`general.name`); nil where they do not.
    public var title: String? { get throws { try metadata.text("general.name") } }

    /// The architecture, as the file names it.
    public var architecture: String {
        get throws {
            guard let name = try metadata.text("general.architecture") else {
                throw metadata.invalid("general.architecture", "the key is missing: it is no file of a model")
            }
            return name
        }
    }

    /// Whether some matrix is stored as integers.
    public var holdsIntegers: Bool {
        parts.contains { $0.header.tensors.values.contains { $0.type.elementsTogether > 1 } }
    }

    /// The shape of a tensor under the file's own name; nil where there is none.
    func shape(ofTensor name: String) -> [Int]? { parts.lazy.compactMap { $0.header.tensors[name]?.shape }.first }

    /// A short vector under the file's own name, as 32-bit floats; nil where there is none.
    ///
    /// - Throws: ``CheckpointError`` where it has another length, or holds what is no number.
    func floats(ofTensor name: String, count: Int) throws -> [Float]? {
        let source = tensorsAsStored
        guard let shape = source.shape(of: name) else { return nil }
        guard shape == [count] else {
            throw CheckpointError.wrongShape(file: source.file(of: name), key: name, expected: [count], found: shape)
        }
        return try CheckpointReader(source).read(name, shape: shape)
    }

    /// What `config.json` would say.
    ///
    /// - Throws: ``CheckpointError/invalidConfiguration(file:path:reason:)``, which names the key of this file.
    public var configuration: any ModelConfiguration {
        get throws {
            let form = try form
            do {
                return try ModelConfigurationFile.read(settings(form))
            } catch CheckpointError.invalidConfiguration(let file, let path, let reason) {
                // What the file calls it, where it says it.
                let key = form.keys[path].map { "\(form.architecture).\($0)" } ?? path
                throw CheckpointError.invalidConfiguration(file: file, path: key, reason: reason)
            }
        }
    }

    /// What the file says of the tokens that end and begin a text.
    public var conventions: GenerationConventions {
        get throws { try GenerationConventions(configuration, settings(form), generation: nil) }
    }

    /// The tokenizer of the metadata.
    public var tokenizer: Tokenizer { get throws { try Tokenizer(gguf: vocabulary, file: url.path) } }

    /// What a conversation is written with (`tokenizer.chat_template`; others by name, `tokenizer.chat_template.NAME`, of those that
    /// `tokenizer.chat_templates` lists).
    public var chatTemplates: [String: String] {
        get throws {
            let key = "tokenizer.chat_template"
            var templates = [String: String]()
            templates["default"] = try metadata.text(key)
            for name in try metadata.texts("\(key)s") ?? [] {
                let name = String(decoding: name, as: UTF8.self)
                if templates[name] == nil { templates[name] = try metadata.text("\(key).\(name)") }
            }
            return templates
        }
    }

    /// The weights.
    public var tensors: any TensorSource {
        get throws { try GGUFTensors(parts, form: form, of: configuration) }
    }

    /// The weights under the file's own names and as they lie there: what ``tensors`` makes those of the model of. No configuration need
    /// be valid for them.
    package var tensorsAsStored: any TensorSource { GGUFTensors(parts) }

    /// Nothing: types that cannot be read were refused when the file was opened.
    public func checkStorage() {}

    private var form: GGUFForm {
        get throws {
            let name = try architecture, known = ModelConfigurationFile.architectures.compactMap(\.gguf)
            guard let form = known.first(where: { $0.architecture == name }) else {
                throw metadata.invalid(
                    "general.architecture",
                    "the architecture is \"\(name)\", but only \(known.map(\.architecture).joined(separator: ", ")) can be "
                        + "read from a GGUF file; the model's folder may do, as the hub has it")
            }
            return form.variant(self) ?? form
        }
    }

    /// The metadata under the keys of `config.json`.
    private func settings(_ form: GGUFForm) throws -> ConfigurationReader {
        for key in form.required.sorted().map({ "\(form.architecture).\($0)" }) where !metadata.has(key) {
            throw metadata.invalid(key, "the key is missing")
        }
        var values: [String: JSONValue] = [:]
        for (ours, theirs) in form.keys {
            values[ours] = try metadata.json("\(form.architecture).\(theirs)")
        }
        let name = "token_embd.weight"
        guard let table = shape(ofTensor: name) else {
            throw CheckpointError.missingTensor(file: url.path, key: name, similar: [])
        }
        guard table.count == 2 else {
            throw CheckpointError.malformedTensor(
                file: url.path, key: name, problem: "its shape is \(table), where rows of tokens belong")
        }
        values["vocab_size"] = .number(Double(table[0]))
        values["tie_word_embeddings"] = .bool(shape(ofTensor: "output.weight") == nil)
        let vocabulary = try vocabulary, ends = vocabulary.endTokens()
        if !ends.isEmpty { values["eos_token_id"] = .array(ends.map { .number(Double($0)) }) }
        if let begin = vocabulary.beginToken { values["bos_token_id"] = .number(Double(begin)) }
        try form.complete(&values, self)
        return try ConfigurationReader(values: values, file: url.path)
    }
}
