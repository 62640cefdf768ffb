import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// When a request is worth another try, and how long to wait before it, as the Python client does it: five more tries,
/// waiting 1, 2, 4, 8, 8 seconds, or as long as the server asks for.
struct RetryPolicy: Sendable {
    /// Further tries after the first.
    var retries = 5
    /// Seconds before the first further try; each next one waits twice as long.
    var firstWait = 1.0
    /// The most seconds between two tries.
    var longestWait = 8.0
    /// The most seconds that a server may ask for; above, the user is told.
    var longestAsked = 300

    /// One try only: where there is something else to fall back to.
    var once: RetryPolicy {
        var policy = self
        policy.retries = 0
        return policy
    }

    /// Overload and outages; everything else stays as it is.
    static func isTemporary(_ status: Int) -> Bool { [408, 429, 500, 502, 503, 504].contains(status) }

    /// Broken and refused connections, time-outs, names that cannot be resolved.
    static func isTemporary(_ error: any Error) -> Bool {
        guard let error = error as? URLError else { return false }
        return ![.cancelled, .badURL, .unsupportedURL, .dataLengthExceedsMaximum].contains(error.code)
    }

    /// Whether there was no server to speak to: who has no network should not wait long to hear it.
    static func isNobodyThere(_ error: any Error) -> Bool {
        let codes: [URLError.Code] = [
            .cannotFindHost, .dnsLookupFailed, .cannotConnectToHost, .notConnectedToInternet,
        ]
        return (error as? URLError).map { codes.contains($0.code) } ?? false
    }

    /// Waits before try number `number`, counted from 1 for the first repetition.
    func pause(before number: Int, asked: Int?) async throws {
        if let asked, asked > longestAsked { throw HubError.tooManyRequests(seconds: asked) }
        let seconds = asked.map(Double.init) ?? min(longestWait, firstWait * pow(2, Double(min(number, 30) - 1)))
        try await Task.sleep(for: .seconds(seconds))
    }

    /// Seconds that a reply asks to wait for: `Retry-After`, or the hub's `RateLimit: "api";r=0;t=55`.
    static func secondsAsked(_ response: HTTPURLResponse) -> Int? {
        if response.statusCode == 429, let limit = response.value(forHTTPHeaderField: "RateLimit") {
            var values: [Substring: Int] = [:]
            for field in limit.split(separator: ";").dropFirst() {
                let parts = field.split(separator: "=")
                guard parts.count == 2 else { continue }
                let name = parts[0].drop { $0 == " " }
                values[name] = Int(parts[1].filter { $0 != " " })
            }
            if values["r"] == 0, let seconds = values["t"], seconds >= 0 { return rounded(seconds) }
        }
        let text = response.value(forHTTPHeaderField: "Retry-After")?.trimmingCharacters(in: .whitespaces)
        guard let text, let seconds = Int(text), seconds >= 0 else { return nil }
        return seconds == 0 ? 0 : rounded(seconds)
    }

    /// A second more, as the Python client: the server rounds. It may say any number.
    private static func rounded(_ seconds: Int) -> Int { min(seconds, Int(Int32.max)) + 1 }
}
