import ArgumentParser
import Foundation
import Hub
import Synchronization

/// A model or an adapter, as an argument names it: a folder or file, or a repository of the hub.
enum ModelReference: ExpressibleByArgument, CustomStringConvertible {
    case local(URL)
    case hub(HubReference)
    /// An address that names no repository.
    case web(String)

    /// `/…`, `./…`, `../…`, `~…` and what exists are local; other texts are names of the hub where they can be.
    init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        if argument.hasPrefix("https://") || argument.hasPrefix("http://") {
            self = Self.reference(ofAddress: argument).map { .hub($0) } ?? .web(argument)
        } else if !HubReference.isLocal(argument), let reference = try? HubReference(argument) {
            self = .hub(reference)
        } else {
            self = .local(URL(fileURLWithPath: UserPath.expanded(argument)))
        }
    }

    /// The repository of a page of the hub, as it is pasted from a browser: `https://huggingface.co/org/name`, with
    /// `/tree/revision` or without.
    private static func reference(ofAddress address: String) -> HubReference? {
        guard let url = URL(string: address),
            ["huggingface.co", "www.huggingface.co", "hf.co"].contains(url.host ?? "")
        else { return nil }
        var parts = url.path.split(separator: "/").map(String.init)
        var revision: String?
        if let tree = parts.firstIndex(where: { ["tree", "blob", "resolve"].contains($0) }), tree > 0 {
            revision = parts.count > tree + 1 ? parts[tree + 1] : nil
            parts.removeSubrange(tree...)
        }
        guard (1...2).contains(parts.count), !["datasets", "spaces"].contains(parts[0]) else { return nil }
        return try? HubReference(parts.joined(separator: "/") + (revision.map { "@\($0)" } ?? ""))
    }

    /// The folder or file, fetched where it is not here yet. Ctrl-C ends fetching; what has arrived is kept.
    ///
    /// - Parameter quiet: Show nothing but errors.
    /// - Throws: `HubError`, `CommandError`.
    func located(quiet: Bool) async throws -> URL {
        switch self {
        case .local(let url): return url
        case .web(let address): throw CommandError.webAddress(address)
        case .hub(let reference):
            let hub = try HubDisplay.hub(quiet: quiet)
            let display = HubDisplay(hub.environment, quiet: quiet)
            do {
                return try await hub.snapshot(of: reference) { display.show($0) }
            } catch HubError.unreachable(let host, let reason) {
                throw CommandError.unreachableModel(name: reference.description, host: host, reason: reason)
            }
        }
    }

    /// The folder or file, where it is local.
    var file: URL? { if case .local(let url) = self { url } else { nil } }

    /// What is recorded as the model's name: the hub's name, or the folder's path.
    var description: String {
        switch self {
        case .local(let url): url.path
        case .web(let address): address
        case .hub(let reference): reference.description
        }
    }

    /// What reports call it: they are read on other machines.
    var title: String {
        if case .local(let url) = self { url.lastPathComponent } else { description }
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
