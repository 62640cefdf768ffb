import Foundation

/// The progress of a run: a bar that redraws itself on a terminal, a plain line now and then elsewhere.
struct ProgressDisplay {
    /// The unit of work that is counted from 0 to 100.
    static let percent = "percent"

    private let isTerminal = isatty(STDERR_FILENO) != 0
    private let isQuiet: Bool
    private let unit: String
    private let first: Int
    private let begin = ProcessInfo.processInfo.systemUptime
    private var lastShown = -Double.infinity

    /// - Parameters:
    ///   - unit: What is counted.
    ///   - first: How many were done before this run.
    init(quiet: Bool, unit: String = "step", from first: Int = 0) {
        isQuiet = quiet
        self.unit = unit
        self.first = first
    }

    /// Seconds since it was made.
    var seconds: Double { ProcessInfo.processInfo.systemUptime - begin }

    /// Shows how far the work is.
    ///
    /// - Parameters:
    ///   - done: Steps done.
    ///   - total: Steps in all.
    ///   - facts: Loss, speed and so on.
    ///   - secondsLeft: An estimate; by default what is left takes as long each as what this run did.
    mutating func update(_ done: Int, of total: Int, facts: String, secondsLeft: Double? = nil) {
        guard !isQuiet else { return }
        let now = ProcessInfo.processInfo.systemUptime, isLast = done == total
        guard isLast || now - lastShown >= (isTerminal ? 0.1 : 10) else { return }
        lastShown = now
        let secondsLeft = secondsLeft ?? seconds / Double(done - first) * Double(total - done)
        let left = isLast ? "done" : "\(Self.time(secondsLeft)) left"
        let count = unit == Self.percent ? "\(done)%" : "\(done)/\(total)"
        guard isTerminal else {
            return write((unit == Self.percent ? "" : unit + " ") + "\(count)  \(facts)  \(left)\n")
        }
        // Where there is little room, facts go before the time does.
        let text = " \(count)  \(facts.prefix(max(0, columns - count.count - left.count - 6)))  \(left)"
        let room = max(0, min(30, columns - text.count - 3))
        let filled = total == 0 ? 0 : room * done / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: room - filled)
        write("\r\u{1b}[2K\(bar)\(text.prefix(max(0, columns - room - 1)))" + (isLast ? "\n" : ""))
    }

    /// A line of its own, above the bar.
    func note(_ line: String) {
        guard !isQuiet else { return }
        write((isTerminal ? "\r\u{1b}[2K" : "") + line + "\n")
    }

    /// 75 → "1:15".
    static func time(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e7 else { return "?" }
        let whole = Int(seconds.rounded())
        let tail = String(format: "%02d:%02d", whole / 60 % 60, whole % 60)
        return whole >= 3600 ? "\(whole / 3600):\(tail)" : String(format: "%d:%02d", whole / 60, whole % 60)
    }

    private var columns: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    private func write(_ text: String) { StandardError.write(text) }
}
