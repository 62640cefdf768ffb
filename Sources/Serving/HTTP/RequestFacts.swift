import Logging
import Synchronization

/// What is found out about a request while it is answered, for its line in the log and its headers: never a text.
package final class RequestFacts: Sendable {
    private let fields = Mutex<Logger.Metadata>([:])
    private let headers = Mutex<[String: String]>([:])

    init() {}

    /// Notes something for the log.
    func note(_ name: String, _ value: some CustomStringConvertible & Sendable) {
        fields.withLock { $0[name] = .stringConvertible(value) }
    }

    /// Notes a header of the response.
    func header(_ name: String, _ value: some CustomStringConvertible) {
        headers.withLock { $0[name] = value.description }
    }

    /// What the log tells.
    var noted: Logger.Metadata { fields.withLock { $0 } }
    /// Further headers of the response.
    var notedHeaders: [String: String] { headers.withLock { $0 } }
}
