import Foundation

/// The actor on whose one thread all tensor work of a process runs.
///
/// oneDNN and the vector loops share an OpenMP pool, and libgomp keeps one pool *per calling thread*: work started
/// from two threads would oversubscribe the cores. Tensors, tapes, maps, models, caches and optimisers are therefore
/// isolated to this actor, and the compiler sees to it that a caller's thread never computes.
@globalActor
public actor Compute {
    /// The one instance.
    public static let shared = Compute()

    private nonisolated let executor = ThreadExecutor(name: "tensor-compute")

    /// The executor that owns the compute thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Runs `body` on the compute thread.
    ///
    /// - Parameter body: The work; its result must be safe to hand to another thread.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    public static func run<Result: Sendable>(
        _ body: @Compute @Sendable () throws -> Result
    ) async rethrows -> Result {
        try await body()
    }

    /// Lets other work that waits for the compute thread go first; returns at once where there is none.
    ///
    /// `Task.yield()` alone goes through the runtime's own threads, two of which wake for it: a third of a millisecond, a tenth of
    /// what a token of a small model takes (Benchmarks/NOTES.md). Where somebody reads what is computed step by step, it is the
    /// right one all the same: the reader is on its way, and waits nowhere yet.
    @Compute public static func yield() async {
        if shared.executor.hasWaitingJobs { await Task.yield() }
    }

    /// Returns memory that is kept for reuse to the system: after loading a model or reading data, say.
    @Compute public static func releaseFreeMemory() {
        BlockPool.shared.clear()
        backend.releaseFreeMemory()
    }

    /// Threads used by one operation, from 1 to 1,024; set to others, it becomes the nearest of these. The results of
    /// training depend on this number in their last bits.
    @Compute public static var threads: Int {
        get { backend.threads }
        set { backend.threads = newValue }
    }
}

/// Runs jobs in order on one thread of its own.
private final class ThreadExecutor: SerialExecutor, @unchecked Sendable {
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []

    init(name: String) {
        let thread = Thread { [self] in work(as: name) }
        thread.stackSize = 8 << 20
        thread.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        condition.lock()
        jobs.append(job)
        condition.signal()
        condition.unlock()
    }

    /// Whether there is work behind the job that runs.
    var hasWaitingJobs: Bool { condition.withLock { !jobs.isEmpty } }

    private func work(as name: String) {
        var job = nextJob()
        // Linux names only running threads, in at most 15 letters, and Foundation only once `start` has returned.
        Thread.current.name = name
        while true {
            job.runSynchronously(on: asUnownedSerialExecutor())
            job = nextJob()
        }
    }

    private func nextJob() -> UnownedJob {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty { condition.wait() }
        return jobs.removeFirst()
    }
}
