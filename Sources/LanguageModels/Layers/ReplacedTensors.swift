import Synchronization

/// Tensors that an adapter holds in place of the model's own: trained biases, and modules that were trained as a whole.
public struct ReplacedTensors: Sendable {
    private final class Record: Sendable {
        let taken = Mutex<Set<String>>([])
    }

    private let source: any TensorSource
    /// The adapter's key of each tensor, by the tensor's canonical name in the model.
    private let keys: [String: String]
    private let record = Record()

    /// Tensors of an adapter's file.
    ///
    /// - Parameters:
    ///   - keys: The key in `source` of each tensor that is replaced, by its full name in the model
    ///     ("transformer.ln_f.bias").
    ///   - source: The file.
    public init(_ keys: [String: String], of source: any TensorSource) {
        self.source = source
        self.keys = Dictionary(keys.map { (ModuleName.canonical($0.key), $0.value) }, uniquingKeysWith: { $1 })
    }

    /// Number of values of all of them.
    public var parameterCount: Int {
        keys.values.reduce(0) { $0 + (source.shape(of: $1) ?? []).reduce(1, *) }
    }

    /// Adds all names and values.
    func add(to digester: inout Digester) throws {
        for (name, key) in keys.sorted(by: { $0.key < $1.key }) {
            digester.add(name)
            let count = (source.shape(of: key) ?? []).reduce(1, *)
            let values = try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                try source.copy(
                    key, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]), checkingFinite: false)
                initialized = count
            }
            digester.add(values)
        }
    }

    /// The names that no model took, sorted.
    var unused: [String] {
        let taken = record.taken.withLock { $0 }
        return keys.keys.filter { !taken.contains($0) }.sorted()
    }

    /// Whether a tensor of the model is replaced.
    func contains(_ name: String) -> Bool { keys[ModuleName.canonical(name)] != nil }

    /// A checkpoint in which the tensors are replaced.
    func over(_ base: any TensorSource) -> any TensorSource { Overlay(base: base, replaced: self) }

    /// What answers for a replaced tensor: only for one that the checkpoint has, under its name there, or for a head where it
    /// has none, as of a tied model.
    private struct Overlay: TensorSource {
        let base: any TensorSource
        let replaced: ReplacedTensors
        let hasHead: Bool

        init(base: any TensorSource, replaced: ReplacedTensors) {
            self.base = base
            self.replaced = replaced
            hasHead = base.names.contains { ModuleName.canonical($0) == "\(ModuleName.head).weight" }
        }

        private func key(_ name: String) -> String? {
            let canonical = ModuleName.canonical(name)
            guard let key = replaced.keys[canonical] else { return nil }
            if base.shape(of: name) != nil { return key }
            return canonical == "\(ModuleName.head).weight" && !hasHead ? key : nil
        }

        /// The same, for reading it.
        private func take(_ name: String) -> String? {
            guard let key = key(name) else { return nil }
            _ = replaced.record.taken.withLock { $0.insert(ModuleName.canonical(name)) }
            return key
        }

        var names: [String] { base.names }
        func file(of name: String) -> String {
            key(name).map(replaced.source.file) ?? base.file(of: name)
        }
        func shape(of name: String) -> [Int]? { key(name).flatMap(replaced.source.shape) ?? base.shape(of: name) }
        func storedType(of name: String) -> StoredType? {
            key(name).flatMap(replaced.source.storedType) ?? base.storedType(of: name)
        }
        func releasePages(of name: String) {
            if let key = key(name) { replaced.source.releasePages(of: key) } else { base.releasePages(of: name) }
        }
        func copy(_ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool) throws {
            guard let key = take(name) else {
                return try base.copy(name, into: destination, checkingFinite: checkingFinite)
            }
            try replaced.source.copy(key, into: destination, checkingFinite: checkingFinite)
        }
        func copy(
            _ name: String, rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
        ) throws {
            guard let key = take(name) else {
                return try base.copy(name, rows: rows, into: destination, checkingFinite: checkingFinite)
            }
            try replaced.source.copy(key, rows: rows, into: destination, checkingFinite: checkingFinite)
        }
        func copyIntegers(
            _ name: String, rows: Range<Int>, into integers: UnsafeMutableBufferPointer<Int8>,
            scales: UnsafeMutableBufferPointer<Float>, offsets: UnsafeMutableBufferPointer<Float>
        ) throws {
            let (source, key) = take(name).map { (replaced.source, $0) } ?? (base, name)
            try source.copyIntegers(key, rows: rows, into: integers, scales: scales, offsets: offsets)
        }
        func copyBytes(_ name: String, into destination: UnsafeMutableRawBufferPointer) throws {
            guard let key = take(name) else { return try base.copyBytes(name, into: destination) }
            try replaced.source.copyBytes(key, into: destination)
        }
    }
}
