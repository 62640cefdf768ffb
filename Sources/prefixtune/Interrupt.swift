import Foundation
import Synchronization

/// Whether Ctrl-C or SIGTERM asked the process to stop.
///
/// The first signal is a request: the command saves and leaves at its next step. A second one ends the process.
enum Interrupt {
    private static let flag = Atomic<Bool>(false)

    /// Starts listening.
    static func listen() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                if Interrupt.flag.exchange(true, ordering: .relaxed) {
                    signal(number, SIG_DFL)
                    raise(number)
                }
            }
        }
    }

    /// Whether a stop was asked for.
    static var isRequested: Bool { flag.load(ordering: .relaxed) }
}
