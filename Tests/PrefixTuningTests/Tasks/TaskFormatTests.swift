import Foundation
import PrefixTuning
import TestSupport
import Testing

@Suite struct TaskFormatTests {
    private struct Golden: Decodable {
        var prompt: String
        var completion: String
        var template: [Int32]
        var decoding_prompt: [Int32]
        var pieces: [String: [Int32]]
    }

    private struct UnknownText: Error {
        var text: String
    }

    private let end: Int32 = 50256

    private func goldens() throws -> [Golden] {
        let url = Fixtures.goldens.appendingPathComponent("tasks/templates.json")
        return try JSONDecoder().decode([Golden].self, from: try Data(contentsOf: url))
    }

    private func example(_ prompt: String, _ completion: String?) -> Example {
        Example(prompt: prompt, completion: completion, location: DataLocation(file: "f", line: 3))
    }

    /// One token per character: its Unicode number.
    private func characters(_ text: String) -> [Int32] { text.unicodeScalars.map { Int32($0.value) } }

    @Test func authorsTemplateHasTheIdsOfTheReferenceTokenizer() throws {
        let rows = try goldens()
        #expect(rows.count == 4)
        for row in rows {
            // A stand-in tokenizer that knows only the texts the template must ask for.
            let tokenize = { (text: String) in
                guard let ids = row.pieces[text] else { throw UnknownText(text: text) }
                return ids
            }
            let format = TaskFormat.tableToText
            let source = example(row.prompt, row.completion)
            let found = try #require(try format.tokens(for: source, endOfText: end, limit: 1024, tokenize: tokenize))
            #expect(found.tokens == row.template)
            #expect(found.targetStart == row.template.firstIndex(of: end).map { $0 + 1 })
            #expect(found.tokens.last == end)
            #expect(try format.promptTokens(for: source, endOfText: end, tokenize: tokenize) == row.decoding_prompt)
            let plain = try #require(
                try TaskFormat.plain.tokens(for: source, endOfText: end, limit: 1024, tokenize: tokenize))
            let prompt = try #require(row.pieces[row.prompt])
            #expect(plain.tokens == prompt + (row.pieces[row.completion] ?? []) + [end])
            #expect(plain.targetStart == prompt.count)
        }
    }

    @Test func cutsTheAuthorsTemplateAtTheLimit() throws {
        let format = TaskFormat.tableToText
        let whole = try #require(
            try format.tokens(for: example("ab", "cdef"), endOfText: end, limit: 99, tokenize: characters))
        #expect(whole.tokens == characters(" ab ") + [end] + characters(" cdef ") + [end])
        #expect((whole.targetStart, whole.targetCount) == (5, 7))
        for limit in 6...12 {
            let cut = try format.tokens(for: example("ab", "cdef"), endOfText: end, limit: limit, tokenize: characters)
            #expect(cut?.tokens == Array(whole.tokens.prefix(limit)))
            #expect(cut?.targetStart == 5)
        }
        for limit in [5, 1, 0, -3] {
            #expect(throws: DataError.nothingToLearn(.init(file: "f", line: 3), promptTokens: 5, limit: limit)) {
                try format.tokens(for: example("ab", "cdef"), endOfText: end, limit: limit, tokenize: characters)
            }
        }
    }

    @Test func refusesOrSkipsLongExamplesOfTheUsersOwn() throws {
        var format = TaskFormat.plain
        let long = example("ab", "cd")
        #expect(try format.tokens(for: long, endOfText: end, limit: 5, tokenize: characters)?.tokens.count == 5)
        #expect(throws: DataError.tooLong(.init(file: "f", line: 3), tokens: 5, limit: 4)) {
            try format.tokens(for: long, endOfText: end, limit: 4, tokenize: characters)
        }
        format.overflow = .skip
        #expect(try format.tokens(for: long, endOfText: end, limit: 4, tokenize: characters) == nil)
        format.overflow = .truncate
        #expect(
            try format.tokens(for: long, endOfText: end, limit: 4, tokenize: characters)?.tokens == characters("abcd"))
    }

    @Test func needsAPromptAndACompletion() throws {
        #expect(throws: DataError.emptyPrompt(.init(file: "f", line: 3))) {
            try TaskFormat.plain.tokens(for: example("", "a"), endOfText: end, limit: 9, tokenize: characters)
        }
        // Unless something is read before it: the completion is learnt from there.
        for (prompt, before) in [("", [Int32(7)]), ("", [7, 8]), ("b", [7])] {
            let found = try TaskFormat.plain.tokens(for: example(prompt, "a"), endOfText: end, limit: 4) {
                before + $0
            } tokenize: {
                characters($0)
            }
            let prompt = before + characters(prompt)
            #expect(found == TokenizedExample(tokens: prompt + [97, end], targetStart: prompt.count))
        }
        #expect(throws: DataError.missingCompletion(.init(file: "f", line: 3))) {
            try TaskFormat.plain.tokens(for: example("a", nil), endOfText: end, limit: 9, tokenize: characters)
        }
        // An empty completion teaches to stop.
        let stop = try TaskFormat.plain.tokens(for: example("a", ""), endOfText: end, limit: 9, tokenize: characters)
        #expect(stop == TokenizedExample(tokens: [97, end], targetStart: 1))
    }
}
