import Foundation
import TextMetrics

/// References to compare predictions with, from a file in any layout: those of the metrics, or the task's own.
public struct TaskReferences: Equatable, Sendable {
    /// Texts per prediction.
    public let references: [[String]]
    /// Entries of the file, before those of equal source were put together.
    public let entries: Int
    /// What the file was taken for.
    public let layout: String

    /// Reads a file, plain or gzip-compressed; one without texts has no references.
    ///
    /// - Parameters:
    ///   - file: The references.
    ///   - suite: The rules by which they will be used; they tell the task.
    ///   - count: How many predictions there are: entries are put together where there is one for each different source.
    /// - Throws: `DataError` or `InputError` with file and line.
    public init(_ file: URL, for suite: EvaluationSuite, expecting count: Int) throws {
        let opened: DataFile
        do {
            opened = try DataFile(file)
        } catch DataError.empty {
            // No texts: not an error of its own here.
            (references, entries, layout) = ([], 0, "no references")
            return
        }
        if let task = try TuningTask.recognized(opened, suite) {
            let examples = try task.read(opened)
            // Conversations are answered one by one, the same question as often as it is asked.
            let groups = task.answersSourcesOnce ? examples.groupedBySource().examples : examples
            references = groups.map(\.references)
            entries = examples.count
            layout = "\(task.name) data\(task.answersSourcesOnce ? ", grouped by source" : "")"
        } else {
            let file = try ReferenceFile(reading: opened.reader, expecting: count)
            entries = file.references.count
            // Of prompts of one's own, generate answers each different one once, as it does with the task's files.
            if suite != .plain, entries != count, let groups = file.groupedByPrompt(), groups.count == count {
                references = groups
                layout = "references, grouped by prompt"
            } else {
                references = file.references
                layout = "references in order"
            }
        }
    }
}

extension TaskReferences {
    /// Reads a file of a task: one prediction for each of its entries.
    ///
    /// - Throws: `DataError` with file and line.
    public init(_ file: URL, of task: TuningTask) throws {
        let examples = try task.readPrompts(file)
        references = examples.map(\.references)
        entries = examples.count
        layout = "\(task.name) data"
    }
}

extension TuningTask {
    /// The task of a suite, where a file has the task's own layout, judged by how it begins.
    fileprivate static func recognized(_ file: DataFile, _ suite: EvaluationSuite) throws -> TuningTask? {
        let beginning = try FileBeginning(file)
        return all.first { $0.suite == suite && $0.recognizes(beginning) }
    }
}
