import Foundation

/// The sanitizer that code and tests are built with; `Tools/sanitize.sh` names it in PREFIXTUNE_SANITIZER.
public enum Sanitizer {
    /// Whether it reserves terabytes of addresses for itself, so that no process starts where addresses are limited.
    public static let reservesAddresses = ["address", "thread"].contains(
        ProcessInfo.processInfo.environment["PREFIXTUNE_SANITIZER"])
}
