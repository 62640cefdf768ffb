import Foundation
import Tensors

/// The tensors of a GGUF file, or of a set that one was split into, under the names, in the shapes and in the order of elements that
/// `transformers` has them in.
///
/// What the converter turned about is turned back as rows are copied; see ``GGUFForm/Change``.
struct GGUFTensors: TensorSource {
    /// Where a tensor lies, and how it is to be turned back.
    fileprivate struct Place {
        let part: Int
        /// What the file calls it.
        let name: String
        let entry: GGUFHeader.Entry
        let change: GGUFForm.Change?
        /// Row of the file for a row of ours.
        let rows: GGUFRowOrder?
    }

    private let parts: [(mapping: MappedFile, header: GGUFHeader)]
    private let places: [String: Place]
    /// The keys of all tensors, sorted.
    let names: [String]

    /// The tensors of a model.
    ///
    /// - Parameters:
    ///   - parts: The files.
    ///   - form: What they call things.
    ///   - configuration: What the heads' order depends on.
    /// - Throws: ``CheckpointError`` where a tensor cannot be turned back, or occurs twice.
    init(
        _ parts: [(mapping: MappedFile, header: GGUFHeader)], form: GGUFForm, of configuration: any ModelConfiguration
    ) throws {
        var places: [String: Place] = [:]
        for (index, part) in parts.enumerated() {
            for (name, entry) in part.header.tensors where !form.ignored.contains(name) {
                // What nobody knows keeps its name, by which it is reported as left over.
                let (ours, change) = form.place(of: name, in: configuration.parts) ?? (name, nil)
                let rows = try GGUFRowOrder(change, rows: entry.shape[0], configuration) { problem in
                    CheckpointError.malformedTensor(file: part.mapping.path, key: name, problem: problem)
                }
                let place = Place(part: index, name: name, entry: entry, change: change, rows: rows)
                guard places.updateValue(place, forKey: ours) == nil else {
                    throw CheckpointError.malformedGGUF(
                        file: part.mapping.path, problem: "the tensor \"\(name)\" occurs twice in its set")
                }
            }
        }
        self.parts = parts
        self.places = places
        names = places.keys.sorted()
    }

    /// The tensors as they are called and lie in the files.
    init(_ parts: [(mapping: MappedFile, header: GGUFHeader)]) {
        self.parts = parts
        places = parts.enumerated().reduce(into: [:]) { places, part in
            for (name, entry) in part.element.header.tensors {
                places[name] = Place(part: part.offset, name: name, entry: entry, change: nil, rows: nil)
            }
        }
        names = places.keys.sorted()
    }

    /// The file that holds a tensor, or the first where none does.
    func file(of name: String) -> String { parts[places[name]?.part ?? 0].mapping.path }

    /// The shape of a tensor as `transformers` has it.
    func shape(of name: String) -> [Int]? {
        places[name].map { $0.isTransposed ? $0.entry.shape.reversed() : $0.entry.shape }
    }

    /// The rows of a matrix in the file, which ``copyIntegers(_:rows:into:scales:offsets:)`` counts.
    func storedRows(of name: String) -> Int? { places[name]?.entry.shape[0] }

    /// How a tensor is stored.
    func storedType(of name: String) -> StoredType? { places[name]?.entry.type }

    func copy(_ name: String, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool) throws {
        let place = try place(of: name), shape = place.entry.shape
        guard place.isTransposed else {
            return try copy(name, rows: 0..<shape[0], into: destination, checkingFinite: checkingFinite)
        }
        let width = shape[1]
        let stored = UnsafeMutableBufferPointer<Float>.allocate(capacity: destination.count)
        defer { stored.deallocate() }
        try copyRows(place, 0..<shape[0], into: stored, checkingFinite: checkingFinite)
        // 32 rows at a time: a line of the nearest cache is then filled before it is left.
        for first in stride(from: 0, to: shape[0], by: 32) {
            for column in 0..<width {
                for row in first..<min(first + 32, shape[0]) {
                    destination[column * shape[0] + row] = stored[row * width + column]
                }
            }
        }
    }

    func copy(
        _ name: String, rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        let place = try place(of: name)
        guard !place.isTransposed else {
            // Its rows are columns of the file: all of it is read.
            let width = place.entry.shape[0],
                all = UnsafeMutableBufferPointer<Float>.allocate(
                    capacity: place.entry.shape.reduce(1, *))
            defer { all.deallocate() }
            try copy(name, into: all, checkingFinite: checkingFinite)
            _ = destination.update(fromContentsOf: all[rows.lowerBound * width..<rows.upperBound * width])
            return
        }
        try copyRows(place, rows, into: destination, checkingFinite: checkingFinite)
        if case .plusOne = place.change { for index in destination.indices { destination[index] -= 1 } }
    }

    func copyIntegers(
        _ name: String, rows: Range<Int>, into integers: UnsafeMutableBufferPointer<Int8>,
        scales: UnsafeMutableBufferPointer<Float>, offsets: UnsafeMutableBufferPointer<Float>
    ) throws {
        let place = try place(of: name), width = place.width, groups = width / BlockFormat.group
        try checkRows(place)
        guard let format = place.entry.type.blockFormat, let q = integers.baseAddress, let s = scales.baseAddress else {
            throw CheckpointError.unsupportedType(
                file: file(of: name), key: place.name, type: place.entry.type.rawValue)
        }
        try withRows(place, rows) { row, index in
            if let block = format.firstNotFinite(row, blocks: width / format.elements) {
                throw notFinite(place, element: (rows.lowerBound + index) * width + block * format.elements)
            }
            format.split(
                row, blocks: width / format.elements, into: q + index * width, scales: s + index * groups,
                offsets: offsets.baseAddress.map { $0 + index * groups })
        }
    }

    func copyBytes(_ name: String, into destination: UnsafeMutableRawBufferPointer) throws {
        let place = try place(of: name), shape = place.entry.shape, size = place.rowSize
        precondition(destination.count == place.entry.range.count, "the destination must have the tensor's size")
        guard let target = destination.baseAddress else { return }
        try checkRows(place)
        guard !place.isTransposed || place.entry.type.elementsTogether == 1 else {
            throw CheckpointError.unsupportedType(
                file: file(of: name), key: place.name, type: place.entry.type.rawValue)
        }
        try withRows(place, 0..<shape[0]) { row, index in
            guard place.isTransposed else { return (target + index * size).copyMemory(from: row, byteCount: size) }
            let element = place.entry.type.size
            for column in 0..<shape[1] {
                (target + (column * shape[0] + index) * element)
                    .copyMemory(from: row + column * element, byteCount: element)
            }
        }
    }

    func releasePages(of name: String) {
        guard let place = places[name] else { return }
        parts[place.part].mapping.releasePages(of: place.entry.range)
    }

    private func place(of name: String) throws -> Place {
        guard let place = places[name] else {
            throw CheckpointError.missingTensor(file: file(of: name), key: name, similar: [])
        }
        return place
    }

    /// Refuses a vector in blocks, which no writer makes: it has no rows that blocks could fill.
    private func checkRows(_ place: Place) throws {
        guard place.width.isMultiple(of: place.entry.type.elementsTogether) else {
            throw CheckpointError.malformedTensor(
                file: parts[place.part].mapping.path, key: place.name,
                problem: "a vector cannot be stored in blocks (\(place.entry.type.rawValue))")
        }
    }

    /// Widens rows of ours in their order.
    private func copyRows(
        _ place: Place, _ rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, checkingFinite: Bool
    ) throws {
        let width = place.width, type = place.entry.type
        precondition(destination.count == rows.count * width, "the destination must have the size of what is copied")
        guard let target = destination.baseAddress else { return }
        try checkRows(place)
        try withRows(place, rows) { row, index in
            if let format = type.blockFormat {
                if checkingFinite, let block = format.firstNotFinite(row, blocks: width / format.elements) {
                    throw notFinite(place, element: (rows.lowerBound + index) * width + block * format.elements)
                }
                format.widen(row, blocks: width / format.elements, into: target + index * width)
            } else {
                (type.floatFormat ?? .float32).widen(row, count: width, into: target + index * width)
            }
        }
        guard checkingFinite, type.blockFormat == nil,
            let index = FloatFormat.firstNotFinite(target, count: destination.count)
        else { return }
        throw notFinite(place, element: rows.lowerBound * width + index, value: destination[index])
    }

    private func notFinite(_ place: Place, element: Int, value: Float = .nan) -> CheckpointError {
        .notFinite(file: parts[place.part].mapping.path, key: place.name, index: element, value: value)
    }

    /// Gives the bytes of rows of ours, with their numbers from 0 on.
    private func withRows(
        _ place: Place, _ rows: Range<Int>, _ body: (UnsafeRawPointer, Int) throws -> Void
    ) throws {
        let mapping = parts[place.part].mapping
        try withExtendedLifetime(mapping) {
            guard let start = mapping.bytes.baseAddress.map({ $0 + place.entry.range.lowerBound }) else { return }
            for (index, row) in rows.enumerated() {
                try body(start + (place.rows?.stored(row) ?? row) * place.rowSize, index)
            }
        }
    }
}

extension GGUFTensors.Place {
    /// Elements of a row of the file.
    var width: Int { entry.shape.dropFirst().reduce(1, *) }
    /// Bytes of one.
    var rowSize: Int { entry.range.count / entry.shape[0] }

    /// Whether rows of ours are columns of the file's.
    var isTransposed: Bool { if case .transposed = change { entry.shape.count == 2 } else { false } }
}
