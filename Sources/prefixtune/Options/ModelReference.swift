import ArgumentParser
import Foundation
import Hub
import Synchronization

extension ModelReference: ExpressibleByArgument {
    /// Reads a name that is not empty.
    public init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        self.init(argument)
    }

    /// The folder or file, fetched where it is not here yet, with a bar. Ctrl-C ends fetching; what has arrived is kept.
    ///
    /// - Parameter quiet: Show nothing but errors.
    /// - Throws: `HubError`.
    func located(quiet: Bool) async throws -> URL {
        guard case .hub = self else { return try await located() }
        let hub = try HubDisplay.hub(quiet: quiet), display = HubDisplay(hub.environment, quiet: quiet)
        return try await located(from: hub) { display.show($0) }
    }
}

/// A bar for what is fetched or sent, on terminals.
final class HubDisplay: Sendable {
    private struct State {
        var display: ProgressDisplay
        var start: Double?
        var isDone = false
    }

    private let state: Mutex<State>?

    init(_ environment: HubEnvironment, quiet: Bool) {
        let isShown = !quiet && environment.showsProgress && isatty(STDERR_FILENO) != 0
        state = isShown ? Mutex(State(display: ProgressDisplay(quiet: false, unit: "kB"))) : nil
    }

    /// A hub that says on standard error what the user may want to know.
    static func hub(quiet: Bool) throws -> Hub {
        try Hub { note in
            if !quiet { StandardError.write(note + "\n") }
        }
    }

    func show(_ progress: HubProgress) {
        state?.withLock { state in
            guard !state.isDone else { return }
            let now = ProcessInfo.processInfo.systemUptime
            let start = state.start ?? now
            state.start = start
            state.isDone = progress.done == progress.total
            let rate = Double(progress.done) / max(1e-3, now - start)
            // Rounded up, so that only the last byte fills the bar.
            let total = (progress.total + 999) / 1000
            state.display.update(
                state.isDone ? total : min(progress.done / 1000, total - 1), of: total,
                facts: String(format: "%@  %.1f MB/s", progress.file, rate / 1e6),
                secondsLeft: Double(progress.total - progress.done) / max(1, rate))
        }
    }
}
