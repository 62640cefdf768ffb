import Foundation

/// Memory of this process.
public enum ProcessMemory {
    /// Largest resident set so far, or since `resetPeak()`, in bytes.
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

    /// The most that this process can ever have, swap space included, in bytes: of the machine, or of its control group.
    package static var limit: Int {
        var limit = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        #if os(Linux)
            limit = min(limit, groupLimit ?? .max)
            if let swap = value(of: "SwapTotal", in: "/proc/meminfo") { limit += swap }
        #endif
        return limit
    }

    #if os(Linux)
        /// The least limit of the control groups that the process is in, as versions 2 and 1 name it.
        private static var groupLimit: Int? {
            guard let text = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return nil }
            var limits: [Int] = []
            for line in text.split(separator: "\n") {
                let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
                guard parts.count == 3, parts[1].isEmpty || parts[1] == "memory" else { continue }
                let root = parts[1].isEmpty ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
                let file = parts[1].isEmpty ? "memory.max" : "memory.limit_in_bytes"
                // A group is within those above it; a container may see the last of them only.
                var path = String(parts[2])
                while true {
                    let limit = try? String(contentsOfFile: "\(root)\(path)/\(file)", encoding: .utf8)
                    limits += [limit.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }].compactMap(
                        \.self)
                    guard path.count > 1 else { break }
                    path = (path as NSString).deletingLastPathComponent
                }
            }
            return limits.min()
        }

        /// `Name:   123 kB`, in bytes.
        private static func value(of name: String, in file: String) -> Int? {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8),
                let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") })
            else { return nil }
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
    #endif
}
