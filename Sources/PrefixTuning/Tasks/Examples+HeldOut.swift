import Tensors

extension [Example] {
    /// Holds some examples out for validation.
    ///
    /// All examples of one prompt stay together, so that nothing that is validated was learnt. Prompts are drawn by the seed, as
    /// long as they do not exceed the share; where none is as small as that, the smallest is taken. Both parts keep their order.
    ///
    /// - Parameters:
    ///   - share: Of the examples, between 0 and 1.
    ///   - seed: Fixes which ones; the same for the same examples.
    /// - Throws: ``DataError/tooFewToHoldOut(prompts:)`` where there are not two different prompts.
    public func holdingOut(_ share: Double, seed: UInt64) throws -> (training: [Example], validation: [Example]) {
        precondition(share > 0 && share < 1, "a share lies between 0 and 1")
        var sizes: [Int] = [], numbers: [String: Int] = [:]
        let prompts = map { example in
            let number = numbers[example.prompt] ?? sizes.count
            if number == sizes.count {
                numbers[example.prompt] = number
                sizes.append(0)
            }
            sizes[number] += 1
            return number
        }
        guard sizes.count > 1 else { throw DataError.tooFewToHoldOut(prompts: sizes.count) }
        var generator = SeededGenerator(seed: seed)
        let order = sizes.indices.shuffled(using: &generator)
        let wanted = Int((share * Double(count)).rounded())
        var held: Set<Int> = [], heldCount = 0
        // One prompt is left to learn, however large the share.
        for number in order where heldCount + sizes[number] <= wanted && held.count < sizes.count - 1 {
            held.insert(number)
            heldCount += sizes[number]
        }
        if held.isEmpty, let smallest = order.min(by: { sizes[$0] < sizes[$1] }) { held = [smallest] }
        let isHeld = prompts.map(held.contains)
        return (
            zip(self, isHeld).filter { !$0.1 }.map(\.0), zip(self, isHeld).filter(\.1).map(\.0)
        )
    }
}
