import Foundation

/// How the server runs.
package struct ServerSettings: Sendable {
    /// Where it listens.
    package var host = "127.0.0.1", port = 8080
    /// Further names by which it may be asked; nil for any.
    package var hosts: Set<String>? = []
    /// A site whose pages may ask it; nil for none.
    package var corsOrigin: String?
    /// The longest answer of a chat that does not say one.
    package var defaultMaxTokens = 512
    /// Bytes of a body of JSON, and of an uploaded prefix.
    package var bodyLimit = 4 << 20, uploadLimit = 1 << 30
    /// Uploads at a time.
    package var uploads = 4
    /// Seconds for a body of JSON, beyond what its length takes.
    package var bodySeconds = 30.0
    /// Connections at a time.
    package var connections = 4096
    /// Seconds after which a silent stream tells that it lives, after which a client that does not read is left, and after
    /// which a connection without a request is closed.
    package var pingSeconds = 4, writeSeconds = 60, idleSeconds = 60
    /// Seconds in which new requests are still taken after SIGTERM, and in which those that are there are answered.
    package var drainDelay = 0.0, drainTimeout = 30.0
    /// Where JSON requests may take prefixes from; nil for nowhere.
    package var prefixRoot: URL?
    /// Files of a certificate and of its key.
    package var certificate: URL?, certificateKey: URL?
    /// What `/version` tells beside the version.
    package var version = "", batchInvariant = false
    /// What metrics are called.
    package var metricsNames = MetricsNames.own

    /// The defaults.
    package init() {}
}
