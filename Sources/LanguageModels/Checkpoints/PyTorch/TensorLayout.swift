import Tensors

/// How a tensor lies in its storage: element i₀, i₁, … at `offset + Σ iₖ·stridesₖ`.
///
/// Made only where all elements lie inside the storage, so that copying needs no checks.
struct TensorLayout: Equatable, Sendable {
    let type: StoredType
    let shape: [Int]
    /// How many elements the tensor has; those of an expanded one are fewer in the file.
    let count: Int
    /// The bytes from the first element to the last, within the file.
    let range: Range<Int>
    private let strides: [Int]
    /// Sizes and strides, in elements, without dimensions of size 1 and with those joined that lie in one run.
    private let runs: [Run]

    private struct Run: Equatable {
        var size: Int
        var stride: Int
    }

    /// The most elements that an expanded tensor may have in a smaller file.
    private static let largestExpansion = 1 << 24

    /// What is wrong with a tensor.
    struct Failure: Error {
        var problem: String
    }

    /// - Parameters:
    ///   - storage: the bytes of the storage within the file.
    ///   - fileSize: bytes; a tensor that repeats few numbers may not be much larger.
    init(_ tensor: PickleTensor, storage: Range<Int>, fileSize: Int) throws(Failure) {
        let (type, shape, strides) = (tensor.type, tensor.shape, tensor.strides)
        func failure(_ problem: String) -> Failure { Failure(problem: problem) }
        guard shape.count == strides.count else {
            throw failure("it has \(shape.count) dimensions, but \(strides.count) strides")
        }
        guard shape.allSatisfy({ $0 >= 0 }) else { throw failure("its shape \(shape) has a negative dimension") }
        guard strides.allSatisfy({ $0 >= 0 }), tensor.offset >= 0 else {
            throw failure("its strides \(strides) or its offset \(tensor.offset) are negative")
        }
        // A size of zero must not hide a product that cannot be counted.
        var product = type.size
        for dimension in shape where dimension > 0 {
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            guard !overflow else { throw failure("its shape \(shape) has more elements than can be counted") }
            product = next
        }
        let count = shape.contains(0) ? 0 : product / type.size
        var last = tensor.offset
        for (dimension, stride) in zip(shape, strides) {
            let (distance, tooFar) = max(0, dimension - 1).multipliedReportingOverflow(by: stride)
            let (sum, overflow) = last.addingReportingOverflow(distance)
            guard !tooFar, !overflow else { throw failure("its strides \(strides) reach farther than can be counted") }
            last = sum
        }
        guard count > 0 else {
            self.init(type: type, shape: shape, strides: strides, first: storage.lowerBound)
            return
        }
        guard count <= max(fileSize, Self.largestExpansion) else {
            throw failure("its shape \(shape) repeats numbers to \(count) elements, more than the file has bytes")
        }
        let stored = storage.count / type.size
        guard last < stored else {
            throw failure(
                "shape \(shape) with strides \(strides) from \(tensor.offset) reaches element \(last), but its storage "
                    + "has \(stored)")
        }
        self.init(
            type: type, shape: shape, strides: strides, first: storage.lowerBound + tensor.offset * type.size)
    }

    /// - Parameter first: where the first element lies in the file; all others lie in the storage.
    private init(type: StoredType, shape: [Int], strides: [Int], first: Int) {
        (self.type, self.shape, self.strides) = (type, shape, strides)
        guard !shape.contains(0) else {
            (count, range, runs) = (0, first..<first, [])
            return
        }
        count = shape.reduce(1, *)
        let last = zip(shape, strides).reduce(0) { $0 + ($1.0 - 1) * $1.1 }
        range = first..<first + (last + 1) * type.size
        var joined: [Run] = []
        for run in zip(shape, strides).map({ Run(size: $0, stride: $1) }) where run.size != 1 {
            if let outer = joined.last, outer.stride == run.size * run.stride {
                joined[joined.count - 1] = Run(size: outer.size * run.size, stride: run.stride)
            } else {
                joined.append(run)
            }
        }
        runs = joined
    }

    /// Some rows, of the first dimension.
    func rows(_ rows: Range<Int>) -> TensorLayout {
        precondition(!shape.isEmpty && rows.upperBound <= shape[0], "rows \(rows) of a tensor \(shape)")
        // The place of rows that are not there may be one that cannot be counted.
        let before = count == 0 || rows.isEmpty ? 0 : rows.lowerBound * strides[0]
        return TensorLayout(
            type: type, shape: [rows.count] + shape.dropFirst(), strides: strides,
            first: range.lowerBound + before * type.size)
    }

    /// Copies the elements, row-major, in the stored type.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - target: `count` elements.
    func copyBytes(from bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
        let size = type.size
        forEachRun(bytes) { source, start, count, stride in
            if stride == 1 {
                (target + start * size).copyMemory(from: source, byteCount: count * size)
            } else {
                gather(source, count: count, stride: stride, into: target + start * size)
            }
        }
    }

    /// Copies the elements, row-major, converted to float32. The type must be convertible.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - target: `count` floats.
    func copyFloats(from bytes: UnsafeRawBufferPointer, to target: UnsafeMutablePointer<Float>) {
        let chunk = 1024
        withUnsafeTemporaryAllocation(byteCount: chunk * 8, alignment: 8) { scratch in
            guard let scratch = scratch.baseAddress else { return }
            forEachRun(bytes) { source, start, count, stride in
                if stride == 1 { return convert(source, to: target + start, count: count) }
                for first in Swift.stride(from: 0, to: count, by: chunk) {
                    let part = min(chunk, count - first)
                    gather(source + first * stride * type.size, count: part, stride: stride, into: scratch)
                    convert(scratch, to: target + start + first, count: part)
                }
            }
        }
    }

    private func convert(_ source: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>, count: Int) {
        (type.floatFormat ?? .float32).widen(source, count: count, into: target)
    }

    /// Calls `body` with each innermost run: its first element, its place in the row-major order, its length, its stride.
    private func forEachRun(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawPointer, Int, Int, Int) -> Void
    ) {
        guard count > 0, let base = bytes.baseAddress else { return }
        let inner = runs.last ?? Run(size: 1, stride: 1)
        let outer = runs.dropLast()
        var indices = Array(repeating: 0, count: outer.count)
        var element = 0
        for start in Swift.stride(from: 0, to: count, by: inner.size) {
            body(base + range.lowerBound + element * type.size, start, inner.size, inner.stride)
            for dimension in outer.indices.reversed() {
                indices[dimension] += 1
                element += outer[dimension].stride
                if indices[dimension] < outer[dimension].size { break }
                element -= outer[dimension].stride * outer[dimension].size
                indices[dimension] = 0
            }
        }
    }

    private func gather(_ source: UnsafeRawPointer, count: Int, stride: Int, into target: UnsafeMutableRawPointer) {
        switch type.size {
        case 1: Self.gather(UInt8.self, source, count, stride, target)
        case 2: Self.gather(UInt16.self, source, count, stride, target)
        case 4: Self.gather(UInt32.self, source, count, stride, target)
        default: Self.gather(UInt64.self, source, count, stride, target)
        }
    }

    private static func gather<Element: BitwiseCopyable>(
        _: Element.Type, _ source: UnsafeRawPointer, _ count: Int, _ stride: Int, _ target: UnsafeMutableRawPointer
    ) {
        let size = MemoryLayout<Element>.size
        for index in 0..<count {
            let value = source.loadUnaligned(fromByteOffset: index * stride * size, as: Element.self)
            target.storeBytes(of: value, toByteOffset: index * size, as: Element.self)
        }
    }
}
