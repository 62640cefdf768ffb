import PrefixTuning
import TestSupport
import Testing

/// Examples that are held out for validation.
@Suite struct HeldOutTests {
    /// Examples of these prompts, numbered by their lines.
    private func examples(_ prompts: [String]) -> [Example] {
        prompts.enumerated().map {
            Example(prompt: $1, completion: "x", location: DataLocation(file: "f", line: $0 + 1))
        }
    }

    @Test(
        "a prompt is on one side, all examples are on some side in their order, and the share is met", arguments: 1...20
    )
    func parts(_ seed: UInt64) throws {
        let all = examples((0..<200).map { "p\($0 * $0 % 37)" })
        for share in [0.01, 0.1, 0.5, 0.9, 0.999] {
            let (training, held) = try all.holdingOut(share, seed: seed)
            #expect(Set(training.map(\.prompt)).isDisjoint(with: held.map(\.prompt)))
            #expect((training + held).sorted { $0.line < $1.line } == all)
            #expect(
                training.map(\.line) == training.map(\.line).sorted() && held.map(\.line) == held.map(\.line).sorted())
            #expect(!training.isEmpty && !held.isEmpty)
            #expect(Double(held.count) <= max(share * 200 + 0.5, 12))
        }
        let unique = examples((0..<100).map { "p\($0)" })
        #expect(try unique.holdingOut(0.1, seed: seed).validation.count == 10)
        #expect(try unique.holdingOut(0.999, seed: seed).training.count == 1)
    }

    @Test("the seed chooses")
    func seeds() throws {
        let all = examples((0..<100).map { "p\($0)" })
        let first = try all.holdingOut(0.1, seed: 1).validation.map(\.line)
        #expect(try all.holdingOut(0.1, seed: 1).validation.map(\.line) == first)
        #expect(try all.holdingOut(0.1, seed: 2).validation.map(\.line) != first)
        let chosen = try Set(
            (0..<200 as Range<UInt64>).flatMap { try all.holdingOut(0.1, seed: $0).validation.map(\.line) })
        #expect(chosen.count == 100, "every example is chosen by some seed")
    }

    @Test("where no prompt is small enough, the smallest is held out")
    func large() throws {
        let all = examples(["a", "a", "a", "b", "b", "c", "c", "c"])
        #expect(try all.holdingOut(0.1, seed: 3).validation.map(\.prompt) == ["b", "b"])
    }

    @Test("of one prompt none can be held out")
    func tooFew() throws {
        for (prompts, count) in [(["a", "a", "a"], "1 different prompt"), ([], "0 different prompts")] {
            let error = try #require(
                failure(DataError.self) { _ = try examples(prompts).holdingOut(0.5, seed: 1) })
            #expect(
                "\(error)"
                    == "the training data has \(count), of which none can be held out for validation; give more data, "
                    + "or validation data of its own")
        }
    }
}
