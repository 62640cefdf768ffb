import Foundation

/// Where the time of tensor work went, operation by operation.
public struct OperationProfile: Sendable {
    /// What an operation's arithmetic is done by.
    public enum Unit: String, Sendable, Codable {
        /// 32-bit floats.
        case float32
        /// bfloat16, added up in 32 bits.
        case bfloat16
        /// 8-bit integers, added up in 32 bits.
        case int8
    }

    /// All calls of one operation.
    public struct Entry: Sendable {
        /// What it does; products of different shapes are different operations.
        public let name: String
        /// How often it ran.
        public internal(set) var calls = 0
        /// How long, in all.
        public internal(set) var seconds = 0.0
        /// Multiplications and additions.
        public internal(set) var operations = 0
        /// What had to be read and written in memory at least: weights, caches, states.
        public internal(set) var bytes = 0
        /// What the arithmetic is done by.
        public internal(set) var unit = Unit.float32
        var kinds: [Call: Int] = [:]

        struct Call: Hashable, Sendable {
            let operations: Int
            let bytes: Int
            let cached: Int
        }

        mutating func add(_ other: Entry) {
            calls += other.calls
            seconds += other.seconds
            operations += other.operations
            bytes += other.bytes
            unit = other.unit
            kinds.merge(other.kinds) { $0 + $1 }
        }

        /// The least time that all calls could take: for each the greater of operations over the rate of the unit that
        /// does them, and bytes over bandwidth.
        public func floor(_ rates: MachineRates) -> Double {
            kinds.reduce(0) { sum, entry in
                let (call, count) = entry
                let arithmetic = Double(call.operations) / rates.operationsPerSecond(unit)
                let traffic =
                    Double(call.bytes) / rates.memoryBytesPerSecond + Double(call.cached) / rates.cacheBytesPerSecond
                return sum + Double(count) * max(arithmetic, traffic)
            }
        }
    }

    /// The operations, in no particular order.
    public var entries: [Entry] { Array(byName.values) }
    /// The time of all operations; the rest of a step is what happens between them.
    public var seconds: Double { byName.values.reduce(0) { $0 + $1.seconds } }
    private var byName: [String: Entry] = [:]

    /// A profile of nothing.
    public init() {}

    /// Adds what another profile holds.
    public mutating func add(_ other: OperationProfile) {
        for (name, entry) in other.byName {
            var sum = byName.removeValue(forKey: name) ?? Entry(name: name)
            sum.add(entry)
            byName[name] = sum
        }
    }

    mutating func add(_ name: String, seconds: Double, operations: Int, bytes: Int, cached: Int, unit: Unit) {
        var entry = byName.removeValue(forKey: name) ?? Entry(name: name)
        entry.calls += 1
        entry.seconds += seconds
        entry.operations += operations
        entry.bytes += bytes
        entry.unit = unit
        entry.kinds[Entry.Call(operations: operations, bytes: bytes, cached: cached), default: 0] += 1
        byName[name] = entry
    }
}

extension Compute {
    /// Keeps the time of every operation from now on. To be called before the model is loaded, since re-laid matrices
    /// belong to what made them; costs about 0.1 µs per operation.
    @Compute public static func startProfiling() {
        if profiled == nil { backend = ProfiledBackend(over: backend) }
        profiled?.reset()
    }

    /// What has been kept since profiling started or was last asked for.
    @Compute public static func takeProfile() -> OperationProfile {
        defer { profiled?.reset() }
        return profiled?.profile ?? OperationProfile()
    }

    @Compute private static var profiled: ProfiledBackend? { backend as? ProfiledBackend }
}
