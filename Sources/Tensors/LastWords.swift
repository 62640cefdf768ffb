import Foundation

/// How the process ends where an operation cannot go on: memory ran out, or the library below refused.
///
/// Operations do not throw, and a way back cannot be unwound from its middle. So whoever has something that is worth
/// saving registers a ``Rescue``; then all that is left is a sentence and exit code 1.
///
/// It is heard where the pool, the heap of compressed weights or oneDNN get no memory. Swift's own arrays and strings end the
/// process by themselves: the pool leaves addresses to them whenever it grows, so that it is the first to fail. Where the
/// system promises more memory than it has and kills processes (Linux's out-of-memory killer), nothing is heard at all.
package enum LastWords {
    private static let lock = NSLock()
    nonisolated(unsafe) private static var rescues: [Rescue.Entry] = []
    nonisolated(unsafe) private static var sentence: (TensorError) -> String = { "\($0)" }

    /// Saves what can be saved, says what happened on standard error, and ends the process with exit code 1.
    package static func say(_ error: TensorError) -> Never {
        BlockPool.shared.releaseReserve()
        write("Error: \(lock.withLock { sentence }(error))")
        // Taken away first: what fails while something is saved must not come back here for the same.
        let entries = lock.withLock {
            defer { rescues = [] }
            return rescues
        }
        for entry in entries.reversed() {
            if let said = entry.save() { write("; \(said)") }
        }
        write("\n")
        _exit(1)
    }

    /// Lets a program that has options say which of them help.
    package static func speak(_ sentence: @escaping @Sendable (TensorError) -> String) {
        lock.withLock { self.sentence = sentence }
    }

    /// Goes on where a call of oneDNN succeeded.
    static func check(_ status: Int32, _ operation: @autoclosure () -> String) {
        guard status != 0 else { return }
        say(.backend(operation: operation(), status: Int(status)))
    }

    private static func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(2, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    fileprivate static func add(_ entry: Rescue.Entry) { lock.withLock { rescues.append(entry) } }
    fileprivate static func remove(_ entry: Rescue.Entry) { lock.withLock { rescues.removeAll { $0 === entry } } }
}

/// What is to be saved before the process ends in the middle of an operation; forgotten with the object.
package final class Rescue {
    fileprivate final class Entry {
        let save: () -> String?
        init(_ save: @escaping () -> String?) { self.save = save }
    }

    private let entry: Entry

    /// - Parameter save: Runs in the middle of an operation, on its thread, where memory is nearly out: it may use what the
    ///   operation does not change. Returns what is to be said of it, if anything.
    package init(_ save: @escaping () -> String?) {
        entry = Entry(save)
        LastWords.add(entry)
    }

    deinit { LastWords.remove(entry) }
}
