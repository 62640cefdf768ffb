import LanguageModels
import Tensors
import Tokenizers

/// The tokens by which a server finds a prefix again: prompts begin with them, and the cache has the prefix's cells in their place.
///
/// They are never evaluated. What matters is that their text becomes exactly these tokens again, that no user's text contains it, and
/// that two prefixes of one server have different ones, as far as there are enough. Tokens that text does not contain come first (control tokens and those
/// that the makers left unused), then rare pieces of words. The last of them is one that no text can join: where a piece of the
/// vocabulary begins as the placeholders end and goes on, what follows could become one token with them.
public struct Placeholders: Equatable, Sendable {
    /// As many as the prefix has positions.
    public let tokens: [Int32]
    /// What a prompt begins with to be made these tokens of: without the token that the server puts before every text by itself.
    public let text: String

    /// Chooses placeholders.
    ///
    /// - Parameters:
    ///   - count: Positions of the prefix.
    ///   - model: Its tokenizer decides.
    ///   - template: A chat template, whose tokens are in use.
    ///   - seed: Prefixes of different seeds get different placeholders, as far as there are enough.
    /// - Throws: ``CacheFileError/tooFewPlaceholders(found:needed:)``.
    @Compute public init(count: Int, of model: LanguageModel, template: String?, seed: UInt64) throws {
        let tokenizer = model.tokenizer, begin = Self.begin(tokenizer)
        var generator = SeededGenerator(seed: seed)
        let needed = count - begin.count
        let size = min(tokenizer.vocabularySize, model.configuration.shape.vocabularySize)
        let used = Set(
            model.conventions.endTokens + begin
                + [
                    tokenizer.beginningOfText, tokenizer.endOfText, tokenizer.padding, tokenizer.unknown,
                    model.conventions.beginToken,
                ].compactMap(\.self))
        func stands(_ token: Int32) -> Bool {
            guard let text = Self.text([token], tokenizer), !text.isEmpty else { return false }
            return (try? tokenizer.encode(text)) == [token]
        }
        var special: [Int32] = [], lastResort: [Int32] = []
        for token in 0..<Int32(size) {
            let isMarked = tokenizer.isSpecial(token) || Self.looksUnused(tokenizer.token(for: token))
            guard isMarked, stands(token) else { continue }
            let isUsed = used.contains(token) || template?.contains(tokenizer.token(for: token) ?? "") == true
            if isUsed { lastResort.append(token) } else { special.append(token) }
        }
        special.shuffle(using: &generator)
        var chosen = Array(special.prefix(max(0, needed)))
        // No text can join the last one, and none those before it.
        if needed > 0, chosen.last.map(tokenizer.standsApart) != true,
            let end = (special + lastResort).first(where: tokenizer.standsApart)
        {
            chosen = chosen.filter { $0 != end }.prefix(needed - 1) + [end]
        }
        if chosen.count < needed {
            let pieces = Self.rarePieces(tokenizer, size: size, atMost: 16 * needed + 64, where: stands)
                .shuffled(using: &generator)
            // To look at a piece is to look at the whole vocabulary.
            if chosen.isEmpty, let end = pieces.prefix(64).first(where: { Self.isSealed([$0], tokenizer) }) {
                chosen = [end]
            }
            var rare: [Int32] = []
            for piece in pieces where !chosen.contains(piece) && rare.count + chosen.count < needed {
                if Self.isExact(rare + [piece] + chosen, tokenizer) { rare.append(piece) }
            }
            chosen = rare + chosen
        }
        guard chosen.count == needed, let text = Self.text(chosen, tokenizer), Self.isExact(chosen, tokenizer),
            Self.isSealed(chosen, tokenizer)
        else {
            throw CacheFileError.tooFewPlaceholders(found: chosen.count + begin.count, needed: count)
        }
        tokens = begin + chosen
        self.text = text
    }

    /// Takes placeholders that somebody chose.
    ///
    /// - Throws: ``CacheFileError/inexactPlaceholders(_:text:becomes:)``, ``CacheFileError/openPlaceholder(_:text:)``,
    ///   ``CacheFileError/placeholderCount(found:needed:)``.
    public init(_ tokens: [Int32], count: Int, tokenizer: Tokenizer) throws {
        guard tokens.count == count else {
            throw CacheFileError.placeholderCount(found: tokens.count, needed: count)
        }
        let begin = Self.begin(tokenizer), rest = Array(tokens.dropFirst(begin.count))
        let text = Self.text(rest, tokenizer) ?? ""
        guard tokens.starts(with: begin), Self.isExact(rest, tokenizer) else {
            throw CacheFileError.inexactPlaceholders(
                tokens, text: text, becomes: (try? begin + tokenizer.encode(text)) ?? [])
        }
        guard let last = rest.last, !Self.isSealed(rest, tokenizer) else {
            (self.tokens, self.text) = (tokens, text)
            return
        }
        throw CacheFileError.openPlaceholder(last, text: Self.text([last], tokenizer) ?? "")
    }

    /// What a server puts before every text.
    private static func begin(_ tokenizer: Tokenizer) -> [Int32] { tokenizer.specialTokensAround.before }

    /// The text of tokens; nil where it is none.
    private static func text(_ tokens: [Int32], _ tokenizer: Tokenizer) -> String? {
        let bytes = tokens.flatMap { tokenizer.bytes(of: $0) }, text = String(decoding: bytes, as: UTF8.self)
        return Array(text.utf8) == bytes ? text : nil
    }

    /// Whether the tokens' text becomes them again, also where some other text follows it.
    private static func isExact(_ tokens: [Int32], _ tokenizer: Tokenizer) -> Bool {
        guard let text = text(tokens, tokenizer) else { return false }
        let begin = tokenizer.beginningOfText.flatMap { tokenizer.token(for: $0) } ?? ""
        return ["", "a", " The", "\n", "1", ".", "é", "\u{301}", begin].allSatisfy {
            (try? tokenizer.encode(text + $0))?.starts(with: tokens) == true
        }
    }

    /// Whether no text that follows can become one token with the end of these: the last is found before text is split, or no token
    /// of the vocabulary begins as they end and goes on.
    private static func isSealed(_ tokens: [Int32], _ tokenizer: Tokenizer) -> Bool {
        guard let last = tokens.last, !tokenizer.standsApart(last) else { return true }
        let end = tokens.flatMap { tokenizer.bytes(of: $0) }
        return (0..<Int32(tokenizer.vocabularySize)).allSatisfy { token in
            let bytes = tokenizer.bytes(of: token)
            return !(1..<max(1, bytes.count)).contains { end.suffix($0).elementsEqual(bytes.prefix($0)) }
        }
    }

    /// `<unused7>`, `[unused7]`, `<|reserved_special_token_7|>`.
    private static func looksUnused(_ spelling: String?) -> Bool {
        guard let spelling, spelling.first == "<" || spelling.first == "[" else { return false }
        return spelling.contains("unused") || spelling.contains("reserved")
    }

    /// Words after a blank, the last that the tokenizer learnt first; then other pieces, where there are too few.
    private static func rarePieces(
        _ tokenizer: Tokenizer, size: Int, atMost count: Int, where stands: (Int32) -> Bool
    ) -> [Int32] {
        var words: [Int32] = [], others: [Int32] = []
        for token in stride(from: Int32(size) - 1, through: 0, by: -1) where words.count < count {
            let bytes = tokenizer.bytes(of: token)
            let isWord =
                bytes.first == UInt8(ascii: " ") && bytes.count > 4
                && bytes.dropFirst().allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) }
            guard isWord || others.count < count, !bytes.contains(UInt8(ascii: "{")), stands(token) else { continue }
            if isWord { words.append(token) } else { others.append(token) }
        }
        return words.count >= count / 16 ? words : words + others
    }
}
