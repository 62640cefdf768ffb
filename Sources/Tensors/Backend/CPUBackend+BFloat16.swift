import CKernels
import COneDNN

/// Products of bfloat16, added up in 32 bits: x and dy are rounded here, W [outputs × inputs] lies in memory once.
///
/// Few rows are multiplied by a kernel that reads W once. For more, oneDNN takes W as it lies, by columns on the way forward
/// and by rows on the way back, and re-lays a part of it at each use: at the rows of a training step that costs less than 15% of
/// the time, and saves a second copy.
extension CPUBackend {
    func roundToBFloat16(_ values: Floats, count: Int, into rounded: UnsafeMutableRawPointer) {
        ptk_round_bfloat16(values, Int64(count), rounded.assumingMemoryBound(to: UInt16.self))
    }

    /// y = x·Wᵀ (+ bias).
    func multiply(
        _ x: Floats, by weights: CompressedBytes, inputs: Int, outputs: Int, rows: Int, bias: Floats?,
        into y: MutableFloats
    ) {
        withRounded(x, rows: rows, width: inputs) { x in
            if rows <= ptk_bfloat16_few_rows {
                return ptk_bfloat16_few(weights.halves, Int64(inputs), Int64(outputs), x, Int64(rows), bias, y)
            }
            let status = ptd_multiply_bfloat16(
                weights.halves, Int64(inputs), Int64(outputs), true, x, Int64(padded(rows)), bias, false, y)
            LastWords.check(status, "a product of \(rows) × \(inputs) × \(outputs)")
        }
    }

    /// dx (+)= dy·W.
    func multiplyBack(
        _ dy: Floats, by weights: CompressedBytes, inputs: Int, outputs: Int, rows: Int, accumulate: Bool,
        into dx: MutableFloats
    ) {
        withRounded(dy, rows: rows, width: outputs) { dy in
            let status = ptd_multiply_bfloat16(
                weights.halves, Int64(outputs), Int64(inputs), false, dy, Int64(padded(rows)), nil, accumulate, dx)
            LastWords.check(status, "a product of \(rows) × \(outputs) × \(inputs)")
        }
    }

    /// oneDNN compiles a kernel per shape, and ragged batches make many: see ``OneDNNMatrix``. What is computed of the rows
    /// beyond the end is never read.
    private func padded(_ rows: Int) -> Int { (rows + 15) / 16 * 16 }

    private func withRounded(_ x: Floats, rows: Int, width: Int, _ body: (UnsafePointer<UInt16>) -> Void) {
        let (count, all) = (rows * width, padded(rows) * width)
        let storage = Storage(count: (all + 1) / 2)
        UnsafeMutableRawPointer(storage.floats).withMemoryRebound(to: UInt16.self, capacity: all) { rounded in
            ptk_round_bfloat16(x, Int64(count), rounded)
            (rounded + count).update(repeating: 0, count: all - count)
            body(rounded)
        }
        withExtendedLifetime(storage) {}
    }
}
