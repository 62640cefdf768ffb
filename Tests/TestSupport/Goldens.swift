import Foundation

/// Where the committed goldens lie, and where the optional shared data lies.
public enum Fixtures {
    /// `Tests/Goldens` of this checkout.
    public static let goldens = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Goldens")

    /// The tiny language models of all architectures, as paths below ``goldens``.
    public static let models: [String] = ["gpt2", "architectures", "bart", "t5"].flatMap { area in
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(goldens.path)/\(area)")) ?? []
        return names.sorted().map { "\(area)/\($0)" }
            .filter { FileManager.default.fileExists(atPath: "\(goldens.path)/\($0)/config.json") }
    }

    /// Real data sets that are not part of the repository: the folder named by `PREFIXTUNE_DATA`, else `shared/data`
    /// beside the checkout; nil where neither exists, and then the tests that need it are skipped.
    public static let sharedData: URL? = {
        let checkout = goldens.deletingLastPathComponent().deletingLastPathComponent()
        let beside = checkout.deletingLastPathComponent().appendingPathComponent("shared/data")
        let candidate =
            ProcessInfo.processInfo.environment["PREFIXTUNE_DATA"].map { URL(fileURLWithPath: $0) } ?? beside
        return FileManager.default.fileExists(atPath: candidate.path) ? candidate : nil
    }()
}
