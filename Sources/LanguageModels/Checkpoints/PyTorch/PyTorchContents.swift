/// What a PyTorch file describes: the value that was saved, and where its storages lie.
///
/// Two forms are in use. Since PyTorch 1.6 a file is a zip archive: `<any name>/data.pkl` describes, `data/<key>` holds
/// one storage each. Older files, and those saved with `_use_new_zipfile_serialization=False`, are five pickles in a row
/// (a magic number, the version 1001, the sizes of C's types, the value, the keys of the storages in order), then per
/// storage its number of elements (64 bits) and its elements.
struct PyTorchContents {
    private let file: String
    private let size: Int
    private let value: PickleValue
    private let heap: PickleHeap
    /// The bytes of each storage of the heap, within the file; windows are applied.
    private let storages: [Range<Int>]

    /// - Parameter file: the name of the file, for messages.
    init(file: String, bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        do {
            let parts = try StoredZip.isRecognized(bytes) ? Self.zip(bytes) : Self.legacy(bytes)
            storages = try Self.locate(parts.heap.storages, in: parts.blocks)
            (self.file, size, value, heap) = (file, bytes.count, parts.value, parts.heap)
        } catch let failure as PickleFailure {
            throw CheckpointError(failure, file: file)
        } catch let failure as StoredZip.Failure {
            throw .malformedArchive(file: file, problem: failure.problem)
        } catch let failure as Failure {
            throw .malformedArchive(file: file, problem: failure.problem)
        } catch {
            throw .malformedArchive(file: file, problem: "\(error)")
        }
    }

    private struct Failure: Error {
        var problem: String
    }

    /// Whether one tensor was saved, without a container around it.
    var isBareTensor: Bool { if case .tensor = value { true } else { false } }

    /// Every tensor by its name (see ``TensorNames``), with the place of its elements; and the texts that say how a matrix
    /// is laid out.
    func layouts() throws(CheckpointError) -> (tensors: [String: TensorLayout], formats: [String: String]) {
        let names: TensorNames
        do {
            names = try TensorNames(value, in: heap, alone: PyTorchFile.nameOfBareTensor, fileSize: size)
        } catch {
            throw .malformedArchive(file: file, problem: error.problem)
        }
        var layouts: [String: TensorLayout] = [:]
        for (name, index) in names.tensors {
            let tensor = heap.tensors[index]
            do {
                layouts[name] = try TensorLayout(tensor, storage: storages[tensor.storage], fileSize: size)
            } catch {
                throw .malformedTensor(file: file, key: name, problem: error.problem)
            }
        }
        return (layouts, names.formats)
    }

    /// What the forms have in common; a block is the place of a storage's bytes.
    private typealias Parts = (value: PickleValue, heap: PickleHeap, blocks: [String: Range<Int>])

    private static func locate(
        _ storages: [PickleStorage], in blocks: [String: Range<Int>]
    ) throws -> [Range<Int>] {
        try storages.map { storage in
            guard let block = blocks[storage.key] else {
                throw Failure(problem: "its storage \"\(storage.key)\" is missing")
            }
            // Counts were checked to stay below 2^60.
            guard storage.count * storage.elementSize <= block.count else {
                throw Failure(
                    problem: "its storage \"\(storage.key)\" should hold \(storage.count) elements of "
                        + "\(storage.elementSize) bytes, but has \(block.count) bytes")
            }
            let start = block.lowerBound + storage.window.lowerBound * storage.elementSize
            return start..<start + storage.window.count * storage.elementSize
        }
    }

    // MARK: Zip archives

    private static func zip(_ bytes: UnsafeRawBufferPointer) throws -> Parts {
        let archive = try StoredZip(bytes)
        let pickles = archive.entries.keys.filter { $0.hasSuffix("/data.pkl") && $0.count(where: { $0 == "/" }) == 1 }
        guard let name = pickles.first, pickles.count == 1, let range = archive.entries[name] else {
            throw Failure(problem: "it holds \(pickles.count) entries data.pkl, where a PyTorch file has one")
        }
        let folder = name.dropLast("data.pkl".count)
        if let order = archive.entries[folder + "byteorder"], !bytes[order].elementsEqual("little".utf8) {
            let found = String(decoding: bytes[order].prefix(10), as: UTF8.self)
            throw Failure(problem: "its byte order is \"\(found)\", not \"little\": save it again on a usual machine")
        }
        guard range.count <= PickleMachine.largestSize else {
            throw Failure(problem: "its description has \(range.count) bytes, more than \(PickleMachine.largestSize)")
        }
        var machine = PickleMachine(UnsafeRawBufferPointer(rebasing: bytes[range]), fileSize: bytes.count)
        let value = try machine.run()
        let prefix = folder + "data/"
        var blocks: [String: Range<Int>] = [:]
        for (name, range) in archive.entries where name.hasPrefix(prefix) {
            blocks[String(name.dropFirst(prefix.count))] = range
        }
        return (value, machine.heap, blocks)
    }

    // MARK: Legacy files

    /// 0x1950a86a20f9469cfc6c.
    private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

    private static func legacy(_ bytes: UnsafeRawBufferPointer) throws -> Parts {
        var position = 0
        func next() throws -> (PickleValue, PickleHeap) {
            var machine = PickleMachine(bytes, at: position, fileSize: bytes.count)
            let value = try machine.run()
            position = machine.position
            return (value, machine.heap)
        }
        // Nothing of a foreign file is worth a message about its instructions.
        guard bytes.first == 0x80, case (.bytes(magic), _)? = try? next() else {
            throw Failure(problem: "it begins neither as a zip archive nor with PyTorch's magic number")
        }
        guard case .integer(1001) = try next().0 else { throw Failure(problem: "its version is not 1001") }
        let (system, systemHeap) = try next()
        guard case .dictionary(let index) = system else { throw Failure(problem: "it does not name its byte order") }
        for case (.text("little_endian"), let value) in systemHeap.dictionaries[index] {
            guard case .bool(true) = value else {
                throw Failure(problem: "its byte order is \"big\", not \"little\": save it again on a usual machine")
            }
        }
        let (value, heap) = try next()
        let (keys, keysHeap) = try next()
        guard case .list(let list) = keys else { throw Failure(problem: "it does not list its storages") }

        let blocks = try blocks(of: keysHeap.sequences[list], heap, bytes, from: position)
        return (value, heap, blocks)
    }

    /// The storages that follow the pickles, in the order of `keys`.
    private static func blocks(
        of keys: [PickleValue], _ heap: PickleHeap, _ bytes: UnsafeRawBufferPointer, from start: Int
    ) throws -> [String: Range<Int>] {
        let described = Dictionary(heap.storages.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var blocks: [String: Range<Int>] = [:]
        var position = start
        for case let value in keys {
            guard case .text(let key) = value, let storage = described[key], blocks[key] == nil else {
                throw Failure(problem: "it lists a storage that no tensor uses, or one twice")
            }
            guard bytes.count - position >= 8 else { throw Failure(problem: "it ends before storage \"\(key)\"") }
            let count = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Int64.self))
            position += 8
            guard count == storage.count else {
                throw Failure(problem: "its storage \"\(key)\" has \(count) elements instead of \(storage.count)")
            }
            let size = storage.count * storage.elementSize
            guard size <= bytes.count - position else {
                throw Failure(
                    problem: "its storage \"\(key)\" needs \(size) bytes, but \(bytes.count - position) follow")
            }
            blocks[key] = position..<position + size
            position += size
        }
        guard position == bytes.count else {
            throw Failure(problem: "its last \(bytes.count - position) bytes belong to no storage")
        }
        return blocks
    }
}

extension CheckpointError {
    /// The sentence for a pickle that was not read.
    init(_ failure: PickleFailure, file: String) {
        switch failure {
        case .refused(let name): self = .refusedClass(file: file, name: name)
        case .malformed(let position, let problem):
            self = .malformedArchive(file: file, problem: "byte \(position) of its description: \(problem)")
        }
    }
}
