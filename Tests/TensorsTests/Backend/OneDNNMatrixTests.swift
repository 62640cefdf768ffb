import Testing

@testable import Tensors

/// oneDNN compiles a kernel for each number of rows; not all are kept.
@Suite struct OneDNNMatrixTests {
    @Compute @Test func kernelsAreBoundedAndRight() throws {
        let values: [Float] = (0..<15).map { Float($0) - 7 }
        let matrix = try OneDNNMatrix(values, k: 3, n: 5, transposed: false)
        // 300 different numbers of rows, then the first ones again, whose kernels are gone by then.
        for rows in (1...300).map({ $0 <= 16 ? $0 : 16 * ($0 - 15) }) + [1, 2, 32] {
            let x = Tensor((0..<3 * rows).map { Float($0 % 7) }, shape: [rows, 3])
            let y = Tensor(shape: [rows, 5])
            matrix.multiply(x.floats, m: rows, bias: nil, accumulate: false, into: y.floats)
            let last = (0..<5).map { column in
                (0..<3).reduce(Float(0)) { $0 + Float((3 * (rows - 1) + $1) % 7) * values[5 * $1 + column] }
            }
            #expect(Array(y.values.suffix(5)) == last, "\(rows) rows")
            #expect(matrix.kernelCount <= 128)
        }
        #expect(matrix.kernelCount == 128)
    }
}
