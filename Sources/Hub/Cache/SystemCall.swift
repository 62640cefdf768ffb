import Foundation

/// Calls of the operating system that a signal may cut short.
enum SystemCall {
    /// Repeats a call for as long as it fails because of a signal.
    static func retried<Result: SignedInteger>(_ call: () -> Result) -> Result {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }
}
