import CKernels

/// RMS normalisation, rotary positions, gates and blocks of columns.
extension CPUBackend {
    func rmsNorm(
        _ x: Floats, gain: Floats, epsilon: Float, heads: HeadColumns, into y: MutableFloats, scale: MutableFloats
    ) {
        ptk_rms_norm_forward(
            x, gain, epsilon, Int64(heads.rows), Int64(heads.count), Int64(heads.width), Int64(heads.stride), y, scale)
    }

    func rmsNormBackward(
        _ dy: Floats, x: Floats, gain: Floats, scale: Floats, heads: HeadColumns, accumulate: Bool,
        into dx: MutableFloats
    ) {
        ptk_rms_norm_backward(
            dy, x, gain, scale, Int64(heads.rows), Int64(heads.count), Int64(heads.width), Int64(heads.stride),
            accumulate, dx)
    }

    func rmsNormGain(_ dy: Floats, x: Floats, scale: Floats, heads: HeadColumns, into gain: MutableFloats) {
        ptk_rms_norm_gain(
            dy, x, scale, Int64(heads.rows), Int64(heads.count), Int64(heads.width), Int64(heads.stride), gain)
    }

    func rotaryTable(_ positions: [Int32], frequencies: [Float], scale: Float, into table: MutableFloats) {
        ptk_rotary_table(positions, Int64(positions.count), frequencies, Int64(frequencies.count), scale, table)
    }

    func rotate(_ x: Floats, by angles: RotaryAngles, rows: Int, width: Int, into y: MutableFloats) {
        angles.withKernelArguments(rows: rows, width: width) { ptk_rotate(&$0, x, false, false, y) }
    }

    func rotateBack(
        _ dy: Floats, by angles: RotaryAngles, rows: Int, width: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        angles.withKernelArguments(rows: rows, width: width) { ptk_rotate(&$0, dy, true, accumulate, dx) }
    }

    func gate(_ kind: Activation, _ x: Floats, rows: Int, width: Int, into y: MutableFloats) {
        ptk_gate_forward(kind.kernel, x, Int64(rows), Int64(width), y)
    }

    func gateBackward(
        _ kind: Activation, _ dy: Floats, x: Floats, rows: Int, width: Int, accumulate: Bool, into dx: MutableFloats
    ) {
        ptk_gate_backward(kind.kernel, dy, x, Int64(rows), Int64(width), accumulate, dx)
    }

    func copyColumns(
        _ x: Floats, stride: Int, rows: Int, width: Int, accumulate: Bool, into y: MutableFloats, stride yStride: Int
    ) {
        ptk_copy_columns(x, Int64(stride), Int64(rows), Int64(width), accumulate, y, Int64(yStride))
    }
}

extension RotaryAngles {
    fileprivate func withKernelArguments(rows: Int, width: Int, _ body: (inout ptk_rotary) -> Void) {
        entries.withUnsafeBufferPointer { entries in
            var call = ptk_rotary(
                table: table.floats, entries: entries.baseAddress, rows: Int64(rows), width: Int64(width),
                heads: Int64(heads), head_width: Int64(headWidth), half: Int64(half),
                neighbours: turnsNeighbours)
            body(&call)
        }
    }
}
