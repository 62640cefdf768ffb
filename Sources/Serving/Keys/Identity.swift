/// Who a request comes from, and what it may do.
package struct Identity: Equatable, Sendable {
    /// What a key may do beyond asking the base model.
    package enum Scope: Hashable, Sendable {
        /// Use the prefixes whose id fits a pattern: `owner/name`, `owner/*` or `*`.
        case use(String)
        /// Have prefixes of an owner: use, make, replace and delete them.
        case own(String)
        /// Train prefixes.
        case train
        /// Read `/metrics`.
        case metrics
        /// Everything.
        case admin
    }

    /// What a key may use up.
    package struct Limits: Equatable, Sendable {
        /// Requests in a minute.
        package var requests: Int?
        /// Tokens of prompts and answers in a minute.
        package var tokens: Int?
        /// Requests at the same time.
        package var streams: Int?
        /// Bytes of its prefixes in the store.
        package var bytes: Int?
        /// Training jobs at the same time.
        package var jobs: Int?
        /// Its share of the engine beside others.
        package var weight = 1.0

        /// No limits.
        package init() {}
    }

    /// The key's name, for logs and metrics.
    package let name: String
    /// What it may do.
    package let scopes: Set<Scope>
    /// What it may use up.
    package let limits: Limits

    /// Somebody.
    package init(name: String, scopes: Set<Scope>, limits: Limits = Limits()) {
        self.name = name
        self.scopes = scopes
        self.limits = limits
    }

    /// Who asks a server without keys: whoever is on this machine.
    package static let local = Identity(name: "local", scopes: [.admin, .own("local")])

    /// Whose prefixes are its own: where it makes new ones; nil where it may make none.
    package var owner: String? {
        scopes.compactMap { scope -> String? in if case .own(let owner) = scope { owner } else { nil } }.min()
    }

    /// Whether it may do everything.
    package var isAdmin: Bool { scopes.contains(.admin) }

    /// Whether it may use a prefix, and so knows of it.
    ///
    /// - Parameter owner: The prefix's; nil for one of the server's own, which lies in the store without a folder of an owner.
    package func mayUse(owner: String?, name: String) -> Bool {
        if isAdmin { return true }
        let id = owner.map { "\($0)/\(name)" } ?? name
        return scopes.contains { scope in
            switch scope {
            case .own(let own): own == owner
            case .use(let pattern): Self.fits(id, pattern) || (owner == nil && pattern == "shared")
            default: false
            }
        }
    }

    /// Whether it may make, replace and delete a prefix.
    package func mayChange(owner: String?) -> Bool {
        isAdmin || owner.map { scopes.contains(.own($0)) } ?? false
    }

    /// Whether it may do something that has nothing to do with prefixes.
    package func may(_ scope: Scope) -> Bool { isAdmin || scopes.contains(scope) }

    private static func fits(_ id: String, _ pattern: String) -> Bool {
        if pattern.hasSuffix("*") { return id.hasPrefix(pattern.dropLast()) }
        return id == pattern
    }
}

extension Identity.Scope: CustomStringConvertible {
    /// As it stands in a key file.
    package var description: String {
        switch self {
        case .use(let pattern): "use:\(pattern)"
        case .own(let owner): "own:\(owner)"
        case .train: "train"
        case .metrics: "metrics"
        case .admin: "admin"
        }
    }

    /// Reads one, as it stands in a key file.
    package init?(_ text: some StringProtocol) {
        let parts = String(text).split(separator: ":" as Character, maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        switch (parts[0], parts.count) {
        case ("train", 1): self = .train
        case ("metrics", 1): self = .metrics
        case ("admin", 1): self = .admin
        case ("use", 2) where !parts[1].isEmpty: self = .use(parts[1])
        case ("own", 2) where PrefixName.isValid(parts[1]): self = .own(parts[1])
        default: return nil
        }
    }
}
