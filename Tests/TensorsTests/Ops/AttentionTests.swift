import Testing

@testable import Tensors

@Compute @Suite struct AttentionTests {
    @Test(arguments: AttentionCase.small + AttentionCase.dropped + AttentionCase.biased)
    func referenceGradientIsTheSlope(subject: AttentionCase) {
        let reference = AttentionReference(subject: subject), elements = subject.elements(seed: 40).map(\.doubles)
        var random = SeededGenerator(41)
        let c = random.values(subject.outputCount).doubles, gradients = reference.gradients(elements, c)
        for tensor in elements.indices {
            expectSlope(
                of: {
                    var moved = elements
                    moved[tensor] = $0
                    return dot(c, reference.output(moved))
                }, at: elements[tensor], equals: gradients[tensor], "tensor \(tensor)")
        }
    }

    @Test(
        arguments: AttentionCase.small + AttentionCase.large + AttentionCase.dropped + AttentionCase.largeDropped
            + AttentionCase.biased + AttentionCase.largeBiased)
    func equalsReference(subject: AttentionCase) {
        let reference = AttentionReference(subject: subject), elements = subject.elements(seed: 42)
        var random = SeededGenerator(43)
        let c = random.values(subject.outputCount), tape = Tape()
        let tensors = elements.indices.map {
            Tensor(
                elements[$0], shape: subject.tensors[$0], tape: subject.constants.contains($0) ? nil : tape)
        }
        let output = subject.attend(tensors)
        #expect(output.shape == [subject.tensors[0][0], subject.outputWidth])
        expectClose(output.values, reference.output(elements.map(\.doubles)), tolerance: 2e-6, "output")
        output.backward(c)
        let gradients = reference.gradients(elements.map(\.doubles), c.doubles)
        for (index, tensor) in tensors.enumerated() where tensor.gradient != nil {
            expectClose(tensor.gradient?.value?.values, gradients[index], tolerance: 4e-6, "gradient of \(index)")
        }
        for (tensor, elements) in zip(tensors, elements) {
            #expect(tensor.values == elements, "attention must not change what it reads")
        }
    }

    /// Two prefixes that some of the sequences share, in turn and not, with few queries and many, for heads that fill vectors
    /// and heads that do not.
    @Test(arguments: [8, 16, 20, 32, 48, 64, 80, 96, 112, 128], [1, 3, 21])
    func sharedPrefixes(headWidth: Int, queries: Int) {
        let heads = 2, keyHeads = headWidth % 32 == 0 ? 1 : 2, keyWidth = keyHeads * headWidth
        let lengths = [queries, queries + 1, 1, queries, 2, queries + 7, queries]
        let prefixes = [1, 1, 2, 1, nil, 1, 1], count = lengths.reduce(0, +), first = heads * headWidth
        var sequences: [(Range<Int>, [SegmentCase])] = [], row = 0
        for (length, prefix) in zip(lengths, prefixes) {
            let rows = row..<row + length
            let own = SegmentCase(tensor: 0, rows: .range(rows), key: first, value: first + keyWidth)
            let start = prefix.map {
                SegmentCase(tensor: $0, rows: .range(0..<($0 == 1 ? 19 : 37)), key: 0, value: keyWidth)
            }
            sequences.append((rows, [start, own].compactMap(\.self)))
            row += length
        }
        let subject = AttentionCase(
            testDescription: "", tensors: [[count, first + 2 * keyWidth], [19, 2 * keyWidth], [37, 2 * keyWidth]],
            sequences: sequences,
            geometry: AttentionGeometry(
                heads: heads, keyHeads: keyHeads, headWidth: headWidth, scale: 1 / Float(headWidth).squareRoot()))
        let elements = subject.elements(seed: 60), tape = Tape(), reference = AttentionReference(subject: subject)
        var random = SeededGenerator(61)
        let c = random.values(subject.outputCount)
        let tensors = zip(elements, subject.tensors).map { Tensor($0, shape: $1, tape: tape) }
        let output = subject.attend(tensors)
        expectClose(output.values, reference.output(elements.map(\.doubles)), tolerance: 2e-6, "output")
        output.backward(c)
        let gradients = reference.gradients(elements.map(\.doubles), c.doubles)
        for (index, tensor) in tensors.enumerated() {
            expectClose(tensor.gradient?.value?.values, gradients[index], tolerance: 4e-6, "gradient of \(index)")
        }
    }

    /// Tensors that other operations use too: attention adds to what is already collected.
    @Test(arguments: AttentionCase.small)
    func addsToCollectedGradients(subject: AttentionCase) {
        let elements = subject.elements(seed: 44)
        var random = SeededGenerator(45)
        let c = random.values(subject.outputCount), tape = Tape()
        let tensors = zip(elements, subject.tensors).map { Tensor($0, shape: $1, tape: tape) }
        let once = subject.attend(tensors), again = subject.attend(tensors)
        (once + again).backward(c)
        let gradients = AttentionReference(subject: subject).gradients(elements.map(\.doubles), c.doubles)
        for (index, tensor) in tensors.enumerated() {
            expectClose(
                tensor.gradient?.value?.values, gradients[index].map { 2 * $0 }, tolerance: 4e-6, "gradient of \(index)"
            )
        }
    }

    /// Scores of thousands: the softmax is a choice, and nothing overflows, with few queries and with many.
    @Test(arguments: [1, 3, 4, 20])
    func largeScores(queries: Int) {
        let subject = AttentionCase(
            testDescription: "", tensors: [[queries, 8], [30, 16]],
            sequences: [(0..<queries, [SegmentCase(tensor: 1, rows: .range(0..<30), key: 0, value: 8)])],
            geometry: AttentionGeometry(heads: 1, headWidth: 8, scale: 1, isCausal: false))
        let elements = subject.elements(seed: 46).map { $0.map { $0 * 40 } }, tape = Tape()
        let tensors = zip(elements, subject.tensors).map { Tensor($0, shape: $1, tape: tape) }
        let output = subject.attend(tensors)
        let expected = AttentionReference(subject: subject).output(elements.map(\.doubles))
        expectClose(output.values, expected, tolerance: 1e-3, "output")
        output.backward([Float](repeating: 1, count: output.count))
        #expect(tensors.allSatisfy { $0.gradient?.value?.isFinite == true })
    }

    /// A causal query is blind to what comes after it: changing the last token changes the last output only.
    @Test(arguments: [2, 3, 4, 9, 40])
    func isBlindToTheFuture(length: Int) {
        let subject = AttentionCase(
            testDescription: "", tensors: [[length, 24]],
            sequences: [(0..<length, [SegmentCase(tensor: 0, rows: .range(0..<length), key: 8, value: 16)])],
            geometry: AttentionGeometry(heads: 1, headWidth: 8, scale: 0.5))
        var elements = subject.elements(seed: 47)[0]
        let before = subject.attend([Tensor(elements, shape: [length, 24])]).values
        for i in (length - 1) * 24..<length * 24 { elements[i] += 1 }
        let after = subject.attend([Tensor(elements, shape: [length, 24])]).values
        #expect(before.dropLast(8) == after.dropLast(8))
        #expect(before.suffix(8) != after.suffix(8))
    }

    /// Beyond the window nothing is read: infinities there change neither the output nor a gradient.
    @Test(arguments: [1, 3, 4, 30])
    func looksNoFurtherThanItsWindow(length: Int) {
        let subject = AttentionCase(
            testDescription: "", tensors: [[length, 24], [100, 16]],
            sequences: [
                (
                    0..<length,
                    [
                        SegmentCase(tensor: 1, rows: .range(0..<100), key: 0, value: 8),
                        SegmentCase(tensor: 0, rows: .range(0..<length), key: 8, value: 16),
                    ]
                )
            ], geometry: AttentionGeometry(heads: 1, headWidth: 8, scale: 0.5, window: 20))
        var elements = subject.elements(seed: 48)
        var random = SeededGenerator(49)
        let c = random.values(length * 8)
        func run() -> [[Float]?] {
            let tape = Tape(), tensors = zip(elements, subject.tensors).map { Tensor($0, shape: $1, tape: tape) }
            let output = subject.attend(tensors)
            output.backward(c)
            return [output.values] + tensors.map { $0.gradient?.value?.values }
        }
        let before = run()
        // The first query sees the 19 positions before it: those from 81 of the past on.
        for i in 0..<80 * 16 { elements[1][i] = 1e30 }
        #expect(run() == before)
        #expect(before[2]?.prefix(81 * 16).allSatisfy { $0 == 0 } == true)
        #expect(before[2]?[81 * 16] != 0)
        elements[1][81 * 16 + 8] += 1
        #expect(run()[0] != before[0])
    }
}
