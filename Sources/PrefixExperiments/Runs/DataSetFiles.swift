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
        /// Whether the paper's data of this name is XSUM, or topics of it.
        var isOfXSUM = false
    }

    private static let kinds: [(name: String, kind: Kind)] = [
        ("e2e", Kind(task: .e2e, folders: ["e2e"])),
        ("webnlg", Kind(task: .webnlg, folders: ["webnlg", "webnlg2017"])),
        ("dart", Kind(task: .dart, folders: ["dart"])),
        ("xsum", Kind(task: .xsum, folders: ["xsum", "wikinews", "summarization/wikinews"], isOfXSUM: true)),
        ("wikinews", Kind(task: .xsum, folders: ["wikinews", "summarization/wikinews"])),
        (
            "news-to-sports",
            Kind(
                task: .xsum, folders: ["xsum", "wikinews", "summarization/wikinews"],
                topics: .newsToSports, isOfXSUM: true)
        ),
        (
            "within-news",
            Kind(
                task: .xsum, folders: ["xsum", "wikinews", "summarization/wikinews"],
                topics: .withinNews, isOfXSUM: true)
        ),
    ]

    /// How many sources the test set of XSUM has: 11,334, of which copies leave out a few.
    static let xsumSources = 11_000...11_500

    /// The name of files that were asked for by the name of XSUM, or of a division of it, and are others.
    static func trueName(_ name: String, folder: URL) -> String {
        let own = folder.lastPathComponent == "wikinews" ? "wikinews" : "summaries"
        return name == "xsum" ? own : "\(own)-\(name)"
    }

    /// What a report calls a data set.
    static func title(of name: String) -> String {
        let titles = [
            "embedded": "Embedded tables", "e2e": "E2E", "webnlg": "WebNLG", "dart": "DART", "xsum": "XSUM",
            "wikinews": "Wikinews", "summaries": "Summaries (not XSUM)", "news-to-sports": "XSUM, news to sports",
            "within-news": "XSUM, within news",
        ]
        if let title = titles[name] { return title }
        for own in ["wikinews", "summaries"] where name.hasPrefix(own + "-") {
            return "\(titles[own] ?? own), \(name.dropFirst(own.count + 1).replacing("-", with: " "))"
        }
        return name
    }

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
