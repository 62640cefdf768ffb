import Foundation

/// Memory of this process.
public enum ProcessMemory {
    /// Greatest resident set so far, or since ``resetPeak()``, in bytes.
    public static var peak: Int {
        #if os(Linux)
            if let peak = value(of: "VmHWM", in: "/proc/self/status") { return peak }
        #endif
        var usage = rusage()
        #if os(Linux)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_maxrss * 1024
        #else
            getrusage(RUSAGE_SELF, &usage)
            return usage.ru_maxrss
        #endif
    }

    /// Lets ``peak`` begin anew with what is resident now. Linux only; nothing elsewhere.
    package static func resetPeak() {
        #if os(Linux)
            try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
        #endif
    }

    /// Memory that can be used without swapping, in bytes.
    package static var available: Int {
        #if os(Linux)
            if let available = value(of: "MemAvailable", in: "/proc/meminfo") { return available }
        #endif
        return Int(clamping: ProcessInfo.processInfo.physicalMemory) / 2
    }

    #if os(Linux)
        /// `Name:   123 kB`, in bytes.
        private static func value(of name: String, in file: String) -> Int? {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8),
                let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") })
            else { return nil }
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
    #endif
}
