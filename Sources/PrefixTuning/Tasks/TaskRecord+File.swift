import Foundation
import LanguageModels

extension TaskRecord {
    /// Writes the file, unless it is there as it should be.
    ///
    /// - Parameter folder: Of the adapter or model; made where there is none.
    /// - Throws: `CheckpointError` where it cannot be written; what stood there before is then unchanged.
    public func write(to folder: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let contents = try encoder.encode(self) + [UInt8(ascii: "\n")]
        let file = folder.appendingPathComponent(Self.fileName)
        if (try? Data(contentsOf: file)) == contents { return }
        try ModelFolder.makeFolder(folder)
        try AtomicFile.write(contents, to: file)
    }

    /// Lets a folder of an adapter say what the adapter answers, or, where that is not known, nothing: not what an adapter answered
    /// that stood there before.
    ///
    /// - Throws: `CheckpointError` where it cannot be written or removed.
    public static func write(_ record: TaskRecord?, to folder: URL) throws {
        if let record { return try record.write(to: folder) }
        let file = folder.appendingPathComponent(fileName)
        guard unlink(file.path) != 0, errno != ENOENT, errno != ENOTDIR else { return }
        throw AtomicFile.failure(errno, writing: file.path)
    }

    /// What several adapters, which are used together, were trained to answer.
    ///
    /// - Parameter urls: Folders of adapters or models, or files in them.
    /// - Returns: What those record that record anything; nil where none does. White space at the end of prompts is left out
    ///   where they differ in nothing else.
    /// - Throws: ``TaskRecordError``.
    public static func read(from urls: [URL]) throws -> TaskRecord? {
        var found: (record: TaskRecord, url: URL)?
        for url in urls {
            guard var record = try read(url) else { continue }
            if let found, found.record != record {
                record.promptEnding = found.record.promptEnding
                guard record == found.record else { throw TaskRecordError.differ(found.url.path, url.path) }
                record.promptEnding = nil
            }
            found = (record, url)
        }
        return found?.record
    }

    private static func read(_ url: URL) throws -> TaskRecord? {
        let file = PrefixPlace(url).url.appendingPathComponent(fileName)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        do {
            let record = try JSONDecoder().decode(Self.self, from: Data(contentsOf: file))
            if let template = record.promptTemplate { _ = try PromptTemplate(template) }
            return record
        } catch let error as PromptTemplateError {
            throw TaskRecordError.badFile(file.path, reason: "\(error)")
        } catch {
            throw TaskRecordError.badFile(
                file.path,
                reason:
                    "it does not say which task the adapter was trained on; remove it, or write {\"task\": \"jsonl\"}")
        }
    }
}

extension AdaptedModel.Files {
    /// What the adapters were trained to answer, or, where none records it, the model; nil where that neither does.
    ///
    /// - Throws: ``TaskRecordError``.
    public var taskRecord: TaskRecord? {
        get throws {
            try TaskRecord.read(from: [lora?.url, adapter, prefix].compactMap(\.self))
                ?? TaskRecord.read(from: [model])
        }
    }
}

/// What can be wrong with what adapters record of their task.
public enum TaskRecordError: Error, Equatable, Sendable {
    /// The file cannot be understood.
    case badFile(String, reason: String)
    /// Two adapters that are used together were trained to answer different things.
    case differ(String, String)
    /// The task is one that this program does not have.
    case unknownTask(String)
}

extension TaskRecordError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .badFile(let file, let reason): "\(file): \(reason)"
        case .differ(let first, let second):
            "\(first) and \(second) were trained on different tasks or templates; " + Self.advice
        case .unknownTask(let name):
            "the adapter was trained on the task \"\(name)\", which is none of "
                + TuningTask.all.map(\.name).joined(separator: ", ") + "; " + Self.advice
        }
    }

    /// What helps where a record cannot be followed.
    package static let advice = "say which task the prompts are of"

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
