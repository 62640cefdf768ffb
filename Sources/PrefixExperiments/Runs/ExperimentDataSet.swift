import Foundation
import LanguageModels
import PrefixTuning
import TextMetrics

/// The data of an experiment: what is trained on, what runs are chosen by, and what is tested.
public struct ExperimentDataSet: Sendable {
    /// Its name in files: "embedded", "e2e", …
    public var name: String
    /// What reports call it: "E2E", "Wikinews", …
    public var title: String
    /// How prompts and completions are joined, how sources are answered, and how answers are scored.
    public var task: TuningTask
    /// One example per text to learn.
    public var train: [Example]
    /// The same, to compare rates and checkpoints by.
    public var validation: [Example]
    /// One example per source, with all its references.
    public var test: [Example]

    /// A data set; see the properties.
    public init(
        name: String, title: String? = nil, task: TuningTask, train: [Example], validation: [Example], test: [Example]
    ) {
        self.name = name
        self.title = title ?? DataSetFiles.title(of: name)
        self.task = task
        self.train = train
        self.validation = validation
        self.test = test
    }

    /// A part of the test set that is scored by itself.
    public struct Split: Sendable, Equatable {
        /// "test"; or "seen", "unseen" and "all" where the data tells topics of the training data from others.
        public var name: String
        /// Which examples of the test set.
        public var indices: [Int]
    }

    /// The parts of the test set.
    public var splits: [Split] {
        let seen = test.indices.filter { test[$0].isSeen == true },
            unseen = test.indices.filter { test[$0].isSeen == false }
        guard !unseen.isEmpty else { return [Split(name: "test", indices: Array(test.indices))] }
        guard !seen.isEmpty else { return [Split(name: "unseen", indices: unseen)] }
        return [
            Split(name: "seen", indices: seen), Split(name: "unseen", indices: unseen),
            Split(name: "all", indices: Array(test.indices)),
        ]
    }

    /// The same with the sources of the validation set in place of those of the test set.
    var testingValidation: ExperimentDataSet {
        var other = self
        other.test = validation.groupedBySource().examples
        return other
    }

    /// About so many examples of the test set, from all of its parts; and the first of the training data.
    func limited(test testLimit: Int?, train trainLimit: Int?) -> ExperimentDataSet {
        var limited = self
        if let trainLimit, trainLimit < train.count { limited.train = Array(train.prefix(trainLimit)) }
        if let testLimit, testLimit < test.count {
            // Every n-th: files are often sorted by topic or length.
            let kept = (0..<testLimit).map { test[$0 * test.count / testLimit] }
            limited.test = kept
        }
        return limited
    }

    /// FNV-1a over all prompts and texts: tells one data set from another.
    var checksum: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ text: String) {
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 0xff) &* 0x100_0000_01b3
        }
        for part in [train, validation, test] {
            for example in part {
                mix(example.prompt)
                for text in example.texts { mix(text) }
            }
        }
        return hash
    }
}

extension ExperimentDataSet {
    /// The tables that come with the package; topics held out of training are the unseen part of the test.
    ///
    /// - Throws: ``EmbeddedModel/InstallationError`` where they are missing.
    public static func embedded() throws -> ExperimentDataSet {
        func test(_ split: EmbeddedTables.Split, isSeen: Bool) throws -> [Example] {
            try TuningTask.embedded.read(EmbeddedModel.tables(split)).map { example in
                var example = example
                example.isSeen = isSeen
                return example
            }
        }
        return ExperimentDataSet(
            name: "embedded", task: .embedded,
            train: try TuningTask.embedded.readForTraining([EmbeddedModel.tables(.train)]),
            validation: try TuningTask.embedded.readForTraining([EmbeddedModel.tables(.validation)]),
            test: try test(.testSeen, isSeen: true) + test(.testUnseen, isSeen: false))
    }

    /// Reads files of any task.
    ///
    /// - Parameters:
    ///   - name: What it is called in tables.
    ///   - test: Sources that it has several times are answered once and compared with all their references.
    /// - Throws: `DataError` with file and line.
    public init(_ name: String, task: TuningTask, train: [URL], validation: [URL], test: URL) throws {
        self.init(
            name: name, task: task, train: try task.readForTraining(train),
            validation: try task.readForTraining(validation), test: try task.read(test).groupedBySource().examples)
    }

    /// Reads the files of one of the paper's data sets.
    ///
    /// - Parameters:
    ///   - name: What the data set is called; files are looked for under `folder/name*`, or in the folder itself.
    ///   - folder: See `DataSetFiles`.
    /// - Throws: `DataError`, or ``ExperimentError/noData(name:folder:looked:)`` where files are missing.
    public static func read(_ name: String, in folder: URL) throws -> ExperimentDataSet {
        guard let kind = DataSetFiles.kind(of: name) else {
            throw ExperimentError.unknownDataSet(name: name, known: DataSetFiles.names + ["embedded"])
        }
        let files = try DataSetFiles.find(name, in: folder)
        var data = try ExperimentDataSet(
            name, task: kind.task, train: [files.train], validation: [files.validation], test: files.test)
        if files.train == files.validation { data.holdOutTenth() }
        // Before the topics divide it: what is not XSUM must not be called so, nor have the paper's numbers beside it.
        let isXSUM = DataSetFiles.xsumSources.contains(data.test.count)
        if kind.isOfXSUM, !isXSUM {
            data.name = DataSetFiles.trueName(name, folder: files.test.deletingLastPathComponent())
        }
        data.title = DataSetFiles.title(of: data.name)
        if let topics = kind.topics { data.divide(by: topics) }
        return data
    }

    /// Keeps every tenth source of the training data for validation, where there is no file for it.
    private mutating func holdOutTenth() {
        var order: [String: Int] = [:]
        for example in train where order[example.prompt] == nil { order[example.prompt] = order.count }
        func isHeld(_ example: Example) -> Bool { (order[example.prompt] ?? 0) % 10 == 9 }
        (train, validation) = (train.filter { !isHeld($0) }, train.filter(isHeld))
    }

    /// Trains on some topics and tests on the others: the paper's extrapolation in summarisation.
    private mutating func divide(by topics: DataSetFiles.Topics) {
        train = train.filter { topics.trains($0.topic) }
        validation = validation.filter { topics.trains($0.topic) }
        test = test.filter { topics.tests($0.topic) }.map { example in
            var example = example
            example.isSeen = false
            return example
        }
    }
}

extension TuningTask {
    /// The tables that come with the package: JSON lines that are answered and scored as the paper does it with E2E's.
    static let embedded: TuningTask = {
        var task = jsonl
        task.name = "embedded"
        task.decoding = { conventions, _ in .tableToText(forbidding: [], endTokens: conventions.endTokens) }
        task.cleaning = { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
        task.suite = .e2e
        return task
    }()
}
