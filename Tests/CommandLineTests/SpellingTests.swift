import Testing

@testable import prefixtune

/// Words that are nearly right.
@Suite struct SpellingTests {
    @Test(arguments: [
        ("", "", 0), ("a", "", 1), ("train", "trian", 1), ("train", "tarin", 1), ("train", "tran", 1),
        ("kitten", "sitting", 3), ("ca", "abc", 3), ("lr", "clip", 3),
    ])
    func distances(_ first: String, _ second: String, _ distance: Int) {
        #expect(Spelling.distance(first, second) == distance)
        #expect(Spelling.distance(second, first) == distance)
    }

    @Test func onlyNearWordsAreOffered() {
        let words = ["train", "generate", "score"]
        #expect(Spelling.nearest(to: "Generat", among: words) == "generate")
        #expect(Spelling.nearest(to: "plot", among: words) == nil)
        #expect(Spelling.nearest(to: "x", among: []) == nil)
    }

    /// What other programs call so is an option here, under the other name only.
    @Test func otherNames() throws {
        let commands = try #require(CommandDescription.program?.subcommands)
        let known = Set(commands.flatMap(\.optionNames))
        #expect(known.count > 100)
        for (other, own) in Spelling.otherNames { #expect(known.contains(own), "--\(other) is not --\(own)") }
    }
}
