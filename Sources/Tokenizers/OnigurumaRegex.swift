import COniguruma

/// A regular expression of a tokenizer file, on the engine and with the options that Hugging Face uses.
///
/// Searching never hangs: where a pattern goes back over the text so often that it would, the search gives up, and the
/// rest of the text counts as having no match. (Hugging Face's library ends the process there.)
final class OnigurumaRegex: @unchecked Sendable {
    // Compiled once and then only read, which Oniguruma allows on several threads at a time.
    private let compiled: OnigRegex

    /// Starting the engine is the one thing that must not happen on two threads at a time.
    private static let isReady = oniguruma_start() == ONIG_NORMAL

    /// Patterns beyond this length are refused: compiling them could take very long.
    private static let longestPattern = 65_536

    /// - Throws: ``TokenizerError/inconsistent(file:component:reason:)`` where it is not a regular expression.
    init(_ pattern: [UInt8], file: String, component: String) throws {
        guard pattern.count <= Self.longestPattern else {
            throw TokenizerError.inconsistent(
                file: file, component: component, reason: "a pattern of \(pattern.count) bytes is too long")
        }
        var regex: OnigRegex?
        let isReady = Self.isReady
        // With a byte more than the pattern has: an empty array may have no address.
        let status = (pattern + [0]).withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { oniguruma_compile(&regex, $0, $0 + pattern.count) } ?? ONIGERR_MEMORY
        }
        guard isReady, status == ONIG_NORMAL, let regex else {
            throw TokenizerError.inconsistent(
                file: file, component: component,
                reason: "\"\(String(decoding: pattern.prefix(80), as: UTF8.self))\" is not a regular expression")
        }
        compiled = regex
    }

    deinit { onig_free(compiled) }

    /// Calls `body` with the start and end of each match in turn.
    ///
    /// An empty match right behind the last match does not count; the search goes on one character later.
    func forEachMatch(in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
        // Offsets are C ints.
        guard let base = text.baseAddress, text.count < 1 << 30 else { return }
        guard let region = onig_region_new(), let parameters = onig_new_match_param() else { return }
        defer {
            onig_region_free(region, 1)
            onig_free_match_param(parameters)
        }
        let end = base + text.count
        var position = 0
        var lastEnd = -1
        while position <= text.count {
            var (matchStart, matchEnd): (CInt, CInt) = (0, 0)
            let rest = text.count - position
            let status = oniguruma_find(
                compiled, base, end, base + position, region, parameters, UInt(10_000 + 64 * rest),
                UInt32(10_000 + min(rest, 1 << 28) * 8), &matchStart, &matchEnd)
            guard status == 0 else { return }
            let match = Int(matchStart)..<max(Int(matchStart), Int(matchEnd))
            if match.isEmpty && match.upperBound == lastEnd {
                position +=
                    match.lowerBound < text.count
                    ? CharacterClasses.scalar(at: match.lowerBound, of: text).length : 1
                continue
            }
            position = match.upperBound
            lastEnd = match.upperBound
            body(match)
        }
    }
}
