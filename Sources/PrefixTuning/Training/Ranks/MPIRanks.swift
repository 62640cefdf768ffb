import CMPI
import Foundation
import Synchronization
import Tensors

/// The processes that an MPI launcher has started: `mpirun -n 4 prefixtune train …`.
///
/// MPI is loaded when it is needed, by the names that libraries have; there is none at build time. Exchanges do not block:
/// between looks this process sleeps, which leaves the cores to the others, and gives up after a time, since a broken
/// link is not reported by MPI.
@Compute public final class MPIRanks: RankGroup {
    /// Which of the processes this is, from 0.
    public let index: Int
    /// How many there are.
    public let count: Int
    /// The library's name and version.
    public let library: String
    private let timeout: Double
    /// What is being done, for the sentence about others that do not answer.
    public var place = "at the start"

    /// What launcher says that it has started several processes; nil where none does.
    public nonisolated static func launcher(_ environment: [String: String]) -> String? {
        func hasSeveral(_ key: String) -> Bool { environment[key].flatMap { Int($0) } ?? 1 > 1 }
        if hasSeveral("OMPI_COMM_WORLD_SIZE") { return "mpirun" }
        if hasSeveral("PMI_SIZE") { return "mpiexec" }
        // Slurm starts steps without MPI, too: only with PMIx do its tasks find each other.
        return environment["PMIX_RANK"] != nil && hasSeveral("SLURM_STEP_NUM_TASKS") ? "srun" : nil
    }

    /// Joins the processes of the launcher; must be called once, on the thread that trains.
    ///
    /// - Parameters:
    ///   - timeout: Seconds after which others that do not answer are given up.
    ///   - environment: Of the process: which library, by `PREFIXTUNE_MPI` or by the launcher's own variables.
    /// - Throws: ``RankError``.
    public init(timeout: Double, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        self.timeout = timeout
        let names = Self.libraries(environment)
        var reasons: [(name: String, problem: String)] = []
        for name in names {
            var status: Int32 = 0
            let problem = Self.text(1024) { status = ptm_open(name, $0, $1) }
            if status == 0 { break }
            reasons.append((name, problem))
        }
        if reasons.count == names.count {
            // One that is there and does not fit says more than that none was found.
            if environment["PREFIXTUNE_MPI"] != nil, let (name, problem) = reasons.first {
                throw RankError.badLibrary(name: name, problem: problem)
            }
            throw RankError.noLibrary(
                launcher: Self.launcher(environment) ?? "a launcher", tried: names)
        }
        var index: Int32 = 0, count: Int32 = 0
        try Self.check(ptm_start(&index, &count), "to start")
        (self.index, self.count) = (Int(index), Int(count))
        library =
            Self.text(200) { ptm_version($0, $1) }
            .replacingOccurrences(of: "Version:\t", with: "")
            .split(whereSeparator: { $0.isNewline || $0 == "," }).first.map(String.init) ?? "MPI"
    }

    /// The names to try, the launcher's own first.
    nonisolated static func libraries(_ environment: [String: String]) -> [String] {
        if let name = environment["PREFIXTUNE_MPI"] { return [name] }
        #if os(macOS)
            return ["libmpi.dylib", "/opt/homebrew/lib/libmpi.dylib", "/usr/local/lib/libmpi.dylib"]
        #else
            let openMPI = ["libmpi.so.40", "libmpi.so"], mpich = ["libmpich.so.12", "libmpi.so.12"]
            let isOpenMPI = environment["OMPI_COMM_WORLD_SIZE"] != nil || environment["PMIX_RANK"] != nil
            return isOpenMPI ? openMPI + mpich : mpich + openMPI
        #endif
    }

    /// The greatest value of all ranks, element by element.
    public func maximum(_ values: [Double]) throws -> [Double] {
        var values = values
        try values.withUnsafeMutableBufferPointer { try exchange(ptm_max_double, $0) }
        return values
    }

    /// The sum over all ranks, element by element.
    public func sum(_ values: UnsafeMutableBufferPointer<Int64>) throws { try exchange(ptm_sum_int64, values) }

    /// The sum over all ranks, element by element, to rounding.
    public func sum(_ values: UnsafeMutableBufferPointer<Float>) throws { try exchange(ptm_sum_float, values) }

    /// Leaves, once all processes do; none of them can exchange anything afterwards.
    ///
    /// - Parameter giveUp: Called on another thread where MPI's own end does not return in time, which it does not where a link
    ///   breaks; has to end the process.
    /// - Throws: ``RankError`` where the others do not come.
    public func leave(orElse giveUp: @escaping @Sendable (RankError) -> Void) throws {
        var values = [0.0]
        try values.withUnsafeMutableBufferPointer { try exchange(ptm_max_double, $0) }
        let error = RankError.noAnswer(seconds: timeout, place: place), timeout = timeout, hasEnded = Flag()
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: timeout)
            if !hasEnded.isSet { giveUp(error) }
        }
        try Self.check(ptm_finish(), "to end")
        hasEnded.set()
    }

    private func exchange<Element>(_ what: ptm_sum, _ values: UnsafeMutableBufferPointer<Element>) throws {
        if let first = values.first, values.count < count {
            // Fewer than processes would go around a ring.
            var padded = Array(values) + Array(repeating: first, count: count - values.count)
            try padded.withUnsafeMutableBufferPointer { try exchange(what, $0) }
            for index in values.indices { values[index] = padded[index] }
            return
        }
        // MPI counts in 32 bits.
        var rest = values[...]
        while !rest.isEmpty {
            let part = UnsafeMutableBufferPointer(rebasing: rest.prefix(1 << 28))
            try exchange(what, part.baseAddress, count: part.count, bytes: part.count * MemoryLayout<Element>.stride)
            rest = rest.dropFirst(part.count)
        }
    }

    private func exchange(
        _ what: ptm_sum, _ values: UnsafeMutableRawPointer?, count: Int, bytes: Int
    ) throws {
        let start = ContinuousClock.now
        try Self.check(ptm_begin(what, values, Int32(count)), "an exchange")
        // Short at first, since a megabyte takes a millisecond; then longer, since others may validate or save. Not where much is
        // to be sent, to which all come from a small exchange: a library may send no more than some kilobytes at each look.
        let isLarge = bytes > 1 << 16, longest: UInt32 = isLarge ? 100 : 1000
        var nap: UInt32 = 20
        while true {
            for _ in 0..<(isLarge ? 8 : 1) {
                var isDone: Int32 = 0
                try Self.check(ptm_is_done(&isDone), "an exchange")
                if isDone != 0 { return }
            }
            let waited = start.duration(to: .now).seconds
            guard waited < timeout else { throw RankError.noAnswer(seconds: timeout, place: place) }
            usleep(nap)
            nap = min(longest, nap + nap / 4)
        }
    }

    private nonisolated static func check(_ status: Int32, _ call: String) throws {
        guard status != 0 else { return }
        throw RankError.failed(call: call, reason: text(600) { ptm_explain(status, $0, $1) })
    }

    /// What a C function writes into room of so many bytes.
    private nonisolated static func text(
        _ capacity: Int, _ write: (UnsafeMutablePointer<CChar>, Int) -> Void
    ) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
            guard let base = buffer.baseAddress else { return "" }
            base.pointee = 0
            write(base, capacity)
            return String(cString: base)
        }
    }
}

/// What one thread tells another.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
