import Foundation

/// How long threads spin while they wait for each other.
///
/// libgomp's threads spin for milliseconds before they sleep. On a machine that does anything else at the same time they
/// then burn the very cores that the thread they wait for needs: with one other busy process on two cores, training
/// was measured at 24 tokens/s, and at 306 with a shorter wait (Benchmarks/NOTES.md). libgomp reads its settings when
/// the program is loaded, before any of our code runs; hence the program starts itself once more.
enum Patience {
    private static let variables = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"]

    static func apply() {
        #if os(Linux)
            guard variables.allSatisfy({ getenv($0) == nil }) else { return }
            setenv("GOMP_SPINCOUNT", "10000", 1)
            // Returns only where it fails; then the program runs as it is.
            execv("/proc/self/exe", CommandLine.unsafeArgv)
        #endif
    }
}
