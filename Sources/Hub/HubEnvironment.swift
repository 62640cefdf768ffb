import Foundation

/// Settings from environment variables, with the names, defaults and meanings of the Python client.
public struct HubEnvironment: Sendable {
    /// `HF_ENDPOINT`, without a slash at the end; `https://huggingface.co` unless set.
    public var endpoint: URL
    /// `HF_TOKEN`, else the file `HF_TOKEN_PATH` or `$HF_HOME/token`, which `hf auth login` writes; nil for none.
    public var token: String?
    /// `HF_HUB_CACHE`, else `$HF_HOME/hub`.
    public var cacheFolder: URL
    /// The variable that forbids the network (`HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`), or nil.
    public var offlineSetting: String?
    /// Seconds to wait for metadata: `HF_HUB_ETAG_TIMEOUT`, 10 unless set.
    public var metadataTimeout: Double
    /// Seconds without a byte after which a download counts as broken: `HF_HUB_DOWNLOAD_TIMEOUT`, 10 unless set.
    public var downloadTimeout: Double
    /// Whether `HF_HUB_DISABLE_PROGRESS_BARS` is off.
    public var showsProgress: Bool

    /// The token, where it may be sent: over an encrypted connection, or to this machine.
    ///
    /// The Python client sends it over any connection. Here a hub whose address begins with `http://` is asked without it,
    /// and ``withheldTokenNote`` says so: on the way, anyone could read it.
    var tokenToSend: String? { endpoint.scheme?.lowercased() == "https" || Self.isLoopback(endpoint) ? token : nil }

    /// What to tell a user whose token is not sent; nil where it is, or there is none.
    var withheldTokenNote: String? {
        guard token != nil, tokenToSend == nil else { return nil }
        return
            "the access token is not sent to \(endpoint.absoluteString), which is not encrypted; set HF_ENDPOINT to an "
            + "address that begins with https:// to use it"
    }

    /// Whether an address is of this machine, so that nothing is sent over a network.
    private static func isLoopback(_ url: URL) -> Bool {
        let host = (url.host ?? "").lowercased()
        if host == "localhost" || host == "::1" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Where the hub is unless `HF_ENDPOINT` says otherwise.
    public static let defaultEndpoint = "https://huggingface.co"

    /// Reads the environment.
    ///
    /// - Parameters:
    ///   - variables: The process's unless given.
    ///   - home: The user's folder, for `~`.
    /// - Throws: ``HubError/invalidSetting(name:value:reason:)``.
    public init(
        _ variables: [String: String] = ProcessInfo.processInfo.environment, home: String = NSHomeDirectory()
    ) throws {
        func value(_ names: String...) -> String? { names.lazy.compactMap { variables[$0] }.first { !$0.isEmpty } }
        func path(_ text: String) -> String { Self.expand(text, variables, home: home) }
        func isSet(_ name: String) -> Bool {
            ["1", "ON", "YES", "TRUE"].contains((variables[name] ?? "").uppercased())
        }
        func seconds(_ name: String) throws -> Double {
            guard let text = value(name) else { return 10 }
            guard let number = Double(text), number > 0, number < 1e6 else {
                throw HubError.invalidSetting(name: name, value: text, reason: "a number of seconds is needed")
            }
            return number
        }

        let address = value("HF_ENDPOINT") ?? Self.defaultEndpoint
        var trimmed = Substring(address)
        while trimmed.hasSuffix("/") { trimmed.removeLast() }
        guard let endpoint = URL(string: String(trimmed)),
            ["http", "https"].contains(endpoint.scheme?.lowercased() ?? ""),
            !(endpoint.host ?? "").isEmpty
        else {
            throw HubError.invalidSetting(
                name: "HF_ENDPOINT", value: address, reason: "an address like \(Self.defaultEndpoint) is needed")
        }
        self.endpoint = endpoint
        let hub = path(value("HF_HOME") ?? (value("XDG_CACHE_HOME") ?? "\(home)/.cache") + "/huggingface")
        cacheFolder = URL(fileURLWithPath: path(value("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? hub + "/hub"))
        // As the Python client: the second variable counts where the first is not set at all.
        let offline = value("HF_HUB_OFFLINE") == nil ? "TRANSFORMERS_OFFLINE" : "HF_HUB_OFFLINE"
        offlineSetting = isSet(offline) ? offline : nil
        metadataTimeout = try seconds("HF_HUB_ETAG_TIMEOUT")
        downloadTimeout = try seconds("HF_HUB_DOWNLOAD_TIMEOUT")
        showsProgress = !isSet("HF_HUB_DISABLE_PROGRESS_BARS")

        let file = path(value("HF_TOKEN_PATH") ?? hub + "/token")
        token = Self.clean(value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"))
        if token == nil, let data = FileManager.default.contents(atPath: file) {
            token = Self.clean(String(decoding: data, as: UTF8.self))
        }
        if let token, !token.utf8.allSatisfy({ (33...126).contains($0) }) {
            throw HubError.invalidSetting(
                name: "HF_TOKEN", value: "…", reason: "a token has printable ASCII characters only; copy it again")
        }
    }

    private static func clean(_ token: String?) -> String? {
        guard let token else { return nil }
        let kept = String(token.unicodeScalars.filter { $0 != "\n" && $0 != "\r" })
            .trimmingCharacters(in: .whitespaces)
        return kept.isEmpty ? nil : kept
    }

    /// `~/x` and `$NAME/x`, `${NAME}/x` as Python's `expanduser` and `expandvars`: unknown names stay.
    static func expand(_ text: String, _ variables: [String: String], home: String) -> String {
        var result = "", rest = text[...]
        if rest == "~" || rest.hasPrefix("~/") {
            result = home
            rest = rest.dropFirst()
        }
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            let isBraced = rest.dropFirst().first == "{"
            let name = rest.dropFirst(isBraced ? 2 : 1).prefix {
                $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")
            }
            let length = 1 + name.count + (isBraced ? 2 : 0)
            let isClosed = !isBraced || rest.dropFirst(length - 1).first == "}"
            if isClosed, !name.isEmpty, let value = variables[String(name)] {
                result += value
                rest = rest.dropFirst(length)
            } else {
                result += "$"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }
}
