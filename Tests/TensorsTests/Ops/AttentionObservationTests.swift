import Testing

@testable import Tensors

/// Attention as it is seen from outside.
@Compute @Suite struct AttentionObservationTests {
    /// The probabilities of a query and head sum to 1, and the values weighted by them are what attention gave: they are those
    /// that the kernels used, windows, lists of rows and shared key heads included.
    @Test(arguments: AttentionCase.small + AttentionCase.large, CacheType.allCases)
    func probabilitiesAreWhatWeightsTheValues(subject: AttentionCase, type: CacheType) throws {
        let tensors = zip(subject.elements(seed: 50), subject.tensors).map { Tensor($0, shape: $1) }
        let held = tensors.map { KeyValueRows(copying: $0, column: 0, width: $0.width, as: type) }
        var seen: [AttentionObservation] = []
        let output = Compute.observingAttention {
            seen.append($0)
        } during: {
            subject.attend(tensors[0], held)
        }
        let observation = try #require(seen.first)
        #expect(seen.count == 1 && observation.queries === tensors[0])
        let heads = subject.geometry.heads, depth = subject.geometry.headWidth
        let shared = heads / subject.geometry.keyHeads
        var weighted = [Double](repeating: 0, count: output.count), worst = 0.0
        for (index, sequence) in observation.sequences.enumerated() {
            var sums = [Double](repeating: 0, count: sequence.queries.count * heads)
            for (place, segment) in sequence.segments.enumerated() {
                let p = observation.probabilities(sequence: index, segment: place), count = segment.rows.count
                #expect(p.count == sums.count * count)
                let rows: [Int] =
                    switch segment.rows {
                    case .range(let range): Array(range)
                    case .list(let list): list.map(Int.init)
                    }
                let keyRows = segment.source, depthOfRow = keyRows.width
                var values = [Float](repeating: 0, count: ((rows.max() ?? -1) + 1) * depthOfRow)
                values.withUnsafeMutableBufferPointer { buffer in
                    guard let start = buffer.baseAddress else { return }
                    for row in Set(rows) {
                        keyRows.read(row: row, column: 0, count: depthOfRow, into: start + row * depthOfRow)
                    }
                }
                for (query, row) in sequence.queries.enumerated() {
                    for head in 0..<heads {
                        for position in 0..<count {
                            let share = p[(query * heads + head) * count + position]
                            sums[query * heads + head] += share
                            let from =
                                rows[position] * segment.source.width + segment.valueColumn + head / shared * depth
                            for d in 0..<depth {
                                weighted[(row * heads + head) * depth + d] += share * Double(values[from + d])
                            }
                        }
                    }
                }
            }
            for sum in sums { worst = max(worst, abs(sum - 1)) }
        }
        #expect(worst < 5e-6, "sums differ from 1 by \(worst)")
        expectClose(output.values, weighted, tolerance: 5e-6, "output")
    }

    @Test func observersAreToldOfWhatTheyAskedForOnly() {
        let subject = AttentionCase.small[0]
        let tensors = zip(subject.elements(seed: 51), subject.tensors).map { Tensor($0, shape: $1) }
        var outer = 0, inner = 0
        _ = subject.attend(tensors)
        Compute.observingAttention { _ in
            outer += 1
        } during: {
            _ = subject.attend(tensors)
            Compute.observingAttention { _ in
                inner += 1
            } during: {
                _ = subject.attend(tensors)
            }
            _ = subject.attend(tensors)
        }
        _ = subject.attend(tensors)
        #expect(outer == 2 && inner == 1)
    }

    @Test func anErrorEndsTheObservation() {
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try Compute.observingAttention({ _ in }, during: { throw Stop() })
        }
        #expect(attentionObserver == nil)
    }
}
