import Foundation

/// What a look at a running llama-server finds: nothing where it answers with the prefix.
public struct DeploymentReport: Equatable, Sendable {
    /// What can be wrong without any message of the server.
    public enum Finding: Equatable, Sendable {
        /// Trap A: layers see a window of so many positions, and the server, without `--swa-full`, drops restored cells.
        case windowedCache(window: Int)
        /// Trap B: other requests took the slot, in which so many positions were found again.
        case evicted(slot: Int, found: Int)
        /// Trap C: the placeholders were evaluated as ordinary tokens, and that state is found in place of the prefix.
        case evaluated(slot: Int)
        /// The server restores, and computes everything anew.
        case ignoredRestoring(slot: Int, found: Int)
        /// Requests that name no slot get another one.
        case otherSlot(slot: Int, found: Int)
        /// The server makes other tokens of the placeholders' text.
        case otherTokens([Int32])
        /// The prefix's positions are found, but the answer is neither its own nor that to the placeholders.
        case otherAnswer(tokens: [Int32], expected: [Int32])
        /// The canary does not tell the prefix from its placeholders, or rounding hides which of them answered.
        case cannotTell

        /// The trap's letter, as the article "Run a prefix anywhere" calls it; nil for what is none of them.
        public var trap: String? {
            switch self {
            case .windowedCache: "A"
            case .evicted: "B"
            case .evaluated: "C"
            default: nil
            }
        }
    }

    /// What is wrong; empty where the server answers as it should.
    public var findings: [Finding]
    /// Positions of the prefix.
    public var length: Int
    /// How many tokens of the canary's answer were as expected, of how many.
    public var agreement: (count: Int, of: Int)

    /// A report of known contents; see the properties.
    public init(findings: [Finding], length: Int, agreement: (count: Int, of: Int)) {
        self.findings = findings
        self.length = length
        self.agreement = agreement
    }

    /// Whether the server answers with the prefix, and did when it was asked first.
    public var isHealthy: Bool { findings.isEmpty }

    /// Equal findings, lengths and agreements.
    public static func == (one: DeploymentReport, other: DeploymentReport) -> Bool {
        one.findings == other.findings && one.length == other.length && one.agreement == other.agreement
    }
}

extension DeploymentReport.Finding: CustomStringConvertible {
    /// One sentence: what happens, and what to do.
    public var description: String {
        switch self {
        case .windowedCache(let window):
            "trap A: the server dropped the restored cells and computed the placeholders as ordinary tokens, because layers of this "
                + "model see a window of \(window); start it with --swa-full"
        case .evicted(let slot, let found):
            "trap B: other requests had evicted the prefix from slot \(slot), where only \(found) of its positions were left; restore it "
                + "whenever an answer reports fewer cached tokens, or let no other requests reach the server"
        case .evaluated(let slot):
            "trap C: the placeholders were evaluated as ordinary tokens before the prefix was restored, and the server answers from "
                + "that state (slot \(slot)); restart it, and restore before the first request"
        case .ignoredRestoring(let slot, let found):
            "the server restored slot \(slot), but found only \(found) positions of it again and computed the rest: builds of llama.cpp "
                + "had restoring without effect (issue 26676), so take a newer one"
        case .otherSlot(let slot, let found):
            "a request without id_slot got slot \(slot), which has \(found) positions of the prefix; send \"id_slot\", or start the server "
                + "with -np 1"
        case .otherTokens(let tokens):
            "the server makes the tokens \(tokens.prefix(12).map(String.init).joined(separator: ",")) of the placeholders' text: it runs "
                + "another model, or a file with another tokenizer; convert the prefix with the model that is served"
        case .otherAnswer(let tokens, let expected):
            "the prefix is found, but the answer is \(tokens.isEmpty ? "empty" : tokens.prefix(8).map(String.init).joined(separator: ",")) where "
                + "\(expected.prefix(8).map(String.init).joined(separator: ",")) belongs: the server runs other weights than the prefix was "
                + "converted for, or an adapter is missing there"
        case .cannotTell:
            "the canary cannot tell here whether the prefix or its placeholders answer: either both answers are the same, or rounding may "
                + "decide before they part; \(DeploymentError.canaryAdvice)"
        }
    }
}

/// What a server refuses, or answers in a way that is not known.
public enum DeploymentError: Error, Equatable {
    /// It refused to restore the file.
    case notRestored(file: String, status: Int, message: String, settings: String)
    /// It restored another number of positions.
    case otherLength(file: String, restored: Int, length: Int)
    /// Its reply is none of a llama-server.
    case notLlamaServer(path: String, status: Int)
    /// Its reply does not say how many tokens were found in the cache.
    case noCount(path: String)
    /// It refused a prompt.
    case refused(path: String, status: Int, message: String)
    /// What was found; see ``DeploymentReport/Finding``.
    case unsound([DeploymentReport.Finding])
}

extension DeploymentError: CustomStringConvertible, LocalizedError {
    /// One sentence: what happened, the value received, what to do.
    public var description: String {
        switch self {
        case .notRestored(let file, let status, let message, let settings):
            "the server did not restore \(file) (\(status): \(message)); "
                + (Self.advice(status)
                    ?? "it needs a slot of this number, the file in the folder of its --slot-save-path, and \(settings)")
        case .otherLength(let file, let restored, let length):
            "the server restored \(restored) positions of \(file), which has \(length); copy the file to the server's folder anew"
        case .notLlamaServer(let path, let status):
            "\(path) was answered with status \(status) and no reply of llama-server; give the address of a llama-server"
        case .noCount(let path):
            "the server's reply to \(path) has no timings.cache_n, the number of tokens found in its cache; take a newer llama.cpp"
        case .refused(let path, let status, let message):
            "the server refused \(path) (\(status): \(message)); "
                + (Self.advice(status) ?? "give one of its slots, and look into its log")
        case .unsound(let findings): findings.map(\.description).joined(separator: "; ")
        }
    }

    /// What helps where the canary does not tell: the end of a sentence.
    package static let canaryAdvice = "write the prefix anew with another prompt as its canary"

    /// What helps against a status; nil where that depends on what was asked.
    private static func advice(_ status: Int) -> String? {
        switch status {
        case 401, 403: "start it without --api-key, because no key is sent"
        case 404: "give one of its slots: -np says how many it has"
        case 501: "start it with --slot-save-path and the folder of the prefix"
        case 503: "wait until it has loaded its model"
        default: nil
        }
    }

    /// The same sentence, for code that shows any `Error`.
    public var errorDescription: String? { description }
}
