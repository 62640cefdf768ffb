import COniguruma

/// A regular expression of a tokenizer file, on the engine and with the options that Hugging Face uses.
///
/// Searching never hangs: where a pattern goes back over the text so often that it would, the search uses up the budget
/// and ends. (Hugging Face's library ends the process there.)
final class OnigurumaRegex: @unchecked Sendable {
    // Compiled once and then only read, which Oniguruma allows on several threads at a time.
    private let compiled: OnigRegex
    /// The beginning of the pattern, for errors.
    private let name: String

    /// Starting the engine is the one thing that must not happen on two threads at a time.
    private static let isReady = oniguruma_start() == ONIG_NORMAL

    /// How often a search may first go back.
    private static let firstRetries = 64
    /// How many places to go back to a search may at least remember, of some 50 bytes each.
    private static let shallowest = 100_000

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
        name = "pattern \"\(String(decoding: pattern.prefix(80), as: UTF8.self))\""
    }

    deinit { onig_free(compiled) }

    /// Calls `body` with the start and end of each match in turn.
    ///
    /// The engine says where it found a match, but not how often it went back: so each search begins with few steps, and
    /// gets twice as many until they are enough. Steps forward it does not count at all; for these there is the clock.
    ///
    /// An empty match right behind the last match does not count; the search goes on one character later.
    func forEachMatch(
        in text: UnsafeBufferPointer<UInt8>, budget: inout EncodingBudget, _ body: (Range<Int>) -> Void
    ) {
        // Offsets are C ints.
        guard let base = text.baseAddress else { return }
        guard text.count < 1 << 30, let region = onig_region_new() else { return budget.exhaust(name) }
        guard let parameters = onig_new_match_param() else {
            onig_region_free(region, 1)
            return budget.exhaust(name)
        }
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
            var retries = Self.firstRetries
            var status: CInt
            repeat {
                status = oniguruma_find(
                    compiled, base, end, base + position, region, parameters, UInt(retries),
                    UInt32(Self.shallowest + min(2 * rest, Self.shallowest * 10)), &matchStart, &matchEnd)
                // Between two steps back it may go forward over all the rest.
                guard budget.spend(retries, on: name), budget.spendTime(work: retries * rest, on: name) else { return }
                retries *= 2
            } while oniguruma_is_out_of_retries(status)
            if status == ONIG_MISMATCH { return }
            guard status == 0 else { return budget.exhaust(name) }
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
