import Foundation

/// Calls of the operating system that a signal may cut short.
package enum SystemCall {
    /// Repeats a call for as long as it fails because of a signal.
    package static func retried<Result: SignedInteger>(_ call: () -> Result) -> Result {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }

    /// Writes all bytes, however few the system takes at a time.
    ///
    /// - Returns: 0, or the error's number.
    package static func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let written = retried { write(descriptor, part.baseAddress, part.count) }
            guard written > 0 else { return written == 0 ? ENOSPC : errno }
            rest = rest.dropFirst(written)
        }
        return 0
    }
}
