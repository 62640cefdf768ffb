import Foundation

/// What can go wrong below the models.
public enum TensorError: Error, Equatable {
    /// The library that does the work refused.
    case backend(operation: String, status: Int)
    /// The system has no more memory for a block of so many bytes; `peak` bytes were resident at most.
    case outOfMemory(bytes: Int, peak: Int, limit: Int?)
    /// A tensor has more elements than can be counted.
    case tooLarge(shape: [Int])
}

extension TensorError: CustomStringConvertible, LocalizedError {
    /// What to do where memory is out: the end of the sentence.
    package static let remedies =
        "take smaller batches or passes, compute layers twice, hold the weights in 8 bits, or make more memory free"

    /// One sentence: what happened and what to do.
    public var description: String {
        switch self {
        case .backend(let operation, 1):
            "out of memory at \(operation) (oneDNN's status 1); " + Self.remedies
        case .backend(let operation, let status):
            "oneDNN failed at \(operation) with status \(status) (2: invalid arguments, 3: unimplemented); report this with "
                + "the model's config.json"
        case .outOfMemory(let bytes, let peak, let limit):
            "out of memory: a block of \(Self.size(bytes)) could not be had beside \(Self.size(peak))"
                + (limit.map { ", within a limit of \(Self.size($0)) (ulimit -v)" } ?? "") + "; " + Self.remedies
        case .tooLarge(let shape):
            "a tensor of shape \(shape) is larger than any memory; give smaller sizes"
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }

    private static func size(_ bytes: Int) -> String {
        bytes < 1_000_000
            ? "\(bytes) bytes"
            : String(
                format: bytes < 1_000_000_000 ? "%.1f MB" : "%.2f GB",
                Double(bytes) / (bytes < 1_000_000_000 ? 1e6 : 1e9))
    }

    /// That memory is out, with what is known of the process.
    static func memoryIsOut(_ bytes: Int) -> TensorError {
        var usage = rusage(), limit = rlimit()
        #if os(Linux)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            let isLimited =
                getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 && limit.rlim_cur < UInt(Int.max)
            let peak = usage.ru_maxrss * 1024
        #else
            getrusage(RUSAGE_SELF, &usage)
            let isLimited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < UInt64(Int.max)
            let peak = usage.ru_maxrss
        #endif
        return .outOfMemory(bytes: bytes, peak: peak, limit: isLimited ? Int(limit.rlim_cur) : nil)
    }
}
