import Foundation
import Synchronization

/// Takes the tensors of a checkpoint one by one, each under its key, shape checked.
///
/// A reader is scoped like the model is nested, so that a layer names only its own part of the key. All scopes of one
/// checkpoint share the record of what was taken; ``finish(ignoring:)`` then reports tensors that nothing used.
///
/// ```swift
/// let reader = CheckpointReader(try SafetensorsFile(url))
/// let model = reader.scoped("transformer", ifPresent: "wte.weight")
/// let attention = model.scoped("h.0").scoped("attn")
/// let weight = try attention.read("c_attn.weight", shape: [768, 2304])
/// try reader.finish(ignoring: ["*.attn.bias", "*.attn.masked_bias"])
/// ```
public struct CheckpointReader: Sendable {
    final class Record: Sendable {
        let state = Mutex<(taken: Set<String>, digest: UInt64)>(([], 0))
    }

    private let source: any TensorSource
    let record = Record()
    private var scope = ""

    /// Whether NaN or infinity in a tensor is an error (on by default).
    public var checksValues = true

    /// Whether the file's pages are given back after each tensor (on by default): weights are copied or re-laid
    /// anyway, and then both copies would count.
    public var releasesPages = true

    /// Whether some matrix of the checkpoint is quantised, in this scope or another.
    let holdsQuantizedMatrices: Bool

    /// A reader over all tensors of `source`.
    public init(_ source: any TensorSource) {
        self.source = source
        holdsQuantizedMatrices = source.names.contains(where: Self.isMarkOfQuantization)
    }

    /// The reader for the keys that begin with `name` and a dot.
    public func scoped(_ name: String) -> CheckpointReader {
        var inner = self
        inner.scope = scope + name + "."
        return inner
    }

    /// The reader for the keys that begin with `name` and a dot where `probe` exists there, else this reader itself.
    ///
    /// Checkpoints of one architecture come with and without the name of the surrounding module: GPT-2's keys begin
    /// with `transformer.` or not.
    public func scoped(_ name: String, ifPresent probe: String) -> CheckpointReader {
        let inner = scoped(name)
        return inner.contains(probe) ? inner : self
    }

    /// The reader over other tensors in the same scope, with a record of its own.
    func over(_ change: (any TensorSource) -> any TensorSource) -> CheckpointReader {
        var other = CheckpointReader(change(source))
        (other.scope, other.checksValues, other.releasesPages) = (scope, checksValues, releasesPages)
        return other
    }

    /// What is known of every tensor of the checkpoint, in this scope or another, before any is read.
    var headers: [(file: String, shape: [Int], type: StoredType)] {
        source.names.compactMap { name in
            guard let shape = source.shape(of: name), let type = source.storedType(of: name) else { return nil }
            return (source.file(of: name), shape, type)
        }
    }

    /// Whether there is a tensor of this name in this scope.
    public func contains(_ name: String) -> Bool { source.shape(of: scope + name) != nil }

    /// The file and the full key of a tensor, present or not: for messages.
    func place(of name: String) -> (file: String, key: String) { (source.file(of: scope + name), scope + name) }

    /// The shape of a tensor, or nil where there is none of this name in this scope.
    public func shape(of name: String) -> [Int]? { source.shape(of: scope + name) }

    /// How a tensor is stored, or nil where there is none of this name in this scope.
    public func storedType(of name: String) -> StoredType? { source.storedType(of: scope + name) }

    /// A text that says how a tensor is laid out, or nil where there is none of this name in this scope.
    func format(of name: String) -> String? { source.format(of: scope + name) }

    /// A tensor as float32, row-major.
    ///
    /// - Throws: ``CheckpointError`` where it is missing, has another shape, was taken before, is stored in another
    ///   kind of number, or holds NaN or infinity.
    public func read(_ name: String, shape: [Int]) throws -> [Float] {
        let key = try check(name, shape: shape)
        let count = shape.reduce(1, *)
        let values = try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            try source.copy(
                key, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]), checkingFinite: checksValues)
            initialized = count
        }
        values.withUnsafeBufferPointer { note(key, shape: shape, values: $0) }
        releasePages(of: key)
        return values
    }

    /// Copies a tensor as float32, row-major, into memory of the caller's.
    ///
    /// - Parameter destination: as many floats as `shape` has elements.
    /// - Throws: as ``read(_:shape:)``.
    public func read(_ name: String, shape: [Int], into destination: UnsafeMutableBufferPointer<Float>) throws {
        let key = try check(name, shape: shape)
        try source.copy(key, into: destination, checkingFinite: checksValues)
        note(key, shape: shape, values: UnsafeBufferPointer(destination))
        releasePages(of: key)
    }

    /// Gives what copies rows of a tensor as float32, for those who need not hold all of it at once. Where
    /// a matrix lies transposed in its file, each call reads most of its pages again.
    ///
    /// - Parameter body: Receives a function that copies the given rows, which has the errors of ``read(_:shape:)``. Each row
    ///   is to be asked for once: ``digest`` counts what was copied.
    /// - Returns: What `body` returns.
    /// - Throws: As ``read(_:shape:)``, and what `body` throws.
    public func withRows<Result>(
        of name: String, shape: [Int],
        _ body: ((Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void) throws -> Result
    ) throws -> Result {
        let key = try check(name, shape: shape)
        return try body { rows, destination in
            try source.copy(key, rows: rows, into: destination, checkingFinite: checksValues)
            note(key, shape: shape, rows: rows, values: UnsafeBufferPointer(destination))
            releasePages(of: key)
        }
    }

    /// Copies rows of integers, their scales and offsets; see ``TensorSource``.
    typealias IntegerRows = (
        Range<Int>, UnsafeMutableBufferPointer<Int8>, UnsafeMutableBufferPointer<Float>,
        UnsafeMutableBufferPointer<Float>
    ) throws -> Void

    /// Gives what copies rows of a matrix as integers. What they stand for is noted before, some rows at a time, whatever is
    /// copied then.
    ///
    /// - Parameters:
    ///   - shape: As `transformers` has it; the rows that are copied are of [output × input].
    ///   - isTurned: Whether these two differ.
    /// - Throws: As ``read(_:shape:)``, and what `body` throws.
    func withIntegers<Result>(
        of name: String, shape: [Int], isTurned: Bool = false, _ body: (@escaping IntegerRows) throws -> Result
    ) throws -> Result {
        let key = try check(name, shape: shape), width = shape.dropFirst().reduce(1, *)
        // A megabyte of floats; a matrix that lies turned can only be had whole.
        let most = isTurned ? shape[0] : max(1, (1 << 20) / width)
        let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(most, shape[0]) * width)
        defer { values.deallocate() }
        for first in stride(from: 0, to: shape[0], by: most) {
            let rows = first..<min(first + most, shape[0])
            let part = UnsafeMutableBufferPointer(rebasing: values[..<(rows.count * width)])
            if isTurned {
                try source.copy(key, into: part, checkingFinite: checksValues)
            } else {
                try source.copy(key, rows: rows, into: part, checkingFinite: checksValues)
            }
            note(key, shape: shape, rows: rows, values: UnsafeBufferPointer(part))
        }
        let result = try body { [source] rows, integers, scales, offsets in
            try source.copyIntegers(key, rows: rows, into: integers, scales: scales, offsets: offsets)
        }
        releasePages(of: key)
        return result
    }

    /// Copies the elements of a tensor as they are stored, row-major, into memory of the caller's.
    ///
    /// - Parameters:
    ///   - type: how the tensor must be stored.
    ///   - destination: as many bytes as `shape` has elements, times the size of `type`.
    /// - Throws: ``CheckpointError`` where it is missing, has another shape, is stored otherwise, or was taken before.
    public func readBytes(
        _ name: String, shape: [Int], type: StoredType, into destination: UnsafeMutableRawBufferPointer
    ) throws {
        let key = try check(name, shape: shape, type: type)
        try source.copyBytes(key, into: destination)
        note(key, shape: shape, type: type, bytes: UnsafeRawBufferPointer(destination))
        releasePages(of: key)
    }

    /// The elements of a tensor as they are stored, row-major.
    ///
    /// - Parameter type: how the tensor must be stored.
    /// - Throws: as ``readBytes(_:shape:type:into:)``.
    public func readBytes(_ name: String, shape: [Int], type: StoredType) throws -> [UInt8] {
        let key = try check(name, shape: shape, type: type)
        let count = shape.reduce(type.size, *)
        let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let memory = UnsafeMutableRawBufferPointer(buffer)
            try source.copyBytes(key, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
            initialized = count
        }
        bytes.withUnsafeBytes { note(key, shape: shape, type: type, bytes: $0) }
        releasePages(of: key)
        return bytes
    }

    /// A tensor that a checkpoint may lack: nil where it is absent, else as ``read(_:shape:)``.
    public func readIfPresent(_ name: String, shape: [Int]) throws -> [Float]? {
        contains(name) ? try read(name, shape: shape) : nil
    }

    /// Reports the tensors of this scope that nothing took: the sign of a checkpoint of another model.
    ///
    /// - Parameter patterns: keys, relative to this scope, that need not be used; `*` stands for any text.
    /// - Throws: ``CheckpointError/unexpectedTensors(file:keys:)``.
    public func finish(ignoring patterns: [String] = []) throws {
        let taken = record.state.withLock { $0.taken }
        let extra = source.names.filter { key in
            guard key.hasPrefix(scope), !taken.contains(key) else { return false }
            let name = Array(key.utf8.dropFirst(scope.utf8.count))
            return !patterns.contains { Self.matches(name[...], Array($0.utf8)[...]) }
        }
        if let first = extra.first {
            throw CheckpointError.unexpectedTensors(file: source.file(of: first), keys: extra)
        }
    }

    /// Checks that a tensor is there and has a shape, which is the configuration's: before memory of that size is asked for.
    ///
    /// - Throws: ``CheckpointError/missingTensor(file:key:similar:)`` or
    ///   ``CheckpointError/wrongShape(file:key:expected:found:)``.
    func expect(_ name: String, shape: [Int]) throws {
        let key = scope + name, file = source.file(of: key)
        guard let found = source.shape(of: key) else {
            throw CheckpointError.missingTensor(file: file, key: key, similar: similarNames(to: key))
        }
        guard found == shape else {
            throw CheckpointError.wrongShape(file: file, key: key, expected: shape, found: found)
        }
    }

    private func check(_ name: String, shape: [Int], type: StoredType? = nil) throws -> String {
        try expect(name, shape: shape)
        let key = scope + name, file = source.file(of: key)
        if let type, let found = source.storedType(of: key), found != type {
            throw CheckpointError.malformedTensor(
                file: file, key: key,
                problem: "its elements are stored as \(found.rawValue), where \(type.rawValue) belongs")
        }
        guard record.state.withLock({ $0.taken.insert(key).inserted }) else {
            throw CheckpointError.takenTwice(file: file, key: key)
        }
        return key
    }

    private func releasePages(of key: String) {
        if releasesPages { source.releasePages(of: key) }
    }

    /// Keys that end alike: what a missing one probably is called in this file.
    private func similarNames(to key: String) -> [String] {
        let parts = key.split(separator: ".")
        for length in stride(from: parts.count, to: 0, by: -1) {
            let ending = parts.suffix(length).joined(separator: ".")
            let found = source.names.filter { $0 == ending || $0.hasSuffix("." + ending) }
            if !found.isEmpty { return Array(found.prefix(3)) }
        }
        return []
    }

    /// Whether `name` is what `pattern` describes, where `*` stands for any text. Names come from files and may be long: no
    /// recursion, and of the stars only the last one is ever gone back to.
    private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        var n = name.startIndex, p = pattern.startIndex
        var star: (pattern: Int, name: Int)?
        while n < name.endIndex {
            if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                star = (p, n)
                p += 1
            } else if p < pattern.endIndex, pattern[p] == name[n] {
                (n, p) = (n + 1, p + 1)
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                (n, p) = (last.name + 1, last.pattern + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
