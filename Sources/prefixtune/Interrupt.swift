import Foundation
import LanguageModels
import Synchronization

/// What Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 do; the last is what queues send before they take a machine away.
///
/// A thread of its own hears them, whatever the others are doing. As long as a command has nothing to save, the process
/// ends at once: nothing on the disk is ever half written. While ``gracefully(deadline:_:)`` runs, the first signal is a
/// request, which the work looks for, and a second one ends the process. Either way it ends by the signal itself, so that
/// shells see 128 + its number and leave their loops.
enum Interrupt {
    private static let requested = Atomic<Int32>(0)
    private static let grace = Mutex<(isOn: Bool, deadline: Double?)>((false, nil))
    private static let pipe: (reading: Int32, writing: Int32) = {
        var ends: [Int32] = [-1, -1]
        _ = Foundation.pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }()

    /// Starts listening. What was ignored when the process was started stays so: `nohup` ignores SIGHUP.
    static func listen() {
        guard pipe.writing >= 0 else { return }
        for number in [SIGINT, SIGTERM, SIGHUP, SIGUSR1] {
            let before = signal(number) { number in
                let error = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(Interrupt.pipe.writing, &byte, 1)
                errno = error
            }
            // SIG_IGN is the address 1.
            if unsafeBitCast(before, to: Int.self) == 1 { signal(number, SIG_IGN) }
        }
        Thread.detachNewThread {
            while let number = next(within: nil) { hear(number) }
        }
    }

    /// Whether a stop was asked for while ``gracefully(deadline:_:)`` runs.
    static var isRequested: Bool { requested.load(ordering: .relaxed) != 0 }

    /// Goes on where nobody reads what is printed any more: for commands whose work is in files.
    static func outliveReaders() { signal(SIGPIPE, SIG_IGN) }

    /// Runs work that looks for ``isRequested`` and saves then.
    ///
    /// - Parameter deadline: Seconds after which the process ends in any case; nil for none.
    static func gracefully<Result>(deadline: Double? = nil, _ body: () throws -> Result) rethrows -> Result {
        grace.withLock { $0 = (true, deadline) }
        return try body()
    }

    /// Ends the process by the signal that was heard, if one was; to be called when a command has done its work.
    static func conclude() {
        let number = requested.load(ordering: .relaxed)
        if number != 0 { end(by: number) }
    }

    private static func hear(_ number: Int32) {
        let (isGraceful, deadline) = grace.withLock { $0 }
        guard isGraceful, !isRequested else {
            AtomicFile.removeUnfinished()
            // On a terminal, ^C stands at the end of what was printed.
            let lineEnd = number == SIGINT && isatty(STDERR_FILENO) != 0 ? "\n" : ""
            if !isRequested { StandardError.write("\(lineEnd)Error: \(CommandError.interrupted)\n") }
            end(by: number)
        }
        requested.store(number, ordering: .relaxed)
        if let second = next(within: deadline ?? 1) { end(by: second) }
        if deadline != nil {
            AtomicFile.removeUnfinished()
            end(by: number)
        }
        StandardError.write("\nstopping; what is done is being saved (once more: stop at once)\n")
    }

    /// The next signal, or nil where none came in time.
    private static func next(within seconds: Double?) -> Int32? {
        var descriptor = pollfd(fd: pipe.reading, events: Int16(POLLIN), revents: 0), byte: UInt8 = 0
        while poll(&descriptor, 1, seconds.map { Int32($0 * 1000) } ?? -1) < 0, errno == EINTR {}
        guard descriptor.revents != 0, read(pipe.reading, &byte, 1) == 1 else { return nil }
        return Int32(byte)
    }

    private static func end(by number: Int32) -> Never {
        signal(number, SIG_DFL)
        // Threads of the runtime have signals blocked.
        var only = sigset_t()
        sigemptyset(&only)
        sigaddset(&only, number)
        pthread_sigmask(SIG_UNBLOCK, &only, nil)
        raise(number)
        // The first process of a container is not ended by signals.
        _exit(128 + number)
    }
}

/// Standard error, for progress and messages: nobody may be reading, and that is no error.
enum StandardError {
    static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}
