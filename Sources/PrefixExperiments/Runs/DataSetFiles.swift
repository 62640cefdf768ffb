import Foundation
import PrefixTuning

/// Where the files of a task lie in a folder of data sets.
enum DataSetFiles {
    /// Training topics and test topics of a data set that is split by topic.
    struct Topics: Sendable {
        var isTraining: @Sendable (String) -> Bool
        var isTest: @Sendable (String) -> Bool

        func trains(_ topic: String?) -> Bool { topic.map(isTraining) ?? false }
        func tests(_ topic: String?) -> Bool { topic.map(isTest) ?? false }

        private static let doubtful = "uncertain"
        /// Trained on news, tested on sports.
        static let newsToSports = Topics(
            isTraining: { $0 != "Sports" && $0 != doubtful }, isTest: { $0 == "Sports" })
        /// Trained on world and business news, tested on the other news: the paper trains on world, UK and business.
        static let withinNews = Topics(
            isTraining: { ["World", "UK", "Business"].contains($0) },
            isTest: { !["World", "UK", "Business", "Sports", doubtful].contains($0) })
    }

    struct Kind: Sendable {
        var task: TuningTask
        /// Names of its folder.
        var folders: [String]
        var topics: Topics?
    }

    private static let kinds: [(name: String, kind: Kind)] = [
        ("e2e", Kind(task: .e2e, folders: ["e2e"])),
        ("webnlg", Kind(task: .webnlg, folders: ["webnlg", "webnlg2017"])),
        ("dart", Kind(task: .dart, folders: ["dart"])),
        ("xsum", Kind(task: .xsum, folders: ["xsum", "wikinews", "summarization/wikinews"])),
        (
            "news-to-sports",
            Kind(
                task: .xsum, folders: ["xsum", "wikinews", "summarization/wikinews"],
                topics: .newsToSports)
        ),
        (
            "within-news",
            Kind(
                task: .xsum, folders: ["xsum", "wikinews", "summarization/wikinews"],
                topics: .withinNews)
        ),
    ]

    /// All names.
    static let names = kinds.map(\.name)

    /// What a data set of this name is.
    static func kind(of name: String) -> Kind? { kinds.first { $0.name == name }?.kind }

    /// The beginnings of file names, best first. Where there is no training file, the validation file (of DART,
    /// say) is used for both.
    private static let beginnings = (
        train: ["src1_train", "train", "dart-v1.1.1-full-train"],
        validation: ["src1_valid", "valid", "val", "dev", "dart-v1.1.1-full-dev"],
        test: ["src1_test", "test", "testdata", "dart-v1.1.1-full-test"]
    )
    private static let endings = ["txt", "jsonl", "json", "csv", "source"].flatMap { [".\($0)", ".\($0).gz"] }

    /// The files of a data set.
    ///
    /// - Throws: ``ExperimentError/noData(name:folder:looked:)``.
    static func find(_ name: String, in folder: URL) throws -> (train: URL, validation: URL, test: URL) {
        let places = (kind(of: name)?.folders ?? []).map { folder.appendingPathComponent($0) } + [folder]
        for place in places {
            let content = Set((try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? [])
            func file(_ beginnings: [String]) -> URL? {
                beginnings.flatMap { beginning in endings.map { beginning + $0 } }
                    .first(where: content.contains).map { place.appendingPathComponent($0) }
            }
            guard let validation = file(beginnings.validation), let test = file(beginnings.test) else { continue }
            return (file(beginnings.train) ?? validation, validation, test)
        }
        throw ExperimentError.noData(
            name: name, folder: folder.path,
            looked: places.dropLast().map { "\($0.lastPathComponent)/" } + beginnings.train.map { "\($0).*" })
    }
}
