import Foundation

/// Where the committed goldens lie, and where the optional shared data lies.
public enum Fixtures {
    /// `Tests/Goldens` of this checkout.
    public static let goldens = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Goldens")

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
