import Foundation
import Hub

/// The file that says which API keys there are.
///
/// One key on a line: its name, the SHA-256 of the key, its scopes with commas between them, and its limits:
///
/// ```
/// alice  5e88…d8  own:alice,use:shared  requests=60,tokens=100000,streams=8,bytes=1000000000,weight=2
/// ```
///
/// Empty lines and lines that begin with `#` say nothing. The keys themselves stand nowhere.
package struct KeyFile: Equatable, Sendable {
    /// A line.
    package struct Line: Equatable, Sendable {
        /// SHA-256 of the key.
        package let digest: [UInt8]
        /// Who sends it.
        package let identity: Identity
    }

    /// What is wrong with a key file.
    package struct Mistake: Error, Equatable, CustomStringConvertible, LocalizedError {
        /// The file's path, and the line, from 1; 0 for the file as a whole.
        package let file: String, line: Int
        /// What is wrong.
        package let reason: String
        /// One sentence.
        package var description: String { line == 0 ? "\(file): \(reason)" : "\(file):\(line): \(reason)" }
        /// The same sentence.
        package var errorDescription: String? { description }
    }

    /// Its keys, in order.
    package let lines: [Line]

    /// Reads a file.
    ///
    /// - Throws: ``Mistake``, naming file and line.
    package init(_ file: URL) throws(Mistake) {
        let data: Data
        do { data = try Data(contentsOf: file) } catch {
            throw Mistake(file: file.path, line: 0, reason: "it cannot be read; \(error.localizedDescription)")
        }
        try self.init(String(decoding: data, as: UTF8.self), file: file.path)
    }

    /// Reads the text of a file.
    package init(_ text: String, file: String) throws(Mistake) {
        var lines: [Line] = [], names: Set<String> = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let columns = line.split(whereSeparator: \.isWhitespace).map(String.init)
            if columns.isEmpty || columns[0].hasPrefix("#") { continue }
            func mistake(_ reason: String) -> Mistake { Mistake(file: file, line: index + 1, reason: reason) }
            guard (2...4).contains(columns.count) else {
                throw mistake("it has \(columns.count) columns, but needs name, SHA-256, scopes and limits")
            }
            guard PrefixName.isValid(columns[0]) else {
                throw mistake("the name \"\(columns[0])\" is not of \(PrefixName.requirement)")
            }
            guard names.insert(columns[0]).inserted else { throw mistake("the name \(columns[0]) stands twice") }
            guard let digest = Self.bytes(columns[1]), digest.count == 32 else {
                throw mistake("the second column is no SHA-256 of 64 hexadecimal digits; make it with --new-key")
            }
            var scopes: Set<Identity.Scope> = []
            for text in columns.count > 2 ? columns[2].split(separator: ",") : [] where text != "-" {
                guard let scope = Identity.Scope(text) else {
                    throw mistake(
                        "\"\(text)\" is no scope; known are own:OWNER, use:OWNER/NAME, use:OWNER/*, use:shared, train, metrics and admin"
                    )
                }
                scopes.insert(scope)
            }
            let limits = try Self.limits(columns.count > 3 ? columns[3] : "-", mistake)
            lines.append(Line(digest: digest, identity: Identity(name: columns[0], scopes: scopes, limits: limits)))
        }
        guard !lines.isEmpty else {
            throw Mistake(file: file, line: 0, reason: "it holds no key; make one with prefixtune serve --new-key NAME")
        }
        self.lines = lines
    }

    private static func limits(_ column: String, _ mistake: (String) -> Mistake) throws(Mistake) -> Identity.Limits {
        var limits = Identity.Limits()
        for text in column.split(separator: ",") where text != "-" {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let number = Double(parts[1]), number > 0, number < 1e15 else {
                throw mistake("\"\(text)\" is no limit; write NAME=NUMBER, as requests=60")
            }
            switch parts[0] {
            case "requests": limits.requests = Int(number)
            case "tokens": limits.tokens = Int(number)
            case "streams": limits.streams = Int(number)
            case "bytes": limits.bytes = Int(number)
            case "jobs": limits.jobs = Int(number)
            case "weight": limits.weight = number
            default:
                throw mistake(
                    "there is no limit \"\(parts[0])\"; known are requests, tokens, streams, bytes, jobs and weight")
            }
        }
        return limits
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }

    /// A new key and its line.
    ///
    /// - Parameter name: Its name, which is also that of the owner whose prefixes it has.
    package static func newKey(_ name: String) -> (key: String, line: String) {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        // 43 letters of 62: 256 bits.
        let key = "pt-" + String((0..<43).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
        return (key, "\(name) \(ContentDigest.sha256(Data(key.utf8))) own:\(name),use:shared -\n")
    }

    /// Whose key it is: all lines are compared, each in the same time whatever it holds.
    package func identity(of key: String) -> Identity? {
        let digest = Self.bytes(ContentDigest.sha256(Data(key.utf8))) ?? []
        var found: Identity?
        for line in lines {
            var difference = UInt8(digest.count == line.digest.count ? 0 : 1)
            for (a, b) in zip(digest, line.digest) { difference |= a ^ b }
            if difference == 0 { found = line.identity }
        }
        return found
    }
}
