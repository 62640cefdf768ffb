import Foundation

/// The sanitizer that code and tests are built with; `Tools/sanitize.sh` names it in PREFIXTUNE_SANITIZER.
public enum Sanitizer {
    private static let name = ProcessInfo.processInfo.environment["PREFIXTUNE_SANITIZER"]

    /// Whether it reserves terabytes of addresses for itself, so that no process starts where addresses are limited.
    public static let reservesAddresses = ["address", "thread"].contains(name)

    /// Whether each block of memory is as large as asked for and goes back to the system, so that its ends are watched.
    public static let watchesBlocks = name == "address"

    /// How many times as long as without it something may take.
    public static let slowness = name == nil ? 1 : 10
}
