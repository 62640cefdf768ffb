import PrefixTuning
import Tensors

/// Ranks on one thread, for tests: an exchange that not all have come to is put off, and the step that wanted it is taken again.
///
/// A step is a function of the trainer's state, so a rank that takes it once more says the same again; what all have said by then
/// is answered.
@Compute final class RehearsedRanks {
    /// Thrown where others have to be heard first.
    struct PutOff: Error {}

    private enum Words {
        case numbers([Double]), integers([Int64]), floats([Float])
    }

    /// What each rank has said, exchange by exchange.
    private var said: [[Words]] = []
    let count: Int
    /// The order in which ranks are added.
    private let order: [Int]

    init(_ count: Int, order: [Int]? = nil) {
        self.count = count
        self.order = order ?? Array(0..<count)
        said = Array(repeating: [], count: count)
    }

    /// One of them.
    func rank(_ index: Int) -> Rank { Rank(self, index) }

    @Compute final class Rank: RankGroup {
        let index: Int
        private let group: RehearsedRanks
        /// How many exchanges of the present step are behind it.
        private var heard = 0

        init(_ group: RehearsedRanks, _ index: Int) { (self.group, self.index) = (group, index) }

        var count: Int { group.count }

        private func exchange(_ words: Words) throws -> [Words] {
            if group.said[index].count == heard { group.said[index].append(words) }
            guard group.said.allSatisfy({ $0.count > heard }) else {
                heard = 0
                throw PutOff()
            }
            defer { heard += 1 }
            return group.order.map { group.said[$0][heard] }
        }

        func begin() { heard = 0 }

        func maximum(_ values: [Double]) throws -> [Double] {
            try exchange(.numbers(values)).reduce(values) { greatest, words in
                guard case .numbers(let values) = words else { return greatest }
                return zip(greatest, values).map { max($0, $1) }
            }
        }

        func sum(_ values: UnsafeMutableBufferPointer<Int64>) throws {
            let all = try exchange(.integers(Array(values)))
            for index in values.indices { values[index] = 0 }
            for case .integers(let words) in all { for (index, word) in words.enumerated() { values[index] &+= word } }
        }

        func sum(_ values: UnsafeMutableBufferPointer<Float>) throws {
            let all = try exchange(.floats(Array(values)))
            for index in values.indices { values[index] = 0 }
            for case .floats(let words) in all { for (index, word) in words.enumerated() { values[index] += word } }
        }
    }

    /// Lets all take a step.
    func together<Result>(_ ranks: [Rank], _ step: (Int) throws -> Result) throws -> [Result] {
        said = Array(repeating: [], count: count)
        var results = [Result?](repeating: nil, count: count)
        while results.contains(where: { $0 == nil }) {
            for index in 0..<count where results[index] == nil {
                ranks[index].begin()
                do { results[index] = try step(index) } catch is PutOff {}
            }
        }
        return results.compactMap { $0 }
    }
}
