import Foundation
import Synchronization

/// How far a download or an upload is.
public struct HubProgress: Sendable, Equatable {
    /// The file that moved last.
    public var file: String
    /// Bytes that are here, of all files.
    public var done: Int
    /// Bytes of all files; an exabyte (2⁶⁰) where a server claims more.
    public var total: Int
}

/// Adds up the progress of several files.
final class ProgressMeter: Sendable {
    private struct File {
        var done = 0
        var size: Int
    }

    private let files: Mutex<[String: File]>
    private let report: @Sendable (HubProgress) -> Void

    init(_ sizes: [(file: String, size: Int)], report: @escaping @Sendable (HubProgress) -> Void) {
        files = Mutex(Dictionary(sizes.map { ($0.file, File(size: $0.size)) }, uniquingKeysWith: { first, _ in first }))
        self.report = report
    }

    func expect(_ size: Int, of file: String) { change(file) { $0.size = max(size, $0.done) } }

    func set(_ done: Int, of file: String) { change(file) { $0.done = done } }

    func add(_ count: Int, of file: String) { if count > 0 { change(file) { $0.done += count } } }

    func complete(_ file: String) { change(file) { $0.done = $0.size } }

    private func change(_ name: String, _ work: (inout File) -> Void) {
        let progress = files.withLock { files in
            work(&files[name, default: File(size: 0)])
            return HubProgress(
                file: name, done: Self.sum(files.values.lazy.map(\.done)),
                total: Self.sum(files.values.lazy.map(\.size)))
        }
        report(progress)
    }

    private static let greatestSum = 1 << 60

    /// Sizes are what servers say: a sum that nothing could hold stays at the largest.
    private static func sum(_ sizes: some Sequence<Int>) -> Int {
        sizes.reduce(0) { min(greatestSum, $0 + min(greatestSum, max(0, $1))) }
    }
}
